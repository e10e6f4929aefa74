//! Documents that can be followed: links lead to files and headings that exist, and every `make` command is a target.

use crate::tree::{File, Tree};

/// The two commands that the README promises.
const README_COMMANDS: [&str; 2] = ["make run", "make test"];

/// Relative links of Markdown files that lead nowhere.
pub(crate) fn links(tree: &Tree) -> Vec<String> {
    let mut faults = Vec::new();
    for file in tree.ending(".md") {
        for link in targets(&file.text).filter(|link| !link.contains("://") && !link.starts_with("mailto:")) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let path = if path.is_empty() { file.path.clone() } else { resolve(&file.path, path) };
            if !tree.has(&path) {
                faults.push(format!("{}: link to {link}, but there is no {path}", file.path));
            } else if !heading.is_empty() && !headings(tree.text(&path)).any(|slug| slug == heading) {
                faults.push(format!("{}: link to {link}, but {path} has no such heading", file.path));
            }
        }
    }
    faults
}

/// What stands in the round brackets of `[text](target)`, outside code.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    let prose = text.lines().filter(move |line| {
        fenced ^= line.trim_start().starts_with("```");
        !fenced
    });
    prose.flat_map(|line| line.split("](").skip(1)).filter_map(|rest| rest.split([')', ' ']).next())
}

fn resolve(from: &str, link: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Headings the way GitHub turns them into anchors.
fn headings(text: &str) -> impl Iterator<Item = String> {
    text.lines().filter(|line| line.starts_with('#')).map(|line| {
        let kept = line.trim_start_matches('#').trim().to_lowercase();
        kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>().replace(' ', "-")
    })
}

/// `make` commands in documents that are no target, and READMEs that lack the two they promise.
pub(crate) fn make_targets(tree: &Tree) -> Vec<String> {
    let makefile = tree.text("Makefile");
    let exists = |target: &str| makefile.lines().any(|line| line.starts_with(&format!("{target}:")));
    let mut faults = Vec::new();
    for file in tree.ending(".md") {
        let wrong = commands(file).into_iter().filter(|target| !exists(target));
        faults.extend(wrong.map(|target| format!("{}: `make {target}` is no target of the Makefile", file.path)));
    }
    for readme in ["README.md", "README.zh-CN.md"] {
        let lacking = README_COMMANDS.iter().filter(|command| !tree.text(readme).contains(*command));
        faults.extend(lacking.map(|command| format!("{readme}: does not show `{command}`")));
    }
    faults
}

/// Targets of `make x` at the beginning of a code span or of a line in a code block.
fn commands(file: &File) -> Vec<&str> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in file.text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        let pieces = if fenced { vec![line.trim_start()] } else { line.split('`').skip(1).step_by(2).collect() };
        let after = pieces.into_iter().filter_map(|piece| piece.strip_prefix("make "));
        found.extend(after.filter_map(|rest| rest.split([' ', '\t']).next()).filter(|t| !t.starts_with('-')));
    }
    found
}

#[test]
fn finds_dead_links() {
    let tree = Tree::of(&[
        ("README.md", "[a](docs/a.md) [b](docs/b.md) [c](docs/a.md#one-two) [d](docs/a.md#three) [e](https://x.y/z)"),
        ("docs/a.md", "# One, two\n[up](../README.md)\n```\n[no](link)\n```\n"),
    ]);
    assert_eq!(links(&tree).len(), 2);
}

#[test]
fn finds_commands_that_do_not_exist() {
    let tree = Tree::of(&[
        ("Makefile", "run: x\ntest: y\n"),
        ("README.md", "`make run`, `make test`, `make nothing`, and to make sense"),
        ("README.zh-CN.md", "```\nmake run\nmake test\nmake none\n```\n"),
    ]);
    assert_eq!(make_targets(&tree).len(), 2);
    assert_eq!(make_targets(&Tree::of(&[("Makefile", "run:\ntest:\n")])).len(), 4);
}
