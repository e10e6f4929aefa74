//! Purpose codes: what each department may watch for, one row per clause of articles J-11 to J-20, in the regulation's own
//! words. Where an article ends with "other key work", that is code `*-X`, which needs free text; J-11 has no such clause. Shipped data.

use std::sync::LazyLock;

use media::wall::Wall;
use serde::{Deserialize, Serialize};

use super::{PurposeCode, UnitId};

/// Whether a purpose serves public security, which public-place images are reserved for (PIPL-26).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub enum PublicSecurity {
    /// It does.
    Y,
    /// It does not.
    N,
    /// In part: the buyer settles it.
    M,
}

/// One purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Purpose {
    /// Its code, for example `GA-3`.
    pub code: PurposeCode,
    /// The shipped unit whose duty it is.
    pub unit: UnitId,
    /// The article it stands in, for example `J-14`.
    pub article: &'static str,
    /// The regulation's words.
    pub zh: &'static str,
    /// The same in English.
    pub en: &'static str,
    /// Whether it serves public security.
    pub ps: PublicSecurity,
    /// In force from this instant; `None` means from the regulation's issue.
    pub valid_from: Option<Wall>,
    /// In force until this instant, exclusive; `None` means until repealed.
    pub valid_to: Option<Wall>,
}

impl Purpose {
    /// True while it is in force.
    pub fn is_in_force(&self, at: Wall) -> bool {
        self.valid_from.is_none_or(|from| from <= at) && self.valid_to.is_none_or(|to| at < to)
    }

    /// True for "other key work" (`*-X`), which cannot be named without saying which.
    pub fn needs_narrative(&self) -> bool {
        self.code.as_str().ends_with("-X")
    }
}

/// 2023-01-08T00:00:00+08:00: from then on COVID-19 was managed as a category B infection (国务院联防联控机制, 2022-12-26),
/// which ended isolation points and mass sampling. The two purposes that rest on them lapsed with it.
const COVID_LAPSED: Wall = Wall::from_micros(1_673_107_200_000_000);

use PublicSecurity::{M, N, Y};

/// Code, unit, article, the clause in Chinese and English, public security, lapses with COVID control.
type Shipped = (&'static str, &'static str, &'static str, &'static str, &'static str, PublicSecurity, bool);

const OTHER_ZH: &str = "监控中所涉及的本单位其他重点工作";
const OTHER_EN: &str = "Other key work of the unit that the monitoring touches";

#[rustfmt::skip]
const SHIPPED: [Shipped; 43] = [
    ("CJ-1", "cjb", "J-11", "示范区各个角落的卫生清扫、垃圾处理", "Street cleaning and refuse in every corner of the zone", N, false),
    ("CJ-2", "cjb", "J-11", "各种不文明行为", "Uncivil behaviour of all kinds", N, false),
    ("JT-1", "jtj", "J-12", "示范区公路、水路客运交通安全监管", "Safety of passenger traffic on roads and waterways", Y, false),
    ("JT-2", "jtj", "J-12", "示范区重点干线路网运行监测、联网管理和协调", "Operation, joint management and coordination of the trunk network", M, false),
    ("JT-3", "jtj", "J-12", "示范区交通运输基础设施的管理和维护", "Management and upkeep of transport infrastructure", N, false),
    ("JT-X", "jtj", "J-12", OTHER_ZH, OTHER_EN, M, false),
    ("SL-1", "slj", "J-13", "示范区生活、生产经营和生态环境用水的统筹兼顾和保障", "Allocation and supply of water for life, business and nature", N, false),
    ("SL-2", "slj", "J-13", "监管示范区重大涉水违法事件", "Major violations of water law", M, false),
    ("SL-3", "slj", "J-13", "示范区水情旱情监测预报预警,防御洪水、抗御旱灾的应急调度管理", "Flood and drought monitoring and warning; emergency dispatch", Y, false),
    ("SL-X", "slj", "J-13", OTHER_ZH, OTHER_EN, M, false),
    ("GA-1", "gaj", "J-14", "预防、制止和侦查违法犯罪活动,如街面、路面现行违法犯罪或可疑人员、可疑车辆和可疑物品等", "Preventing, stopping and investigating crime, such as crime in progress in the streets, or suspicious persons, vehicles and objects", Y, false),
    ("GA-2", "gaj", "J-14", "示范区社会不安定因素(非法堵路堵门、群体性聚集事件、破坏公用设施等)", "Causes of social instability (unlawful blockades, mass gatherings, damage to public facilities)", Y, false),
    ("GA-3", "gaj", "J-14", "示范区交通安全和交通秩序,处理交通事故、火灾和突发性灾害事故", "Traffic safety and order; traffic accidents, fires and sudden disasters", Y, false),
    ("GA-4", "gaj", "J-14", "示范区重要会议和大型庆祝仪式等活动的安全和保障工作", "Security of important meetings and large celebrations", Y, false),
    ("GA-X", "gaj", "J-14", OTHER_ZH, OTHER_EN, M, false),
    ("WJ-1", "wjw", "J-15", "示范区突发新冠肺炎疫情事件的应急处置", "Emergency response to sudden COVID-19 outbreaks", Y, true),
    ("WJ-2", "wjw", "J-15", "示范区突发公共卫生事件的预防控制和各类突发公共事件的医疗卫生救援", "Prevention and control of public-health emergencies; medical rescue in public emergencies", Y, false),
    ("WJ-3", "wjw", "J-15", "示范区严重危害人民健康的公共卫生问题", "Public-health problems that gravely endanger people's health", M, false),
    ("WJ-4", "wjw", "J-15", "示范区疫情防控集中隔离点、核酸检测采样点的常态化运行情况", "Running of isolation points and nucleic-acid sampling points", M, true),
    ("WJ-X", "wjw", "J-15", OTHER_ZH, OTHER_EN, M, false),
    ("YJ-1", "yjj", "J-16", "示范区相关行业事故应急救援和调查处理", "Rescue in and investigation of industrial accidents", Y, false),
    ("YJ-2", "yjj", "J-16", "示范区较大安全生产风险监测预警", "Monitoring and warning of greater work-safety risks", Y, false),
    ("YJ-3", "yjj", "J-16", "示范区火灾、水灾和地震等自然灾害防治", "Prevention and control of fire, flood, earthquake and other natural disasters", Y, false),
    ("YJ-4", "yjj", "J-16", "示范区各个行业的安全生产监督管理", "Supervision of work safety in every industry", M, false),
    ("YJ-X", "yjj", "J-16", OTHER_ZH, OTHER_EN, M, false),
    ("ZJ-1", "zjj", "J-17", "示范区的市容市貌、环境绿化问题", "City appearance and greening", N, false),
    ("ZJ-2", "zjj", "J-17", "示范区内生活垃圾、建筑垃圾、渣土车辆常态长效管理等工作", "Household refuse, construction waste and muck trucks", N, false),
    ("ZJ-3", "zjj", "J-17", "示范区公用事业国有资产设备设施的保护管理", "Protection of state-owned public-utility equipment and facilities", N, false),
    ("ZJ-4", "zjj", "J-17", "对示范区工程实体质量的监督抽查和参与工程质量引起的突发性安全事故的调查", "Spot checks of engineering quality; investigation of sudden accidents that it causes", M, false),
    ("ZJ-5", "zjj", "J-17", "示范区绿化工程的建设质量监督管理,城市古树名木的保护管理", "Quality of greening works; protection of old and notable trees", N, false),
    ("ZJ-X", "zjj", "J-17", OTHER_ZH, OTHER_EN, M, false),
    ("WL-1", "wlj", "J-18", "监管示范区重大文化、广电、旅游和文物活动", "Major cultural, broadcasting, tourism and heritage events", M, false),
    ("WL-2", "wlj", "J-18", "示范区旅游景区、景点和文化场馆等场所的突发情况", "Emergencies at sights and cultural venues", Y, false),
    ("WL-3", "wlj", "J-18", "示范区文化遗产保护管理和古建筑保护维修", "Protection of cultural heritage; upkeep of old buildings", N, false),
    ("WL-4", "wlj", "J-18", "示范区文化、广电和旅游市场经营行业监管", "Supervision of the cultural, broadcasting and tourism market", N, false),
    ("WL-X", "wlj", "J-18", OTHER_ZH, OTHER_EN, M, false),
    ("NY-1", "nyj", "J-19", "示范区的秸秆焚烧情况", "Straw burning", M, false),
    ("NY-2", "nyj", "J-19", "示范区农业防灾减灾和农作物重大病虫害防治", "Farm disaster prevention and relief; control of major crop pests and diseases", N, false),
    ("NY-3", "nyj", "J-19", "示范区农村环境的整治提升和农业清洁生产", "Improving the rural environment; clean farm production", N, false),
    ("NY-X", "nyj", "J-19", OTHER_ZH, OTHER_EN, M, false),
    ("LY-1", "lyj", "J-20", "示范区国有林场防火监测预警和督促检查", "Forest-fire monitoring, warning and inspection in state forest farms", Y, false),
    ("LY-2", "lyj", "J-20", "示范区林业和草原重点生态保护修复工程", "Key ecological protection and restoration works of forest and grassland", N, false),
    ("LY-X", "lyj", "J-20", OTHER_ZH, OTHER_EN, M, false),
];

/// The shipped purposes, in the order of the articles.
pub fn shipped() -> Vec<Purpose> {
    let purpose = |&(code, unit, article, zh, en, ps, lapses): &Shipped| Purpose {
        code: code.parse().expect("shipped codes are valid, as a test shows"),
        unit: unit.parse().expect("shipped units are valid, as a test shows"),
        article,
        zh,
        en,
        ps,
        valid_from: None,
        valid_to: lapses.then_some(COVID_LAPSED),
    };
    SHIPPED.iter().map(purpose).collect()
}

/// The shipped purpose with this code. Each decision asks, so the list is made once.
pub fn find(code: &PurposeCode) -> Option<&'static Purpose> {
    static LIST: LazyLock<Vec<Purpose>> = LazyLock::new(shipped);
    LIST.iter().find(|purpose| purpose.code == *code)
}

/// What a refused purpose cites: the article that gave it to its department; J-21 where none did, and of a unit without any duties.
pub fn cited(article: Option<&'static str>, duties: &[PurposeCode]) -> Vec<&'static str> {
    vec![article.filter(|_| !duties.is_empty()).unwrap_or("J-21"), "J-23"]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_list_has_every_clause_of_each_article_once() {
        let mut clauses: BTreeMap<&str, usize> = BTreeMap::new();
        let mut codes = std::collections::BTreeSet::new();
        for purpose in shipped() {
            assert!(codes.insert(purpose.code.clone()), "{} twice", purpose.code);
            *clauses.entry(purpose.article).or_default() += 1;
        }
        let expected = [
            ("J-11", 2),
            ("J-12", 4),
            ("J-13", 4),
            ("J-14", 5),
            ("J-15", 5),
            ("J-16", 5),
            ("J-17", 6),
            ("J-18", 5),
            ("J-19", 4),
            ("J-20", 3),
        ];
        assert_eq!(clauses.into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_pandemic_purposes_lapsed_and_the_others_stand() {
        let before = "2022-12-01T00:00:00+08:00".parse::<crate::stamp::Stamp>().unwrap().0;
        let after = "2023-01-08T00:00:00+08:00".parse::<crate::stamp::Stamp>().unwrap().0;
        for purpose in shipped() {
            assert!(purpose.is_in_force(before), "{}", purpose.code);
            assert_eq!(purpose.is_in_force(after), !["WJ-1", "WJ-4"].contains(&purpose.code.as_str()));
        }
    }
}
