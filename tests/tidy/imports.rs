//! No two modules of a crate import each other. A module is a file together with the folder of its name, so a parent and
//! its own children may know each other; two children of one parent may not.

use std::collections::{BTreeMap, BTreeSet};

use crate::code::{bare, paths_from, production};
use crate::tree::Tree;

/// Pairs that import each other, by source folder. It may only shrink.
const ALLOWED: [(&str, &str, &str); 0] = [];

/// A module's path in its crate; empty for the crate's root.
type Module = Vec<String>;
/// A crate's source folder and two modules of it, in alphabetical order.
type Pair = (String, String, String);

/// Pairs of sibling modules that import each other.
pub(crate) fn mutual(tree: &Tree) -> Vec<String> {
    beyond(tree, &ALLOWED)
}

fn beyond(tree: &Tree, allowed: &[(&str, &str, &str)]) -> Vec<String> {
    let mut edges: BTreeMap<Pair, String> = BTreeMap::new();
    for (source, files) in crates(tree) {
        let tests = test_modules(&files);
        let files: Vec<_> =
            files.into_iter().filter(|(module, _)| !tests.iter().any(|t| module.starts_with(t))).collect();
        let known: BTreeSet<&Module> = files.iter().map(|(module, _)| module).collect();
        for (module, text) in &files {
            let code = bare(text);
            for target in named(production(&code), module).into_iter().filter_map(|path| nearest(&known, path)) {
                if let Some((from, to)) = siblings(module, &target) {
                    edges.insert((source.clone(), from, to), module.join("::"));
                }
            }
        }
    }
    let both = |(source, a, b): &&Pair| a < b && edges.contains_key(&(source.clone(), b.clone(), a.clone()));
    let found: Vec<&Pair> = edges.keys().filter(both).collect();
    let listed = |(s, x, y): &(&str, &str, &str), (source, a, b): &Pair| (*s, *x, *y) == (source, a, b);
    let new = found.iter().filter(|pair| !allowed.iter().any(|entry| listed(entry, pair)));
    let gone = allowed.iter().filter(|entry| !found.iter().any(|pair| listed(entry, pair)));
    new.map(|(source, a, b)| format!("{source}: {a} and {b} import each other; move what both need below them"))
        .chain(gone.map(|(s, a, b)| format!("{s}: {a} and {b} no longer import each other; take them off the list")))
        .collect()
}

/// Source folders of the crates, each with its modules.
fn crates(tree: &Tree) -> BTreeMap<String, Vec<(Module, &str)>> {
    let mut crates: BTreeMap<String, Vec<(Module, &str)>> = BTreeMap::new();
    for file in tree.ending(".rs") {
        let Some((source, rest)) = file.path.split_once("src/") else { continue };
        let rest = rest.trim_end_matches(".rs").trim_end_matches("/mod");
        let module = rest.split('/').filter(|part| !["lib", "main"].contains(part)).map(str::to_owned).collect();
        crates.entry(format!("{source}src")).or_default().push((module, &file.text));
    }
    crates
}

/// Modules that are there for tests only: `#[cfg(test)] mod name;`.
fn test_modules(files: &[(Module, &str)]) -> Vec<Module> {
    let mut found = Vec::new();
    for (module, text) in files {
        for rest in text.split("#[cfg(test)]").skip(1) {
            let line = rest.trim_start().lines().next().unwrap_or_default();
            if let Some(name) = line.split("mod ").nth(1).and_then(|name| name.strip_suffix(';')) {
                found.push(module.iter().cloned().chain([name.to_owned()]).collect());
            }
        }
    }
    found
}

/// Absolute paths that the code of `module` names by `crate::` or `super::`.
fn named(code: &str, module: &Module) -> Vec<Module> {
    let mut paths: Vec<Module> = paths_from(code, "crate").into_iter().map(|path| path[1..].to_vec()).collect();
    for path in paths_from(code, "super") {
        let ups = path.iter().take_while(|part| *part == "super").count();
        let above = &module[..module.len().saturating_sub(ups)];
        paths.push(above.iter().chain(&path[ups..]).cloned().collect());
    }
    paths
}

/// The module that a path leads into.
fn nearest(known: &BTreeSet<&Module>, mut path: Module) -> Option<Module> {
    while !path.is_empty() {
        if known.contains(&path) {
            return Some(path);
        }
        path.pop();
    }
    None
}

/// The two siblings under their nearest common parent, by full name; none where one is above the other.
fn siblings(from: &Module, to: &Module) -> Option<(String, String)> {
    let shared = from.iter().zip(to).take_while(|(a, b)| a == b).count();
    let name = |module: &Module| module.get(..=shared).map(|parts| parts.join("::"));
    Some((name(from)?, name(to)?))
}

#[test]
fn finds_two_that_import_each_other() {
    let tree = Tree::of(&[
        ("relay/src/lib.rs", "pub mod a; pub mod b; pub mod c; pub mod p;\n#[cfg(test)]\npub(crate) mod scene;\n"),
        ("relay/src/scene.rs", "use crate::c;"),
        ("relay/src/a.rs", "use crate::{b::B, c};"),
        ("relay/src/b/deep.rs", "use crate::a::A;"),
        ("relay/src/c.rs", "use crate::scene::S; // crate::a\n#[cfg(test)]\nmod tests { use crate::a::A; }"),
        ("relay/src/p.rs", "mod child; use child::X; use crate::c;"),
        ("relay/src/p/child.rs", "use super::Y;"),
    ]);
    let tree =
        Tree { files: tree.files.into_iter().chain(Tree::of(&[("relay/src/b.rs", "mod deep;")]).files).collect() };
    assert_eq!(beyond(&tree, &[]), ["relay/src: a and b import each other; move what both need below them"]);
    assert_eq!(beyond(&tree, &[("relay/src", "a", "b")]).len(), 0);
    assert_eq!(beyond(&tree, &[("relay/src", "a", "b"), ("relay/src", "a", "c")]).len(), 1, "the list only shrinks");
}

#[test]
fn siblings_meet_by_super_too() {
    let tree = Tree::of(&[
        ("media/src/codec.rs", ""),
        ("media/src/codec/x.rs", "use super::y::Y;"),
        ("media/src/codec/y.rs", "fn f() { super::x::g() }"),
    ]);
    assert_eq!(beyond(&tree, &[]).len(), 1);
}
