//! One queue of deadlines: what falls due, in order, with no visit to what does not. Setting a deadline again moves it.
//! The task that waits for the next one is in `sessions`; nothing here reads a clock.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use media::wall::Wall;

/// Deadlines by key; a key has one at a time.
pub(crate) struct Deadlines<K> {
    by_time: BTreeSet<(Wall, K)>,
    by_key: HashMap<K, Wall>,
}

impl<K: Clone + Ord + Hash> Default for Deadlines<K> {
    fn default() -> Self {
        Self { by_time: BTreeSet::new(), by_key: HashMap::new() }
    }
}

impl<K: Clone + Ord + Hash> Deadlines<K> {
    /// Sets or moves the deadline of `key`.
    pub(crate) fn set(&mut self, key: K, due: Wall) {
        self.cancel(&key);
        self.by_key.insert(key.clone(), due);
        self.by_time.insert((due, key));
    }

    /// Forgets the deadline of `key`, if it has one.
    pub(crate) fn cancel(&mut self, key: &K) {
        if let Some(due) = self.by_key.remove(key) {
            self.by_time.remove(&(due, key.clone()));
        }
    }

    /// When the first one falls due.
    pub(crate) fn next(&self) -> Option<Wall> {
        self.by_time.first().map(|(due, _)| *due)
    }

    /// Takes the keys that are due at `now`, the longest overdue first.
    pub(crate) fn take_due(&mut self, now: Wall) -> Vec<K> {
        let mut due = Vec::new();
        while self.next().is_some_and(|first| first <= now) {
            let Some((_, key)) = self.by_time.pop_first() else { break };
            self.by_key.remove(&key);
            due.push(key);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Wall {
        Wall::from_micros(second * 1_000_000)
    }

    #[test]
    fn due_keys_come_in_order_and_once() {
        let mut queue = Deadlines::default();
        queue.set("b", at(2));
        queue.set("a", at(1));
        queue.set("c", at(9));
        assert_eq!(queue.next(), Some(at(1)));
        assert_eq!(queue.take_due(at(2)), ["a", "b"]);
        assert!(queue.take_due(at(2)).is_empty());
        assert_eq!(queue.next(), Some(at(9)));
    }

    #[test]
    fn setting_again_moves_and_cancelling_forgets() {
        let mut queue = Deadlines::default();
        queue.set("a", at(1));
        queue.set("a", at(5));
        assert!(queue.take_due(at(4)).is_empty());
        queue.set("b", at(3));
        queue.cancel(&"b");
        assert_eq!(queue.take_due(at(9)), ["a"]);
        assert_eq!(queue.next(), None);
    }
}
