//! 责任书文本: the texts that units and their staff sign, each version with its hash. A new version in force leaves every statement
//! under an older one unsigned (J-22, J-24(2)).

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::ApiError;
use crate::register::{Change, Filing, Move, Reading, Record, Register, Touch, Who, rows, text};
use crate::registers::Role;
use crate::registers::field::line;
use crate::store::{Batch, Store, StoreError};

/// Longest text: some forty pages.
const TEXT_CHARS_MAX: usize = 60_000;

/// Who signs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Signer {
    /// A unit's principal, for the unit (Attachment 3).
    Unit,
    /// Each member of the unit's staff.
    Staff,
}

/// One version of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatementText {
    /// Who signs it.
    pub signer: Signer,
    /// Its version, for example `2026-1`.
    #[schema(min_length = 1, max_length = 120)]
    pub text_version: String,
    /// The text itself.
    #[schema(min_length = 1, max_length = 60000)]
    pub text: String,
    /// SHA-256 of the text in hex; given by the appliance.
    #[serde(default)]
    #[schema(read_only)]
    pub hash: String,
}

crate::register::states! {
    /// Where a text stands.
    TextState {
        /// Being written.
        Draft = "draft",
        /// What is signed is this.
        InForce = "in_force",
        /// A later one took its place.
        Superseded = "superseded",
    }
}

impl Register for StatementText {
    const NAME: &'static str = "statement-texts";
    const ABOUT: &'static str = "The texts of the responsibility statements, by version.";
    const ARTICLES: &'static [&'static str] = &["J-22", "J-24(2)"];
    type State = TextState;
    const FIRST: TextState = TextState::Draft;
    const FILING: Who = Who::any(&[Role::BureauApprover]);
    const READING: Reading = Reading { all: &Role::ALL, own: &[], subject: false };
    const MOVES: &'static [Move<TextState>] = &[
        Move {
            step: "publish",
            from: &[TextState::Draft],
            to: TextState::InForce,
            who: Who::any(&[Role::BureauApprover]),
            needs_reason: false,
        },
        Move {
            step: "supersede",
            from: &[TextState::InForce],
            to: TextState::Superseded,
            who: Who::APPLIANCE,
            needs_reason: false,
        },
    ];
    const CORRECTED_IN: &'static [TextState] = &[TextState::Draft];
    const COLUMNS: &'static [crate::register::Column] =
        &[text("signer"), text("text_version"), text("text"), text("hash")];

    fn checked(self, _: &Filing<'_>) -> Result<Self, ApiError> {
        let trimmed = self.text.trim();
        if trimmed.is_empty() || trimmed.chars().count() > TEXT_CHARS_MAX {
            return Err(ApiError::field("text", "须为1至60000个字符。", "Give 1 to 60000 characters."));
        }
        let hash = hex::encode(Sha256::digest(trimmed));
        Ok(Self { text_version: line("text_version", &self.text_version)?, text: trimmed.into(), hash, ..self })
    }

    fn keys(record: &Record<Self>) -> Vec<String> {
        let key = || [key(record.fields.signer), version_key(&record.fields)];
        record.is_in(&[TextState::InForce]).then(key).into_iter().flatten().collect()
    }

    fn touches(record: &Record<Self>) -> Vec<Touch> {
        if record.state == TextState::Draft { Vec::new() } else { vec![Touch::Everything] }
    }

    fn with(batch: Batch, change: &Change<'_, Self>) -> Result<Batch, ApiError> {
        if change.after.state != TextState::InForce {
            return Ok(batch);
        }
        let mut batch = batch;
        for earlier in rows::find::<Self>(change.store, &key(change.after.fields.signer))? {
            batch = batch.and(rows::moved_along::<Self>(change.store, &earlier.id, "supersede", change.now)?);
        }
        Ok(batch)
    }
}

const fn word(signer: Signer) -> &'static str {
    match signer {
        Signer::Unit => "unit",
        Signer::Staff => "staff",
    }
}

fn key(signer: Signer) -> String {
    format!("in-force/{}", word(signer))
}

/// Says which version is in force, so that no decision has to read the text.
fn version_key(text: &StatementText) -> String {
    format!("version-in-force/{}/{}", word(text.signer), text.text_version)
}

/// The version that is in force for `signer`; none where none was ever published, and then nobody has signed.
pub fn version_in_force(store: &Store, signer: Signer) -> Result<Option<String>, StoreError> {
    Ok(rows::words_under::<StatementText>(store, &format!("version-in-force/{}", word(signer)))?.pop())
}

/// The refusal of a signature under any other version.
pub(super) fn check_version(store: &Store, signer: Signer, version: &str) -> Result<(), ApiError> {
    match version_in_force(store, signer)? {
        Some(in_force) if in_force == version => Ok(()),
        _ => Err(ApiError::field(
            "text_version",
            "不是现行文本的版本,见 GET /api/v1/statement-texts?state=in_force。",
            "It is not the version in force; see GET /api/v1/statement-texts?state=in_force.",
        )),
    }
}
