//! What `sluice confine` takes from a program: the network, everybody's files, other processes, more than its share, and its life
//! without its parent. And that ffmpeg works in it, and with a hostile file does no more than fail.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::harness::eventually;
use crate::harness::media::{make_clip, run};

/// A clip that files of a hostile camera are made of.
const SEED: &[u8] = include_bytes!("../../relay/testdata/small.mp4");
/// Hostile files that are tried: each takes ffmpeg some 50 ms.
const HOSTILE: usize = 40;

/// A folder to read, one to write, and a secret beside them.
struct Box {
    dir: TempDir,
}

impl Box {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for part in ["in", "out", "state"] {
            fs::create_dir(dir.path().join(part)).expect("a folder");
        }
        fs::write(dir.path().join("state/mark.key"), "secret").expect("a file");
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, limits: &[&str], program: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
        command.arg("confine").arg("--read").arg(self.path("in")).arg("--write").arg(self.path("out"));
        command.args(limits).arg("--").args(program);
        command
    }

    fn run(&self, limits: &[&str], program: &[&str]) -> Output {
        run(&mut self.command(limits, program))
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Each attempt says `name errno`, or `name done`.
const ATTEMPTS: &str = r#"
import ctypes, os, socket, sys
base = sys.argv[1]
def attempt(name, what):
    try:
        what()
        print(name, "done")
    except OSError as error:
        print(name, error.errno)
def call(number, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "refused")
attempt("read-own", lambda: open(base + "/in/attempts.py").read())
attempt("write-own", lambda: open(base + "/out/made", "w").write("x"))
attempt("tcp", lambda: socket.socket())
attempt("unix", lambda: socket.socket(socket.AF_UNIX))
attempt("pair", lambda: socket.socketpair())
attempt("read-secret", lambda: open(base + "/state/mark.key").read())
attempt("read-passwords", lambda: open("/etc/passwd").read())
attempt("read-parent", lambda: open("/proc/%d/environ" % os.getppid()).read())
attempt("list-home", lambda: os.listdir(os.path.dirname(base)))
attempt("write-input", lambda: open(base + "/in/made", "w"))
attempt("write-beside", lambda: open(base + "/made", "w"))
attempt("remove-input", lambda: os.remove(base + "/in/attempts.py"))
attempt("signal-parent", lambda: os.kill(os.getppid(), 0))
attempt("run-another", lambda: os.execv("/usr/bin/id", ["id"]))
attempt("uring", lambda: call(425, 8, 0))
attempt("namespace", lambda: call(272 if os.uname().machine == "x86_64" else 97, 0x10000000))
attempt("own-signal", lambda: os.abort() if False else None)
"#;

#[test]
fn a_confined_program_reaches_its_two_folders_and_nothing_else() {
    let cage = Box::new();
    fs::write(cage.path("in/attempts.py"), ATTEMPTS).expect("a file");
    let base = cage.path("").canonicalize().expect("a folder");
    let output = cage.run(&[], &["python3", "attempts.py", base.to_str().expect("a path")]);
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    let results: Vec<(&str, &str)> = said.lines().filter_map(|line| line.split_once(' ')).collect();
    assert_eq!(results.len(), 17, "{said}");
    for (name, result) in results {
        let own = ["read-own", "write-own", "own-signal"].contains(&name);
        // EPERM by the filter of calls, EACCES by Landlock.
        assert!(if own { result == "done" } else { ["1", "13"].contains(&result) }, "{name}: {result}");
    }
    assert_eq!(fs::read(cage.path("state/mark.key")).expect("the secret"), b"secret");
}

#[test]
fn it_ends_at_its_limits() {
    let cage = Box::new();
    let memory = cage.run(&["--memory-mib", "400"], &["python3", "-c", "x = bytearray(1 << 30)"]);
    assert!(said(&memory).contains("MemoryError"), "{}", said(&memory));
    let time = cage.run(&["--cpu-seconds", "1"], &["python3", "-c", "while True: pass"]);
    assert_eq!(time.status.code(), None, "ended by a signal");
    let path = cage.path("out/large");
    let large = format!("open({path:?}, 'wb').write(b'x' * (2 << 20))");
    let file = cage.run(&["--file-mib", "1"], &["python3", "-c", &large]);
    assert!(!file.status.success());
    assert!(fs::metadata(&path).expect("a file").len() <= 1 << 20);
}

#[test]
fn what_cannot_be_confined_is_not_begun() {
    let cage = Box::new();
    assert_eq!(cage.run(&[], &["no-such-program"]).status.code(), Some(69));
    assert_eq!(cage.run(&["--parent", "1"], &["python3", "-c", "1"]).status.code(), Some(69));
    let nowhere = run(Command::new(env!("CARGO_BIN_EXE_sluice"))
        .args(["confine", "--read", "/no/such", "--write", "/no/such", "--", "python3"]));
    assert_eq!(nowhere.status.code(), Some(69));
}

#[test]
fn it_ends_with_its_parent() {
    let cage = Box::new();
    let begun = cage.path("out/begun");
    let waits = format!("import os, time; open({begun:?}, 'w').write(str(os.getpid())); time.sleep(1000)");
    fs::write(cage.path("in/waits.py"), waits).expect("a file");
    let shell = format!(
        "{} confine --read {} --write {} -- python3 waits.py & read line",
        env!("CARGO_BIN_EXE_sluice"),
        cage.path("in").display(),
        cage.path("out").display()
    );
    let mut parent =
        Command::new("/bin/sh").args(["-c", &shell]).stdin(Stdio::piped()).spawn().expect("a shell to be the parent");
    let child: u32 = eventually("the confined program runs", Duration::from_secs(30), || {
        fs::read_to_string(&begun).ok()?.parse().ok()
    });
    drop(parent.stdin.take());
    parent.wait().expect("the parent ends");
    let stat = format!("/proc/{child}/stat");
    eventually("it is gone, or a zombie", Duration::from_secs(10), || {
        let stat = fs::read_to_string(&stat).unwrap_or_default();
        stat.rsplit(')').next().is_none_or(|rest| rest.is_empty() || rest.starts_with(" Z")).then_some(())
    });
}

#[test]
fn a_hostile_file_does_no_more_than_fail() {
    let cage = Box::new();
    let mut seed = 7_u64;
    let mut random = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    for number in 0..HOSTILE {
        let mut bytes = SEED.to_vec();
        for _ in 0..1 + random() % 200 {
            let at = random() % bytes.len();
            bytes[at] = random() as u8;
        }
        fs::write(cage.path("in/part-1.mp4"), &bytes).expect("a file");
        let arguments = ["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "fatal", "-protocol_whitelist", "file"];
        let rest =
            ["-f", "mov", "-i", "part-1.mp4", "-c:v", "libx264", "-preset", "ultrafast", "-y", "../out/video.mp4"];
        let output = cage.run(&["--cpu-seconds", "60", "--memory-mib", "2048"], &[&arguments[..], &rest].concat());
        // Whatever it did, it ended, and only where it may write is anything new.
        let left: Vec<_> = names(&cage.path("out")).into_iter().filter(|name| name != "video.mp4").collect();
        assert!(left.is_empty(), "{number}: {left:?} {}", said(&output));
        assert_eq!(names(&cage.path("")), ["in", "out", "state"], "{number}");
        assert_eq!(names(&cage.path("in")), ["part-1.mp4"], "{number}");
    }
}

/// A list that names another file: what ffmpeg follows willingly leads nowhere.
#[test]
fn a_file_that_refers_to_another_does_not_get_it() {
    let cage = Box::new();
    make_clip(&cage.path("state/other.mp4"), "-f lavfi -i testsrc2=size=64x64:rate=5:duration=1 -c:v libx264");
    let list = format!("file '{}'\n", cage.path("state/other.mp4").display());
    fs::write(cage.path("in/list.txt"), list).expect("a file");
    let command = ["ffmpeg", "-loglevel", "error", "-f", "concat", "-safe", "0", "-i", "list.txt", "-c", "copy", "-y"];
    let free = run(Command::new("ffmpeg").current_dir(cage.path("in")).args(&command[1..]).arg("../out/free.mp4"));
    assert!(free.status.success(), "unconfined it follows: {}", said(&free));
    let held = cage.run(&[], &[&command[..], &["../out/held.mp4"]].concat());
    assert!(!held.status.success() && said(&held).contains("Permission denied"), "{}", said(&held));
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
