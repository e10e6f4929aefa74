//! File systems of a test's own, in a mount namespace that lives as long as its value: an appliance can be stopped and started on them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use rustix::process::geteuid;

use super::media::run;
use super::process::Process;

/// Making file systems takes a moment on a busy machine.
const START: Duration = Duration::from_secs(30);

/// Options that give a mount namespace: an administrator needs no user namespace for it.
pub(crate) fn namespace() -> &'static [&'static str] {
    if geteuid().is_root() { &["--mount"] } else { &["--mount", "--user", "--map-root-user"] }
}

/// False, and said, where the system gives no mount namespace, as Ubuntu does without a privilege.
pub(crate) fn can_mount() -> bool {
    let given = Command::new("unshare").args(namespace()).arg("true").output().is_ok_and(|out| out.status.success());
    if !given {
        eprintln!("NOT RUN: no mount namespace for this user; run the tests as root");
    }
    given
}

/// A namespace with what was mounted in it.
pub(crate) struct Mounts {
    holder: Process,
    dir: PathBuf,
}

impl Mounts {
    /// `mounts` is run by a shell in the folder, which then holds the namespace.
    pub(crate) fn make(dir: &Path, mounts: &str) -> Self {
        let mut command = Command::new("unshare");
        command.args(namespace()).args(["--propagation", "private", "sh", "-ec"]);
        command.arg(format!("cd {}\n{mounts}\necho ready\nexec cat", dir.display()));
        let holder = Process::start(&mut command);
        holder.line_after("ready", START);
        Self { holder, dir: dir.to_owned() }
    }

    /// A command that will run where they are mounted.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut enter = Command::new("nsenter");
        enter.args(["--target", &self.holder.id().to_string(), "--mount"]);
        if !geteuid().is_root() {
            enter.args(["--user", "--preserve-credentials"]);
        }
        enter.arg(program);
        enter
    }

    /// Runs a shell command in the folder.
    pub(crate) fn run(&self, command: &str) -> Output {
        run(self.command("sh").args(["-ec"]).arg(format!("cd {}\n{command}", self.dir.display())))
    }

    /// The same where it must succeed; what it said.
    #[track_caller]
    pub(crate) fn must(&self, command: &str) -> String {
        let output = self.run(command);
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The folder as it looks from within, for those outside.
    pub(crate) fn seen_from_outside(&self) -> PathBuf {
        let inside = self.dir.strip_prefix("/").expect("an absolute path");
        Path::new("/proc").join(self.holder.id().to_string()).join("root").join(inside)
    }
}
