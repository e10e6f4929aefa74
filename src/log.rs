//! Where log lines go: to standard error as configured, and the newest of them to whoever operates the appliance from the console.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, OnceLock};

use control_api::log_tail::LogTail;

/// One for the process, as the log is.
static TAIL: OnceLock<Arc<LogTail>> = OnceLock::new();

/// The newest lines.
pub(crate) fn tail() -> Arc<LogTail> {
    Arc::clone(TAIL.get_or_init(Arc::default))
}

/// Log lines to standard error, as configured. To be called once, before anything logs.
pub(crate) fn to_stderr(log: &crate::config::Log) {
    use tracing_subscriber::prelude::*;
    let filter: tracing_subscriber::filter::Targets = log.level.parse().unwrap_or_default();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_target(false)
        .with_ansi(io::stderr().is_terminal());
    let kept = tracing_subscriber::fmt::layer().with_writer(Tail::of).with_target(false).with_ansi(false);
    let registry = tracing_subscriber::registry().with(filter).with(kept);
    match log.format {
        crate::config::LogFormat::Text => registry.with(lines).init(),
        crate::config::LogFormat::Json => registry.with(lines.json()).init(),
    }
}

/// One line on its way to the tail.
struct Tail(Arc<LogTail>);

impl Tail {
    fn of() -> Self {
        Self(tail())
    }
}

impl Write for Tail {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The layer writes a line at once.
        self.0.push(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
