//! `sluice confine`: becomes another program that can do next to nothing. It reads one folder and the system's libraries, writes
//! one folder, has no network, and ends at its limits or with its parent. What cannot be enforced on this machine is refused, not
//! left out. The appliance renders exports and snapshots so: a hostile recording may take ffmpeg over, and then has nothing.

mod calls;
mod folders;
mod limits;

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, bail};
use clap::Args;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

use limits::Limits;

/// The program was not begun (sysexits.h `EX_UNAVAILABLE`): whoever asked can tell that from a program that failed.
const EXIT_NOT_CONFINED: u8 = 69;

/// Become a program that reads one folder, writes one folder and has no network.
///
/// Exit code 69: this machine cannot confine it, or the program is not there; it was not begun. Else the program's own.
#[derive(Args)]
pub(crate) struct Confine {
    /// The one folder it may read, besides the system's libraries and fonts. It begins in it.
    #[arg(long, value_name = "DIR")]
    read: PathBuf,
    /// The one folder it may write.
    #[arg(long, value_name = "DIR")]
    write: PathBuf,
    /// The process that it ends with, which must be the one that called; without it, whichever called.
    #[arg(long, value_name = "PID")]
    parent: Option<i32>,
    #[command(flatten)]
    limits: Limits,
    /// The program, as an absolute path or as a name in /usr/bin, and its arguments.
    #[arg(last = true, required = true, value_name = "PROGRAM")]
    program: Vec<OsString>,
}

impl Confine {
    /// Does not return where it succeeds: this process is the program then.
    pub(super) fn run(self) -> ExitCode {
        let Err(error) = self.become_it();
        super::failed(&error);
        ExitCode::from(EXIT_NOT_CONFINED)
    }

    fn become_it(self) -> anyhow::Result<std::convert::Infallible> {
        let Self { read, write, parent, limits, program } = self;
        end_with(parent)?;
        let (program, arguments) = program.split_first().context("no program is named")?;
        let program = PathBuf::from("/usr/bin").join(program);
        let program = program.canonicalize().with_context(|| format!("{} is not there", program.display()))?;
        let folder = |path: PathBuf| path.canonicalize().with_context(|| format!("{} is not there", path.display()));
        let (read, write) = (folder(read)?, folder(write)?);
        std::env::set_current_dir(&read).with_context(|| format!("cannot enter {}", read.display()))?;
        folders::restrict(&program, &read, &write)?;
        calls::restrict()?;
        let mut command = Command::new(&program);
        command.args(arguments).env_clear().env("PATH", "/usr/bin").env("LANG", "C.UTF-8").env("HOME", "/nonexistent");
        // glibc reserves 64 MiB for each of these, which would count against the limit on memory.
        command.env("MALLOC_ARENA_MAX", "2");
        // The last step: little enough memory may be left to this process for any other.
        limits.set()?;
        Err(command.exec()).with_context(|| format!("cannot run {}", program.display()))
    }
}

/// The kernel ends this process with its parent. The parent may have gone before that was said.
fn end_with(parent: Option<i32>) -> anyhow::Result<()> {
    let before = getppid().map(Pid::as_raw_pid);
    if parent.is_some_and(|wanted| before != Some(wanted)) {
        bail!("process {parent:?} did not call this one");
    }
    set_parent_process_death_signal(Some(Signal::KILL)).context("cannot be bound to the parent's life")?;
    if getppid().map(Pid::as_raw_pid) != before {
        bail!("the parent is gone");
    }
    Ok(())
}
