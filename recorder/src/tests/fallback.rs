//! Where the kernel refuses io_uring, or a file system direct IO, the same recordings are written the plain way: as durable, and clean.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustix::io::Errno;
use rustix::process::geteuid;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};
use uring::Choice;
use uring::storage::Storage;

use super::checking::LATER;
use super::faulty::{Call, Fault, Then};
use super::rig::{RATE, Rig, frame};
use crate::check::{Depth, check};
use crate::disk::{Disk as _, How, System};

/// Tells the child in which folder it records.
const FOLDER: &str = "SLUICE_TEST_NO_DIRECT_IO";

/// Records past a segment's end, crashes, starts again and goes on; what is there then is what was sent.
fn record(mut rig: Rig) {
    rig.send(0, 65 * RATE);
    assert_eq!(rig.gaps(), []);
    let mut rig = rig.restart();
    let kept = rig.kept(0.0, 65.0);
    assert!(kept.covered_micros >= 64_000_000, "{kept:?}");
    rig.send(70 * RATE, 75 * RATE);
    let rig = rig.stop_and_start();
    let first = &rig.segments()[0];
    let file = fs::read(rig.path(first)).unwrap();
    let sent = frame(0).payload;
    assert!(file.windows(sent.len()).any(|bytes| bytes == sent), "the camera's own bytes");
    let folder = rig.folder.path();
    let checked = check(&[folder.join("recordings")], &folder.join("index"), Depth::Hash, LATER, &mut |_| ()).unwrap();
    assert!(checked.is_clean() && checked.sealed == 3, "{checked:?}");
}

/// From now on the kernel refuses such calls of this thread with this word.
fn refuse(call: i64, rule: Option<SeccompCondition>, errno: Errno) {
    let rules = rule.map(|condition| SeccompRule::new(vec![condition]).unwrap()).into_iter().collect();
    let rules: BTreeMap<i64, Vec<SeccompRule>> = [(call, rules)].into();
    let action = SeccompAction::Errno(errno.raw_os_error().cast_unsigned());
    let arch = env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, action, arch).unwrap();
    apply_filter(&BpfProgram::try_from(filter).unwrap()).unwrap();
}

fn refuse_io_uring() {
    refuse(libc::SYS_io_uring_setup, None, Errno::PERM);
    assert!(Storage::open(Choice::IoUring).is_err());
}

fn refuse_direct_io() {
    let direct = libc::O_DIRECT.cast_unsigned().into();
    let asked = SeccompCondition::new(2, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(direct), direct);
    refuse(libc::SYS_openat, Some(asked.unwrap()), Errno::INVAL);
    assert!(takes_no_direct_io(&env::temp_dir()));
}

fn takes_no_direct_io(folder: &Path) -> bool {
    let folder = tempfile::tempdir_in(folder).unwrap();
    let opened = System.open(&folder.path().join("file"), How::NewDirect);
    opened.is_err_and(|error| error.kind() == std::io::ErrorKind::InvalidInput)
}

/// On a thread of its own, which alone is refused.
fn on_a_thread(work: impl FnOnce() + Send + 'static) {
    std::thread::spawn(work).join().unwrap();
}

#[test]
fn where_io_uring_is_refused_recordings_are_written_by_system_calls() {
    on_a_thread(|| {
        refuse_io_uring();
        record(Rig::new());
    });
}

#[test]
fn where_direct_io_is_refused_recordings_are_written_through_the_page_cache() {
    on_a_thread(|| {
        refuse_direct_io();
        record(Rig::new());
    });
}

#[test]
fn where_both_are_refused_recordings_are_written_all_the_same() {
    on_a_thread(|| {
        refuse_io_uring();
        refuse_direct_io();
        record(Rig::new());
    });
}

/// ramfs has no direct IO. This test runs itself again, where one is mounted in a namespace of its own.
#[test]
fn a_file_system_without_direct_io_takes_recordings() {
    if let Some(folder) = env::var_os(FOLDER) {
        assert!(takes_no_direct_io(folder.as_ref()));
        return record(Rig::new());
    }
    let namespace: &[&str] = if geteuid().is_root() { &["--mount"] } else { &["--mount", "--user", "--map-root-user"] };
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(namespace).args(["--propagation", "private"]);
        command
    };
    if !unshare().arg("true").output().is_ok_and(|out| out.status.success()) {
        eprintln!("NOT RUN: no mount namespace for this user; run the tests as root");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let name = "tests::fallback::a_file_system_without_direct_io_takes_recordings";
    let script = "mount -t ramfs none \"$1\" && exec \"$2\" --exact \"$3\" --nocapture";
    let child = unshare()
        .args(["sh", "-c", script, "sh"])
        .args([folder.path().as_os_str(), env::current_exe().unwrap().as_os_str(), name.as_ref()])
        .envs([(FOLDER, folder.path()), ("TMPDIR", folder.path())])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout) + String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success() && said.contains("1 passed"), "{said}");
}

/// Some file systems make the file before they refuse it.
#[test]
fn a_file_that_was_made_and_refused_is_made_anew() {
    for then in [Then::Fail(Errno::INVAL), Then::FailAfter(Errno::INVAL)] {
        let rig = Rig::new();
        let disk = Arc::clone(&rig.disk);
        disk.set(&[Fault::new(Call::OpenNewDirect, then)]);
        record(rig);
        assert!(disk.met(Call::OpenNewDirect) >= 2, "a file for each segment");
    }
}
