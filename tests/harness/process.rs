//! Child processes with an owner: lines of output to wait for, and an end that is certain.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// A running child whose standard output is read line by line. Dropping it kills it.
pub(crate) struct Process {
    child: Child,
    lines: Mutex<Receiver<String>>,
    name: String,
}

impl Process {
    /// Starts the command. Its standard input is a pipe that closes with it.
    pub(crate) fn start(command: &mut Command) -> Self {
        let name = format!("{:?}", command.get_program());
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {name}: {e} (make test installs what the tests need)"));
        let stdout = child.stdout.take().expect("stdout was piped");
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines: Mutex::new(lines), name }
    }

    /// The first line that begins with `prefix`, without the prefix.
    pub(crate) fn line_after(&self, prefix: &str, deadline: Duration) -> String {
        let (lines, mut seen) = (self.lines.lock().expect("no reader panicked"), Vec::new());
        loop {
            match lines.recv_timeout(deadline) {
                Ok(line) => match line.strip_prefix(prefix) {
                    Some(rest) => return rest.trim().to_owned(),
                    None => seen.push(line),
                },
                Err(RecvTimeoutError::Timeout) => {
                    panic!("{}: no line {prefix:?} within {deadline:?}; it said {seen:#?}", self.name)
                }
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("{} ended without a line {prefix:?}; it said {seen:#?}", self.name)
                }
            }
        }
    }

    /// Process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid fits")).expect("not zero");
        // An error means that it has ended already, which is what the callers want.
        let _ = kill_process(pid, signal);
    }

    /// Asks it to end (SIGTERM) and waits; the exit code, or none after a signal or the deadline (then it is killed).
    pub(crate) fn stop(&mut self, deadline: Duration) -> Option<i32> {
        self.signal(Signal::TERM);
        for _ in 0..deadline.as_millis() / 20 {
            if let Ok(Some(status)) = self.child.try_wait() {
                return status.code();
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        self.kill();
        None
    }

    /// Ends it at once, as a power cut would.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
