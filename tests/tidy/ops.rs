//! What operators read agrees with what the code does: metrics with their table, rules and dashboards with the metrics,
//! alerts with the runbook and with the rules' tests.

use std::collections::BTreeSet;

use crate::tree::Tree;

const METRICS_TABLE: &str = "ops/metrics.md";
const RUNBOOK: &str = "ops/runbook.md";
/// What Prometheus adds to the name of a histogram.
const SUFFIXES: [&str; 3] = ["_bucket", "_sum", "_count"];
/// Names that begin like a metric and are none: job and group names in rules and dashboards, accounts.
const NO_METRICS: [&str; 1] = ["sluice_rules"];

/// Metrics that are in the code and not in the table, or the other way round; and rules or panels on metrics that are not.
pub(crate) fn metrics(tree: &Tree) -> Vec<String> {
    let defined = defined(tree);
    let documented: BTreeSet<&str> = rows(tree.text(METRICS_TABLE)).collect();
    let mut faults = Vec::new();
    for (name, path) in &defined {
        if !documented.contains(name) {
            faults.push(format!("{path}: {name} has no row in {METRICS_TABLE}"));
        }
    }
    let in_code: BTreeSet<&str> = defined.iter().map(|(name, _)| *name).collect();
    faults.extend(documented.difference(&in_code).map(|name| format!("{METRICS_TABLE}: {name} is not in the code")));
    for file in tree
        .files
        .iter()
        .filter(|file| file.path.starts_with("ops/") && (file.path.ends_with(".yml") || file.path.ends_with(".json")))
    {
        let used: BTreeSet<&str> = words(&file.text).filter(|word| !NO_METRICS.contains(word)).collect();
        let wrong = used.into_iter().filter(|word| !documented.contains(base(word, &documented)));
        faults.extend(wrong.map(|name| format!("{}: {name} is no metric of {METRICS_TABLE}", file.path)));
    }
    faults
}

/// Names that stand as a whole string in code, each with its file.
fn defined(tree: &Tree) -> BTreeSet<(&str, &str)> {
    let sources = tree.ending(".rs").filter(|file| file.path.contains("src/") && !file.path.starts_with("benches/"));
    let mut found = BTreeSet::new();
    for file in sources {
        let code = file.text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        let quoted = code.split('"').skip(1).filter(|text| text.starts_with("sluice_"));
        found.extend(quoted.filter(|text| words(text).next() == Some(*text)).map(|name| (name, file.path.as_str())));
    }
    found
}

/// Names in the first column of the table.
fn rows(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| line.strip_prefix("| `")).filter_map(|rest| rest.split('`').next())
}

/// Words that begin with `sluice_`.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
    parts.filter(|word| word.starts_with("sluice_"))
}

/// A histogram's name without what Prometheus adds.
fn base<'w>(word: &'w str, documented: &BTreeSet<&str>) -> &'w str {
    if documented.contains(word) {
        return word;
    }
    SUFFIXES.iter().find_map(|suffix| word.strip_suffix(suffix)).unwrap_or(word)
}

/// Alerts without a heading in the runbook or without a test, and headings without an alert.
pub(crate) fn alerts(tree: &Tree) -> Vec<String> {
    let rules: String = tree.ending(".rules.yml").map(|file| file.text.as_str()).collect();
    let tests: String = tree.ending(".test.yml").map(|file| file.text.as_str()).collect();
    let alerts: BTreeSet<&str> = after(&rules, "- alert: ").collect();
    let tested: BTreeSet<&str> = after(&tests, "alertname: ").collect();
    let headings: BTreeSet<&str> = after(tree.text(RUNBOOK), "## ").collect();
    let mut faults = Vec::new();
    if alerts.is_empty() {
        faults.push("ops/prometheus holds no alert".into());
    }
    faults.extend(alerts.difference(&headings).map(|alert| format!("{RUNBOOK}: no heading for {alert}")));
    faults.extend(alerts.difference(&tested).map(|alert| format!("ops/prometheus/tests: no test of {alert}")));
    faults.extend(headings.difference(&alerts).map(|heading| format!("{RUNBOOK}: {heading} is no alert")));
    faults
}

/// The rest of each line that begins with `mark`, whatever its indentation.
fn after<'t>(text: &'t str, mark: &'t str) -> impl Iterator<Item = &'t str> {
    text.lines().filter_map(move |line| line.trim_start().strip_prefix(mark)).map(str::trim)
}

#[test]
fn finds_metrics_that_nobody_documented() {
    let tree = Tree::of(&[
        ("relay/src/metrics.rs", "f(\"sluice_a_total\"); g(\"sluice_b_seconds\"); // \"sluice_c\" is only spoken of\n"),
        (METRICS_TABLE, "| name |\n| `sluice_b_seconds` | x |\n| `sluice_gone` | x |\n"),
        ("ops/prometheus/sluice.rules.yml", "expr: rate(sluice_b_seconds_bucket[5m]) > sluice_nowhere"),
    ]);
    let faults = metrics(&tree).join("\n");
    for name in ["sluice_a_total", "sluice_gone", "sluice_nowhere"] {
        assert!(faults.contains(name), "{faults}");
    }
    assert!(!faults.contains("sluice_b_seconds"), "{faults}");
}

#[test]
fn finds_alerts_that_nobody_explains() {
    let tree = Tree::of(&[
        ("ops/prometheus/sluice.rules.yml", "  - alert: Down\n  - alert: Full\n"),
        ("ops/prometheus/tests/sluice.test.yml", "alertname: Down\n"),
        (RUNBOOK, "# Runbook\n## Down\n## Old\n"),
    ]);
    assert_eq!(alerts(&tree).len(), 3);
}
