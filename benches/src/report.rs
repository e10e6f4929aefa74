//! Results: a table for people, a JSON file for machines.

use std::path::PathBuf;

use anyhow::Context;
use serde_json::Value;

/// Where results go.
pub(crate) struct Report {
    out: PathBuf,
}

impl Report {
    /// Results go to `out/NAME.json`.
    pub(crate) fn new(out: PathBuf) -> Self {
        Self { out }
    }

    /// Writes a bench's rows.
    pub(crate) fn write(&self, name: &str, rows: &[Value]) -> anyhow::Result<()> {
        std::fs::create_dir_all(&self.out).with_context(|| format!("cannot make {}", self.out.display()))?;
        let path = self.out.join(format!("{name}.json"));
        let body = serde_json::json!({"bench": name, "machine": machine(), "rows": rows});
        std::fs::write(&path, serde_json::to_string_pretty(&body)?)?;
        println!("written: {}", path.display());
        Ok(())
    }
}

/// Median of the values; 0 of none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.len(), sorted.get(sorted.len() / 2)) {
        (0, _) | (_, None) => 0.0,
        (n, Some(upper)) if n % 2 == 0 => sorted.get(n / 2 - 1).map_or(*upper, |lower| (lower + upper) / 2.0),
        (_, Some(middle)) => *middle,
    }
}

/// The value below which `share` (0 to 1) of the values lie.
pub(crate) fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let index = ((sorted.len() as f64 - 1.0) * share).round().max(0.0) as usize;
    sorted.get(index).copied().unwrap_or(0.0)
}

fn machine() -> Value {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|l| l.strip_prefix("model name"))
        .map_or("", |l| l.trim_start_matches([' ', '\t', ':']));
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    serde_json::json!({
        "cpu": model, "cpus": crate::cpu::other_cpu() + 1, "kernel": kernel.trim(),
        "load_at_end": load.split_whitespace().next().unwrap_or(""),
    })
}
