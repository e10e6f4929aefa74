//! Units: the departments that use the platform, and the Bureau that runs it. No person acts outside a registered unit (J-2).

use media::wall::Wall;
use serde::{Deserialize, Serialize};

use super::{Area, PurposeCode, UnitId};
use crate::store::{Store, StoreError, Versioned};

/// The Bureau's unit: 政务服务和大数据管理局 (J-4, J-7).
pub const BUREAU: &str = "zwj";

/// What a unit is to the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnitKind {
    /// The Bureau: keeps the catalogue and decides. There is one.
    Bureau,
    /// A department with duties of its own in the regulation (J-11 to J-20).
    Department,
    /// Any other user of the platform (J-21): no purposes until the Bureau sets them.
    Other,
}

/// Whether a unit's people may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnitState {
    /// Registered: its people may act.
    Registered,
    /// Taken off the register: none of its people may act. The record stays for the ledger's sake.
    Withdrawn,
}

/// One unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// Its id.
    pub id: UnitId,
    /// Its name, as on its seal.
    pub name: String,
    /// What it is to the platform.
    pub kind: UnitKind,
    /// Unified social credit code (18 characters), where known.
    pub credit_code: Option<String>,
    /// 主要负责人, the first responsible person (J-24(1)), where named.
    pub principal: Option<String>,
    /// Whether its people may act.
    pub state: UnitState,
    /// The purposes of its duties (J-11 to J-21).
    pub purposes: Vec<PurposeCode>,
    /// Its jurisdiction (J-25); empty means the whole zone.
    pub areas: Vec<Area>,
    /// The part of it that its duties are for; empty means all of it. What lies outside is seen in the catalogue, and no further.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub duty_areas: Vec<Area>,
    /// Counts changes, from 1.
    pub version: u64,
    /// When it was registered.
    pub created_at: Wall,
    /// When it last changed.
    pub changed_at: Wall,
}

impl Unit {
    /// True while its people may act.
    pub fn is_registered(&self) -> bool {
        self.state == UnitState::Registered
    }
}

/// All units.
pub const UNITS: &str = "unit/";

/// A unit's key.
pub fn key(id: &UnitId) -> String {
    format!("{UNITS}{id}")
}

/// The key of one line of a unit's history: the record as it was from this version on.
pub fn history_key(unit: &Unit) -> String {
    format!("unit-history/{}/{:020}-{:010}", unit.id, unit.changed_at.micros(), unit.version)
}

/// One unit.
pub fn load(store: &Store, id: &UnitId) -> Result<Option<Versioned<Unit>>, StoreError> {
    store.get_json(&key(id))
}

/// The shipped units: the Bureau and the ten departments of J-11 to J-20, with the prefix of their purpose codes.
const SHIPPED: [(&str, &str, UnitKind, &str); 11] = [
    (BUREAU, "政务服务和大数据管理局", UnitKind::Bureau, ""),
    ("cjb", "市创建办", UnitKind::Department, "CJ-"),
    ("jtj", "交通运输局", UnitKind::Department, "JT-"),
    ("slj", "水利局", UnitKind::Department, "SL-"),
    ("gaj", "公安局", UnitKind::Department, "GA-"),
    ("wjw", "卫生健康委员会", UnitKind::Department, "WJ-"),
    ("yjj", "应急管理局", UnitKind::Department, "YJ-"),
    ("zjj", "住房和城乡建设局", UnitKind::Department, "ZJ-"),
    ("wlj", "文化广电和旅游局", UnitKind::Department, "WL-"),
    ("nyj", "农业农村局", UnitKind::Department, "NY-"),
    ("lyj", "林业局", UnitKind::Department, "LY-"),
];

/// The shipped units as they stand on the day the appliance is set up.
pub fn shipped(at: Wall) -> Vec<Unit> {
    let purposes = super::purpose::shipped();
    let unit = |&(id, name, kind, prefix): &(&str, &str, UnitKind, &str)| Unit {
        id: id.parse().expect("shipped ids are valid, as a test shows"),
        name: name.into(),
        kind,
        credit_code: None,
        principal: None,
        state: UnitState::Registered,
        purposes: purposes
            .iter()
            .filter(|p| p.unit.as_str() == id && p.code.as_str().starts_with(prefix))
            .map(|p| p.code.clone())
            .collect(),
        areas: Vec::new(),
        duty_areas: Vec::new(),
        version: 1,
        created_at: at,
        changed_at: at,
    };
    SHIPPED.iter().map(unit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ten_departments_have_purposes_and_the_bureau_has_none() {
        let units = shipped(Wall::EPOCH);
        assert_eq!(units.len(), 11);
        for unit in units {
            assert_eq!(unit.purposes.is_empty(), unit.kind == UnitKind::Bureau, "{}", unit.name);
        }
    }
}
