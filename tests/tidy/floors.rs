//! Imports only go down the floors of ARCHITECTURE.md, by dependency and by path; and `media` stays pure.

use crate::code::{bare, paths_from, production};
use crate::tree::Tree;

/// A crate, its folder, and the crates of the house it may name.
struct Floor {
    name: &'static str,
    folder: &'static str,
    may_use: &'static [&'static str],
}

const FLOORS: [Floor; 10] = [
    Floor { name: "media", folder: "media/", may_use: &[] },
    Floor { name: "uring", folder: "uring/", may_use: &[] },
    Floor { name: "relay", folder: "relay/", may_use: &["media", "uring"] },
    Floor { name: "recorder", folder: "recorder/", may_use: &["media", "uring"] },
    Floor { name: "control-api", folder: "control-api/", may_use: &["media", "relay", "recorder"] },
    Floor { name: "web", folder: "web/", may_use: &[] },
    Floor { name: "sluice", folder: "src/", may_use: &["media", "uring", "relay", "recorder", "control-api", "web"] },
    Floor {
        name: "benches",
        folder: "benches/",
        may_use: &["media", "uring", "relay", "recorder", "control-api", "sluice"],
    },
    Floor { name: "fuzz-smoke", folder: "fuzz/", may_use: &["media", "relay", "recorder", "control-api"] },
    Floor { name: "fuzz-libfuzzer", folder: "fuzz/libfuzzer/", may_use: &["media"] },
];

/// What `media` must not name: files, sockets, processes, threads, clocks, a runtime.
const IMPURE: [&str; 10] = [
    "std::fs",
    "std::net",
    "std::os",
    "std::env",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "tokio",
    "async_std",
];

/// Every dependency of a crate of the house on another one that is not below it.
pub(crate) fn dependencies(tree: &Tree) -> Vec<String> {
    let mut faults = Vec::new();
    for file in tree.ending("Cargo.toml") {
        let names = house_dependencies(&file.text);
        let folder = file.path.trim_end_matches("Cargo.toml");
        let folder = if folder.is_empty() { "src/" } else { folder };
        let Some(floor) = FLOORS.iter().find(|floor| floor.folder == folder) else {
            faults.push(format!("{}: a crate without a floor; add it to FLOORS in tests/tidy/floors.rs", file.path));
            continue;
        };
        let wrong = names.into_iter().filter(|name| !floor.may_use.contains(&name.as_str()));
        faults.extend(wrong.map(|name| format!("{}: {} must not depend on {name}", file.path, floor.name)));
    }
    faults
}

/// Names of house crates in the `[dependencies]`, `[dev-dependencies]` and `[build-dependencies]` of a manifest.
fn house_dependencies(manifest: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]") && !line.contains("workspace");
        } else if inside {
            let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
            if FLOORS.iter().any(|floor| floor.name == name) {
                names.push(name.to_owned());
            }
        }
    }
    names
}

/// Every path in code that names a crate of the house that is not below.
pub(crate) fn paths(tree: &Tree) -> Vec<String> {
    let mut faults = Vec::new();
    for file in tree.ending(".rs") {
        let Some(floor) = FLOORS.iter().find(|floor| file.path.starts_with(floor.folder)) else { continue };
        let code = bare(&file.text);
        for other in FLOORS.iter().filter(|other| other.name != floor.name && !floor.may_use.contains(&other.name)) {
            if !paths_from(&code, &other.name.replace('-', "_")).is_empty() {
                faults.push(format!("{}: {} must not name {}", file.path, floor.name, other.name));
            }
        }
    }
    faults
}

/// Every path in the production code of `media` that reaches outside.
pub(crate) fn media_is_pure(tree: &Tree) -> Vec<String> {
    let mut faults = Vec::new();
    for file in tree.ending(".rs").filter(|file| file.path.starts_with("media/src/")) {
        let code = bare(&file.text);
        let roots = ["std", "tokio", "async_std"];
        let named = roots.iter().flat_map(|root| paths_from(production(&code), root)).map(|path| path.join("::"));
        for path in named {
            if IMPURE.iter().any(|impure| path == *impure || path.starts_with(&format!("{impure}::"))) {
                faults.push(format!("{}: media does no IO and reads no clock, but names {path}", file.path));
            }
        }
    }
    faults
}

#[test]
fn finds_a_step_up() {
    let tree = Tree::of(&[
        ("relay/Cargo.toml", "[dependencies]\nmedia.workspace = true\nrecorder.workspace = true\n"),
        ("recorder/src/lib.rs", "use relay::lease::Lease; // control_api::x is only named here"),
        ("newcomer/Cargo.toml", "[dependencies]\n"),
    ]);
    assert_eq!(dependencies(&tree).len(), 2);
    assert_eq!(paths(&tree), ["recorder/src/lib.rs: recorder must not name relay"]);
}

#[test]
fn finds_io_in_media() {
    let code = "use std::{fmt, time::{Duration, Instant}};\nfn f() { std::fs::read(\"x\"); }\n#[cfg(test)]\nmod tests { use std::net; }";
    assert_eq!(media_is_pure(&Tree::of(&[("media/src/a.rs", code)])).len(), 2);
}
