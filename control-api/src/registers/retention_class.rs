//! The class of a camera's recordings: which law says how long they are kept. The lengths themselves are configuration.

use std::collections::BTreeMap;
use std::str::FromStr;

use media::wall::Wall;
use serde::{Deserialize, Serialize};

/// Which law a camera's recordings are kept under.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RetentionClass {
    /// A public place: 30 days at least (State Council Order 799, article 17).
    #[default]
    Ordinary,
    /// 防范恐怖袭击重点目标, a key target: 90 days at least (Anti-Terrorism Law, article 32).
    KeyTarget,
    /// Recorded because somebody wants to, not because the law does: no floor.
    Voluntary,
}

/// Classes that a camera was in before, each with when it left it last: what was recorded under one is kept under it.
pub type FormerClasses = BTreeMap<RetentionClass, Wall>;

/// A text that is no class.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("give ordinary, key_target or voluntary")]
pub struct BadClass;

impl RetentionClass {
    /// The class as it is written.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Ordinary => "ordinary",
            Self::KeyTarget => "key_target",
            Self::Voluntary => "voluntary",
        }
    }
}

impl FromStr for RetentionClass {
    type Err = BadClass;
    fn from_str(text: &str) -> Result<Self, BadClass> {
        [Self::Ordinary, Self::KeyTarget, Self::Voluntary].into_iter().find(|c| c.text() == text).ok_or(BadClass)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_reads_as_it_is_written() {
        for class in [RetentionClass::Ordinary, RetentionClass::KeyTarget, RetentionClass::Voluntary] {
            assert_eq!(class.text().parse(), Ok(class));
            assert_eq!(serde_json::to_value(class).unwrap(), class.text());
        }
        assert_eq!("Ordinary".parse::<RetentionClass>(), Err(BadClass));
    }
}
