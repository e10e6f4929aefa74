//! The size of things: every file says what it is, none is longer than the wall, no function longer than a screen.

use std::collections::BTreeMap;

use crate::code::bare;
use crate::tree::Tree;

/// A file that wants more holds two ideas.
const FILE_LINES_MAX: usize = 800;
/// A function that wants more is two.
const FUNCTION_LINES_MAX: usize = 70;
/// The functions that were longer when the rule came. The list may only shrink.
const LONG_FUNCTIONS: &str = "tests/tidy-long-functions.txt";

/// Files of Rust without `//!` on their first line.
pub(crate) fn first_lines(tree: &Tree) -> Vec<String> {
    let silent = tree.ending(".rs").filter(|file| !file.text.starts_with("//! "));
    silent.map(|file| format!("{}: begin with `//! ` and what this file is", file.path)).collect()
}

/// Files of Rust beyond the wall.
pub(crate) fn file_lengths(tree: &Tree) -> Vec<String> {
    let measured = tree.ending(".rs").map(|file| (&file.path, file.text.lines().count()));
    measured
        .filter(|(_, lines)| *lines > FILE_LINES_MAX)
        .map(|(path, lines)| format!("{path}: {lines} lines, {FILE_LINES_MAX} at most; it holds two ideas"))
        .collect()
}

/// Functions beyond the limit that are not in the list, and entries of the list that are no longer true.
pub(crate) fn function_lengths(tree: &Tree) -> Vec<String> {
    let mut listed = listed(tree.text(LONG_FUNCTIONS));
    let mut faults = Vec::new();
    for file in tree.ending(".rs") {
        for (name, lines) in functions(&bare(&file.text)) {
            let key = format!("{}::{name}", file.path);
            let was = listed.remove(&key);
            let fault = match was {
                None if lines > FUNCTION_LINES_MAX => format!("{lines} lines, {FUNCTION_LINES_MAX} at most"),
                Some(was) if lines > was => format!("grew from {was} to {lines} lines"),
                Some(was) if lines < was => format!("shrank to {lines} lines; put that into {LONG_FUNCTIONS}"),
                _ => continue,
            };
            faults.push(format!("{key}: {fault}"));
        }
    }
    faults.extend(listed.into_keys().map(|key| format!("{key}: is gone; take it out of {LONG_FUNCTIONS}")));
    faults
}

/// `path::function lines` on each line; `#` begins a remark.
fn listed(text: &str) -> BTreeMap<String, usize> {
    let entries = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
    entries.map(|(key, lines)| (key.to_owned(), lines.parse().unwrap_or(0))).collect()
}

/// Name and length in lines of each function with a body.
fn functions(bare: &str) -> Vec<(String, usize)> {
    let starts =
        bare.match_indices("fn ").filter(|(at, _)| !bare[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_'));
    starts.filter_map(|(at, _)| function(&bare[at..])).collect()
}

fn function(from: &str) -> Option<(String, usize)> {
    let name: String = from[3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let (mut parens, mut braces) = (0_i32, 0_i32);
    for (at, c) in from.char_indices() {
        match c {
            '(' | '[' => parens += 1,
            ')' | ']' => parens -= 1,
            '{' => braces += 1,
            ';' if parens == 0 && braces == 0 => return None,
            '}' => {
                braces -= 1;
                if braces <= 0 && parens == 0 {
                    return (!name.is_empty()).then(|| (name, from[..=at].lines().count()));
                }
            }
            _ => {}
        }
    }
    None
}

#[test]
fn finds_a_silent_file_and_a_long_one() {
    let long = "//! x\n".repeat(FILE_LINES_MAX + 1);
    let tree = Tree::of(&[("a.rs", "use std::fs;\n"), ("b.rs", &long), ("c.rs", "//! c\n")]);
    assert_eq!(first_lines(&tree).len(), 1);
    assert_eq!(file_lengths(&tree).len(), 1);
}

#[test]
fn measures_functions() {
    let code = "trait T { fn a(&self) -> [u8; 4]; }\nfn b(x: [u8; 2]) {\n  let f: fn (u8) = c;\n  match x {\n  }\n}\nfn d() {}\n";
    assert_eq!(functions(code), [("b".to_owned(), 5), ("d".to_owned(), 1)]);
}

#[test]
fn the_list_of_long_functions_only_shrinks() {
    let long = format!("//! x\nfn long() {{{}}}\n", "\n".repeat(80));
    let check = |list: &str| function_lengths(&Tree::of(&[("a.rs", &long), (LONG_FUNCTIONS, list)]));
    assert_eq!(check("# none\n").len(), 1);
    assert_eq!(check("a.rs::long 81\n").len(), 0);
    assert_eq!(check("a.rs::long 80\n").len(), 1, "grew");
    assert_eq!(check("a.rs::long 99\n").len(), 1, "shrank");
    assert_eq!(check("a.rs::long 81\na.rs::gone 99\n").len(), 1, "gone");
}
