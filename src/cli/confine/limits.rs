//! What a confined program may use up, as the kernel counts it: past a limit a call fails or the program is ended. The time on the
//! wall is watched by whoever called.

use anyhow::Context;
use clap::Args;
use rustix::process::{Resource, Rlimit, setrlimit};

/// Descriptors at once: libraries, fonts, an input and an output.
const FILES_MAX: u64 = 256;

/// What it may use.
#[derive(Args)]
pub(super) struct Limits {
    /// Address space.
    #[arg(long, value_name = "MIB", default_value_t = 4096)]
    memory_mib: u64,
    /// Processor time, all its threads together.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    cpu_seconds: u64,
    /// Largest file it may write.
    #[arg(long, value_name = "MIB", default_value_t = 65536)]
    file_mib: u64,
}

impl Limits {
    /// Sets them for this process and what it becomes; they cannot be raised again.
    pub(super) fn set(&self) -> anyhow::Result<()> {
        let limits = [
            (Resource::Core, 0, "core files"),
            (Resource::Nofile, FILES_MAX, "open files"),
            (Resource::Fsize, self.file_mib << 20, "file size"),
            (Resource::Cpu, self.cpu_seconds, "processor time"),
            (Resource::As, self.memory_mib << 20, "memory"),
        ];
        for (resource, limit, name) in limits {
            let both = Rlimit { current: Some(limit), maximum: Some(limit) };
            setrlimit(resource, both).with_context(|| format!("cannot limit {name} to {limit}"))?;
        }
        Ok(())
    }
}
