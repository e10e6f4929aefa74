//! The known word that is nearest to one that is not known, for "did you mean".

/// A word of up to this share of wrong letters still counts as a slip of the hand.
const DISTANCE_SHARE_MAX: usize = 3;

/// The candidate at the smallest edit distance, unless even that one is another word: more than a third of it differs.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let by_distance = candidates.into_iter().map(|candidate| (distance(word, candidate), candidate));
    let (distance, candidate) = by_distance.min()?;
    (distance <= word.len().max(candidate.len()).div_ceil(DISTANCE_SHARE_MAX)).then_some(candidate)
}

/// Levenshtein's distance over bytes, in one row of memory.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut before = i + 1;
        for (cell, right) in row.iter_mut().skip(1).zip(b.bytes()) {
            let above = *cell;
            before = (above + 1).min(before + 1).min(diagonal + usize::from(left != right));
            diagonal = above;
            *cell = before;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(a.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("listen", "listen"), 0);
        assert_eq!(distance("abc", ""), 3);
    }

    #[test]
    fn suggests_a_slip_and_not_another_word() {
        let known = ["listen", "public_host", "time_zone"];
        assert_eq!(nearest("lisen", known), Some("listen"));
        assert_eq!(nearest("public-host", known), Some("public_host"));
        assert_eq!(nearest("retention", known), None);
        assert_eq!(nearest("x", []), None);
    }
}
