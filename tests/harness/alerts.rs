//! Alerts asked with what a running appliance says of itself: its metrics as scraped, held still for half an hour.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use super::appliance::Appliance;
use super::media::run;

const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/ops/prometheus/sluice.rules.yml");

/// True where Prometheus would raise the alert on these metrics. The rules themselves have tests of their own; this is whether the
/// metrics that they wait for come.
pub(crate) fn fires(appliance: &Appliance, alert: &str) -> bool {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let file = dir.path().join("alert.test.yml");
    std::fs::write(&file, asked(&appliance.metrics(), alert)).expect("the question is written");
    let told = run(Command::new(promtool()).args(["test", "rules"]).arg(&file));
    let said = String::from_utf8_lossy(&told.stdout).into_owned() + &String::from_utf8_lossy(&told.stderr);
    assert!(told.status.success() || said.contains("FAILED"), "promtool: {said}");
    told.status.success()
}

/// A test of the rules that passes where the alert fires.
fn asked(metrics: &str, alert: &str) -> String {
    let mut text =
        format!("rule_files: ['{RULES}']\nevaluation_interval: 1m\ntests:\n  - interval: 1m\n    input_series:\n");
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        let Some((series, value)) = line.rsplit_once(' ') else { continue };
        let Some(value) = value.parse::<f64>().ok().filter(|value| value.is_finite()) else { continue };
        let _ = write!(text, "      - series: '{}'\n        values: '{value}x30'\n", series.replace('\'', "''"));
    }
    let firing = format!("count(ALERTS{{alertname=\"{alert}\",alertstate=\"firing\"}}) > bool 0");
    let _ = write!(
        text,
        "    promql_expr_test:\n      - expr: '{firing}'\n        eval_time: 30m\n        exp_samples: [{{labels: '{{}}', value: 1}}]\n"
    );
    text
}

fn promtool() -> PathBuf {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home);
    let ours = cache.map(|cache| cache.join("sluice/promtool/promtool")).filter(|path| path.exists());
    ours.unwrap_or_else(|| "promtool".into())
}
