//! Nothing left lying about: unowned TODOs, debug output, and paths of one person's machine.

use crate::tree::Tree;

/// Text that has no place in any file, and why. Split in two, so that this file does not hold it.
const LEFTOVERS: [(&str, &str, &str); 6] = [
    ("FIX", "ME", "mend it, or open an issue"),
    ("XX", "X:", "mend it, or open an issue"),
    ("dbg", "!(", "debug output"),
    ("todo", "!(", "a stub"),
    ("/wo", "rk/", "a path of one machine"),
    ("/ro", "ot/", "a path of one machine"),
];

/// Lines that hold one of the leftovers, or a TODO without an owner.
pub(crate) fn leftovers(tree: &Tree) -> Vec<String> {
    let mut faults = Vec::new();
    for file in &tree.files {
        for (number, line) in file.text.lines().enumerate() {
            let found = LEFTOVERS.iter().find(|(a, b, _)| line.contains(&format!("{a}{b}"))).map(|(_, _, why)| *why);
            let why = found.or_else(|| unowned_todo(line).then_some("a TODO has an owner: TODO(name)"));
            faults.extend(why.map(|why| format!("{}:{}: {why}: {}", file.path, number + 1, line.trim())));
        }
    }
    faults
}

/// A TODO in a comment that no name follows. The word in prose, as here, is no such mark.
fn unowned_todo(line: &str) -> bool {
    let mark = concat!("TO", "DO");
    line.split_once("//").is_some_and(|(_, comment)| {
        let comment = comment.trim_start_matches(['/', '!', ' ']);
        comment.starts_with(mark) && !comment[mark.len()..].starts_with('(')
    })
}

#[test]
fn finds_leftovers() {
    let todo = concat!("x(); // TO", "DO: later\n// TO", "DO(li): with an owner\n");
    let others = concat!("FIX", "ME\ndbg", "!(x)\nsee /wo", "rk/x\n");
    assert_eq!(leftovers(&Tree::of(&[("a.rs", todo), ("b.md", others)])).len(), 4);
}
