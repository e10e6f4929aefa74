//! By whose hand a session ended, and in whose words, for the one who watched it. The newest alone, in memory: the ledger has them all.
//! Deliberately absent: who took a grant away, since the grant's own history says it; who suspended a unit or an account, since those
//! end sessions by deciding anew.

use std::collections::VecDeque;

use crate::registers::UserId;
use relay::lease::SessionId;

/// Ends that are remembered; a page asks within moments.
const REMEMBERED_MAX: usize = 4_096;

/// Whose hand it was, and why in their words; empty where they gave none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EndedBy {
    pub(super) user: UserId,
    pub(super) reason: String,
}

/// The newest ends by somebody's hand.
#[derive(Default)]
pub(super) struct Hands(VecDeque<(SessionId, EndedBy)>);

impl Hands {
    /// Takes one in; the oldest goes where there are too many.
    pub(super) fn put(&mut self, id: &SessionId, by: EndedBy) {
        if self.0.len() == REMEMBERED_MAX {
            self.0.pop_front();
        }
        self.0.push_back((id.clone(), by));
    }

    /// Whose hand ended this session; the first, where several were at it.
    pub(super) fn find(&self, id: &SessionId) -> Option<EndedBy> {
        self.0.iter().find(|(ended, _)| ended == id).map(|(_, by)| by.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_remembered_and_no_more() {
        let by = |name: &str| EndedBy { user: UserId::try_from(name.to_owned()).unwrap(), reason: String::new() };
        let mut hands = Hands::default();
        for number in 0..=REMEMBERED_MAX {
            hands.put(&SessionId(number.to_string()), by("a"));
        }
        assert_eq!(hands.find(&SessionId("0".into())), None);
        hands.put(&SessionId("1".into()), by("b"));
        assert_eq!(hands.find(&SessionId("2".into())), Some(by("a")));
        assert_eq!(hands.0.len(), REMEMBERED_MAX);
    }
}
