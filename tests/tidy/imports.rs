//! No two modules of a crate import each other. A module is a file together with the folder of its name, so a parent and
//! its own children may know each other; two children of one parent may not.

use std::collections::{BTreeMap, BTreeSet};

use crate::code::{bare, paths_from, production};
use crate::tree::Tree;

/// Pairs that import each other on purpose, with the reason. It may only shrink.
const ALLOWED: [(&str, &str, &str); 0] = [];

/// A module's path in its crate; empty for the crate's root.
type Module = Vec<String>;
/// A crate's source folder and two modules of it, in alphabetical order.
type Pair = (String, String, String);

/// Pairs of sibling modules that import each other.
pub(crate) fn mutual(tree: &Tree) -> Vec<String> {
    let mut edges: BTreeMap<Pair, String> = BTreeMap::new();
    for (source, files) in crates(tree) {
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
    let both = |(source, a, b): &Pair| a < b && edges.contains_key(&(source.clone(), b.clone(), a.clone()));
    let pairs = edges.keys().filter(|pair| both(pair));
    pairs
        .filter(|(source, a, b)| !ALLOWED.iter().any(|(s, x, y)| (*s, *x, *y) == (source, a, b)))
        .map(|(source, a, b)| format!("{source}: {a} and {b} import each other; move what both need below them"))
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
        ("relay/src/lib.rs", "pub mod a; pub mod b; pub mod c; pub mod p;"),
        ("relay/src/a.rs", "use crate::{b::B, c};"),
        ("relay/src/b/deep.rs", "use crate::a::A;"),
        ("relay/src/c.rs", "// crate::a\n#[cfg(test)]\nmod tests { use crate::a::A; }"),
        ("relay/src/p.rs", "mod child; use child::X; use crate::c;"),
        ("relay/src/p/child.rs", "use super::Y;"),
    ]);
    let tree =
        Tree { files: tree.files.into_iter().chain(Tree::of(&[("relay/src/b.rs", "mod deep;")]).files).collect() };
    assert_eq!(mutual(&tree), ["relay/src: a and b import each other; move what both need below them"]);
}

#[test]
fn siblings_meet_by_super_too() {
    let tree = Tree::of(&[
        ("media/src/codec.rs", ""),
        ("media/src/codec/x.rs", "use super::y::Y;"),
        ("media/src/codec/y.rs", "fn f() { super::x::g() }"),
    ]);
    assert_eq!(mutual(&tree).len(), 1);
}
