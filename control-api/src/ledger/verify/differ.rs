//! Putting a difference between two lists of entries into words: changed, swapped, moved, missing, added. Pure.

use std::collections::HashMap;

use crate::ledger::merkle::Hash;

/// Differences named one by one; a list that differs everywhere is not worth more.
const NAMED_MAX: usize = 16;

/// How `found` differs from what it should be, as entry and words. `first` is the index of both lists' first entry. Empty
/// only if they are equal.
pub(super) fn words(found: &[Hash], should: &[Hash], first: u64) -> Vec<(u64, String)> {
    let at = |place: usize| first + place as u64;
    let differing: Vec<usize> =
        (0..found.len().min(should.len())).filter(|i| found.get(*i) != should.get(*i)).collect();
    let begin = differing.first().copied().unwrap_or(found.len().min(should.len()));
    if found.len() < should.len() {
        let gone = should.len() - found.len();
        if found.get(begin..) == should.get(begin + gone..) {
            return vec![(at(begin), count_words(gone, "is missing", "entries from it on are missing"))];
        }
    }
    if found.len() > should.len() {
        let more = found.len() - should.len();
        if found.get(begin + more..) == should.get(begin..) {
            return vec![(at(begin), count_words(more, "was added", "entries from it on were added"))];
        }
    }
    let mut words = one_by_one(found, should, &differing, &at);
    if found.len() != should.len() {
        words.push((
            at(found.len().min(should.len())),
            format!("{} entries where {} belong", found.len(), should.len()),
        ));
    }
    words
}

fn one_by_one(found: &[Hash], should: &[Hash], differing: &[usize], at: &dyn Fn(usize) -> u64) -> Vec<(u64, String)> {
    let get = |list: &[Hash], i: usize| list.get(i).copied();
    if let [a, b] = differing
        && get(found, *a) == get(should, *b)
        && get(found, *b) == get(should, *a)
    {
        return vec![(at(*a), format!("it is swapped with entry {}", at(*b)))];
    }
    if let [begin, .., end] = differing {
        if found.get(*begin..*end) == should.get(begin + 1..end + 1) {
            return vec![(at(*begin), format!("it was removed, and those up to entry {} moved up", at(*end)))];
        }
        if found.get(begin + 1..end + 1) == should.get(*begin..*end) {
            return vec![(
                at(*begin),
                format!("one was put in its place, and those up to entry {} moved down", at(*end)),
            )];
        }
    }
    let homes: HashMap<&Hash, usize> = should.iter().enumerate().map(|(place, hash)| (hash, place)).collect();
    let mut words: Vec<_> = differing
        .iter()
        .take(NAMED_MAX)
        .map(|place| match found.get(*place).and_then(|hash| homes.get(hash)) {
            Some(home) => (at(*place), format!("it has the bytes of entry {}", at(*home))),
            None => (at(*place), "its bytes were changed".to_owned()),
        })
        .collect();
    if let Some(next) = differing.get(NAMED_MAX) {
        words.push((at(*next), format!("{} more entries differ from here on", differing.len() - NAMED_MAX)));
    }
    words
}

fn count_words(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("it {one}") } else { format!("{count} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Vec<Hash> {
        text.bytes().map(|byte| [byte; 32]).collect()
    }

    #[test]
    fn each_kind_of_change_has_its_word() {
        let should = "abcdefgh";
        let cases: [(&str, u64, &str); 11] = [
            ("abXdefgh", 102, "changed"),
            ("abcfedgh", 103, "swapped with entry 105"),
            ("abdefgh", 102, "it is missing"),
            ("abgh", 102, "4 entries"),
            ("abcdef", 106, "2 entries"),
            ("abcdXefgh", 104, "it was added"),
            ("abdefghX", 102, "removed"),
            ("abdefXgh", 102, "removed, and those up to entry 105"),
            ("abXcdegh", 102, "those up to entry 105 moved down"),
            ("cadbefgh", 100, "bytes of entry 102"),
            ("", 100, "8 entries"),
        ];
        for (found, entry, word) in cases {
            let (at, what) = words(&list(found), &list(should), 100).remove(0);
            assert_eq!(at, entry, "{found}: {what}");
            assert!(what.contains(word), "{found}: {what}");
        }
        assert!(words(&list(should), &list(should), 0).is_empty());
    }

    #[test]
    fn whatever_differs_has_words() {
        for found in ["hgfedcba", "aXcdeXgh", "Xbcd", "abcdefghi", "XXXXXXXXXXXXXXXXXXXXXXX"] {
            assert!(!words(&list(found), &list("abcdefgh"), 0).is_empty(), "{found}");
        }
    }
}
