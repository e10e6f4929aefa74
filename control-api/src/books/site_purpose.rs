//! 用途: what the site says of a purpose beside the shipped list (J-11 to J-21): one of its own, one that lapses or is in force again,
//! and whether it serves public security (PIPL-26).

use media::wall::Wall;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::register::{Due, Filing, Move, Reading, Record, Register, Touch, Who, rows, text};
use crate::registers::field::prose;
use crate::registers::purpose::{self, PublicSecurity};
use crate::registers::{PurposeCode, Role};
use crate::stamp::Stamp;
use crate::store::{Store, StoreError};

/// What is said of a purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SitePurpose {
    /// Its code; one of the shipped list, or one of the site's own.
    pub code: PurposeCode,
    /// Its words in Chinese.
    #[schema(min_length = 1, max_length = 2000)]
    pub zh: String,
    /// The same in English.
    #[schema(min_length = 1, max_length = 2000)]
    pub en: String,
    /// Whether it serves public security.
    pub ps: PublicSecurity,
    /// In force from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Stamp>,
    /// In force until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<Stamp>,
}

crate::register::states! {
    /// Where it stands.
    SitePurposeState {
        /// It counts, in place of what is shipped.
        InForce = "in_force",
        /// It counts no more; what is shipped does.
        Repealed = "repealed",
        /// Its time is over, and the purpose with it.
        Lapsed = "lapsed",
    }
}

use SitePurposeState::{InForce, Lapsed, Repealed};

impl Register for SitePurpose {
    const NAME: &'static str = "site-purposes";
    const ABOUT: &'static str = "What the site says of purposes beside the shipped list.";
    const ARTICLES: &'static [&'static str] = &["J-11", "J-21", "J-23", "PIPL-26"];
    type State = SitePurposeState;
    const FIRST: SitePurposeState = InForce;
    const FILING: Who = Who::any(&[Role::BureauApprover]);
    const READING: Reading = Reading { all: &Role::ALL, own: &[], subject: false };
    const MOVES: &'static [Move<SitePurposeState>] = &[
        Move {
            step: "repeal",
            from: &[InForce, Lapsed],
            to: Repealed,
            who: Who::any(&[Role::BureauApprover]),
            needs_reason: true,
        },
        Move { step: "lapse", from: &[InForce], to: Lapsed, who: Who::APPLIANCE, needs_reason: false },
    ];
    const COLUMNS: &'static [crate::register::Column] =
        &[text("code"), text("zh"), text("en"), text("ps"), text("valid_from"), text("valid_to")];

    fn checked(self, _: &Filing<'_>) -> Result<Self, ApiError> {
        if self.valid_from.zip(self.valid_to).is_some_and(|(from, to)| from >= to) {
            return Err(ApiError::field("valid_from", "须早于 valid_to。", "It has to lie before `valid_to`."));
        }
        Ok(Self { zh: prose("zh", &self.zh)?, en: prose("en", &self.en)?, ..self })
    }

    fn keys(record: &Record<Self>) -> Vec<String> {
        record.is_in(&[InForce, Lapsed]).then(|| key(&record.fields.code)).into_iter().collect()
    }

    fn touches(_: &Record<Self>) -> Vec<Touch> {
        vec![Touch::Everything]
    }

    fn due(record: &Record<Self>) -> Option<Due> {
        let at = record.fields.valid_to?.0;
        record.is_in(&[InForce]).then_some(Due { at, step: "lapse" })
    }
}

fn key(code: &PurposeCode) -> String {
    format!("code/{code}")
}

/// What a decision has to know of a purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PurposeStanding {
    /// The article that gives it; none of the site's own.
    pub article: Option<&'static str>,
    /// Whether it serves public security.
    pub ps: PublicSecurity,
    /// It is in force.
    pub in_force: bool,
}

/// How a purpose stands: as the site says last, else as it is shipped; none of a code that nobody knows.
pub fn standing(store: &Store, code: &PurposeCode, now: Wall) -> Result<Option<PurposeStanding>, StoreError> {
    let shipped = purpose::find(code);
    let article = shipped.as_ref().map(|shipped| shipped.article);
    if let Some(said) = rows::find::<SitePurpose>(store, &key(code))?.pop().map(|record| record.fields) {
        let in_force = said.valid_from.is_none_or(|from| from.0 <= now) && said.valid_to.is_none_or(|to| now < to.0);
        return Ok(Some(PurposeStanding { article, ps: said.ps, in_force }));
    }
    Ok(shipped.map(|shipped| PurposeStanding { article, ps: shipped.ps, in_force: shipped.is_in_force(now) }))
}
