//! The style as a test. It reads the tree as text and needs no crate, so `make tidy` runs it in a second; `make test` runs
//! it too. Each check also has a canary: a bad text that it must find. What needs the compiler is clippy's to say, and
//! that every configuration key stands in the example is tested beside `src/config.rs`.

// Text that the checks read is ours; an index out of bounds here is a failed test, and that is fine.
#![allow(clippy::indexing_slicing, missing_docs)]

#[path = "tidy/code.rs"]
mod code;
#[path = "tidy/docs.rs"]
mod docs;
#[path = "tidy/floors.rs"]
mod floors;
#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/ops.rs"]
mod ops;
#[path = "tidy/shape.rs"]
mod shape;
#[path = "tidy/tree.rs"]
mod tree;
#[path = "tidy/words.rs"]
mod words;

use tree::Tree;

/// Fails with all faults at once, one a line.
fn no_faults(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults:\n  {}", faults.len(), faults.join("\n  "));
}

#[test]
fn dependencies_go_down_the_floors() {
    no_faults(&floors::dependencies(&Tree::read()));
}

#[test]
fn paths_in_code_go_down_the_floors() {
    no_faults(&floors::paths(&Tree::read()));
}

#[test]
fn media_does_no_io_and_reads_no_clock() {
    no_faults(&floors::media_is_pure(&Tree::read()));
}

#[test]
fn no_two_modules_import_each_other() {
    no_faults(&imports::mutual(&Tree::read()));
}

#[test]
fn every_file_says_what_it_is() {
    no_faults(&shape::first_lines(&Tree::read()));
}

#[test]
fn no_file_passes_the_wall() {
    no_faults(&shape::file_lengths(&Tree::read()));
}

#[test]
fn no_function_is_too_long() {
    no_faults(&shape::function_lengths(&Tree::read()));
}

#[test]
fn nothing_is_left_lying_about() {
    no_faults(&words::leftovers(&Tree::read()));
}

#[test]
fn links_lead_somewhere() {
    no_faults(&docs::links(&Tree::read()));
}

#[test]
fn commands_in_the_documents_exist() {
    no_faults(&docs::make_targets(&Tree::read()));
}

#[test]
fn every_metric_is_documented() {
    no_faults(&ops::metrics(&Tree::read()));
}

#[test]
fn every_alert_has_a_runbook_heading_and_a_test() {
    no_faults(&ops::alerts(&Tree::read()));
}
