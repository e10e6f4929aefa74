//! What makes a password weak: too short, the login name or a part of it, or little else than common words, runs and years.
//! Deliberately absent: demands of digits and signs, which make people write `Password1!`.

use crate::error::ApiError;

/// Longest password looked at. Argon2 hashes any length at a cost; nobody types 256 bytes.
pub(super) const PASSWORD_BYTES_MAX: usize = 256;
/// A part of a login name this long is looked for: shorter ones stand in innocent words.
const PART_CHARS_MIN: usize = 4;
/// A run of neighbours this long (1234, dcba, aaaa, qwer) counts for nothing.
const RUN_CHARS_MIN: usize = 4;
/// Characters that have to be left without what counts for nothing.
const LEFT_CHARS_MIN: usize = 6;
/// Rows of keyboards, besides the alphabet and the digits.
const ROWS: [&str; 6] =
    ["abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./", "!@#$%^&*()"];
const COMMON: &str = include_str!("common.txt");

/// Refuses a weak password, naming `field`. What was typed is not repeated.
pub(super) fn check(field: &str, password: &str, login: &str, chars_min: usize) -> Result<(), ApiError> {
    let refused = |zh: String, en: String| Err(ApiError::field(field, zh, en));
    if password.chars().count() < chars_min || password.len() > PASSWORD_BYTES_MAX {
        return refused(
            format!("口令至少{chars_min}个字符,最长256字节。"),
            format!("Use at least {chars_min} characters and at most 256 bytes."),
        );
    }
    if holds_login(&password.to_lowercase(), &login.to_lowercase()) {
        return refused("口令不得包含登录名或其组成部分。".into(), "Leave out the login name and its parts.".into());
    }
    if left(password) < LEFT_CHARS_MIN {
        return refused(
            "口令过于常见:除常用词、连续或重复字符和年份外,所余过少。".into(),
            "It is too common: without common words, runs and years too little is left. Use several unrelated words."
                .into(),
        );
    }
    Ok(())
}

fn holds_login(password: &str, login: &str) -> bool {
    let parts = login.split(|c: char| !c.is_ascii_alphabetic()).filter(|part| part.len() >= PART_CHARS_MIN);
    parts.chain((login.len() >= PART_CHARS_MIN - 1).then_some(login)).any(|part| password.contains(part))
}

/// Characters that are no part of a common word, a run or a year; of the same character, only the first two count.
fn left(password: &str) -> usize {
    let typed: Vec<char> = password.to_lowercase().chars().collect();
    let read: Vec<char> = typed.iter().map(|&c| letter_for(c)).collect();
    let mut counts = vec![true; typed.len()];
    for text in [&typed, &read] {
        for word in words() {
            strike(&mut counts, text, &word);
        }
        for start in 0..text.len() {
            let rest = text.get(start..).unwrap_or_default();
            let length = run_length(rest).max(year_length(rest));
            counts.iter_mut().skip(start).take(length).for_each(|c| *c = false);
        }
    }
    let mut seen = std::collections::HashMap::<char, usize>::new();
    let kept = typed.iter().zip(counts).filter(|(_, counts)| *counts).map(|(c, _)| c);
    kept.filter(|c| {
        let times = seen.entry(**c).or_default();
        *times += 1;
        *times <= 2
    })
    .count()
}

fn words() -> impl Iterator<Item = Vec<char>> {
    COMMON.lines().filter(|line| !line.starts_with('#')).map(|line| line.chars().collect())
}

/// The letter that a sign or digit is put in the place of.
const fn letter_for(c: char) -> char {
    match c {
        '0' => 'o',
        '1' | '!' | '|' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' | '+' => 't',
        other => other,
    }
}

/// Takes every place of `word` in `text` out of what counts.
fn strike(counts: &mut [bool], text: &[char], word: &[char]) {
    for (start, window) in text.windows(word.len().max(1)).enumerate() {
        if window == word {
            counts.iter_mut().skip(start).take(word.len()).for_each(|c| *c = false);
        }
    }
}

/// How many characters from the beginning are one run; 0 for less than [`RUN_CHARS_MIN`].
fn run_length(text: &[char]) -> usize {
    let steps: [fn(char, char) -> bool; 3] = [|a, b| a == b, follows, |a, b| follows(b, a)];
    let pairs = || text.iter().zip(text.iter().skip(1));
    let longest = steps.iter().map(|step| 1 + pairs().take_while(|(a, b)| step(**a, **b)).count()).max();
    longest.filter(|&length| length >= RUN_CHARS_MIN).unwrap_or(0)
}

/// True where `b` stands right after `a` in the alphabet, among the digits or on a keyboard.
fn follows(a: char, b: char) -> bool {
    ROWS.iter().any(|row| row.chars().zip(row.chars().skip(1)).any(|pair| pair == (a, b)))
}

/// 4 where the text begins with a year of these two centuries.
fn year_length(text: &[char]) -> usize {
    let year: String = text.iter().take(4).collect();
    let is_year = year.len() == 4
        && year.chars().all(|c| c.is_ascii_digit())
        && (year.starts_with("19") || year.starts_with("20"));
    if is_year { 4 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_that_people_think_of_first_are_refused() {
        for bad in [
            "Password1234!",
            "P@ssw0rd20261126",
            "admin@123456789",
            "qwertyuiop123",
            "123456789012",
            "aaaaaaaaaaaaaaaa",
            "abababababababab",
            "jiankong2026!!!",
            "woaini5201314aa",
            "Hikvision@2026#",
            "Welcome2Sluice!!",
            "zxcvbnm,./asdf",
            "9876543210zyxwv",
        ] {
            assert!(check("password", bad, "wang.wei", 12).is_err(), "{bad}");
        }
        for good in [
            "correct horse battery",
            "kettle-violin-marble",
            "hT4-vq9Lw_xZ2mRk",
            "四方平安之城九月初三登高",
            "a long enough one",
        ] {
            assert!(check("password", good, "wang.wei", 12).is_ok(), "{good}");
        }
    }

    #[test]
    fn neither_the_login_name_nor_a_part_of_it_stands_in_a_password() {
        for (bad, login) in [
            ("kettle-wang.wei-marble", "wang.wei"),
            ("kettle WANG violin marble", "wang.wei"),
            ("kettle violin zhao marble", "x-zhao-02"),
        ] {
            assert!(check("password", bad, login, 12).is_err(), "{bad}");
        }
        assert!(check("password", "kettle violin marble", "li", 12).is_ok(), "two letters stand in many words");
    }

    #[test]
    fn lengths_are_bounds() {
        assert!(check("password", "kettleviola", "li", 12).is_err());
        assert!(check("password", &"kettle viola".repeat(22), "li", 12).is_err());
        assert!(check("password", "kettle viola", "li", 12).is_ok());
    }

    #[test]
    fn the_list_is_in_lower_case_and_of_words_long_enough() {
        for word in words() {
            assert!(word.len() >= 4, "{word:?}");
            assert!(word.iter().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()), "{word:?}");
        }
    }
}
