//! What it costs to hand out a recording: one marked MP4, fetched over and over, beside bare servers that send the same file by `sendfile`
//! and by `read` and `write`. The appliance marks each copy, so that its bytes are not all in the file.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use media::wall::{Clock as _, Wall};
use serde_json::{Value, json};

use crate::appliance::{Appliance, Owned, cameras, clip};
use crate::cpu::{CpuSeconds, SERVER_CPU};
use crate::report::{Report, median};
use crate::seek::{Now, stamp};

/// Bytes that a bare server reads at once.
const READ_BYTES: usize = 256 << 10;

/// What is measured.
#[derive(clap::Args)]
pub(crate) struct Plan {
    /// Seconds that are recorded, and fetched.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Bit rate of the camera, in kbit/s.
    #[arg(long, default_value_t = 8_000)]
    kbit: u32,
    /// Megabytes that each server sends in a round.
    #[arg(long, default_value_t = 2_000)]
    megabytes: u64,
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// How a bare server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Way {
    Sendfile,
    Copy,
}

/// Prints the figures, writes `download.json`.
pub(crate) fn run(sluice: &Path, plan: &Plan, report: &Report) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let (_sim, address) = cameras(sluice, 1, Some(&clip(dir.path(), plan.kbit)?))?;
    let appliance = Appliance::start(sluice, &[])?;
    appliance.add_cameras(&address, 1)?;
    appliance.wait_for_cameras(1, 30)?;
    let began = Now.wall();
    std::thread::sleep(Duration::from_secs(plan.seconds + 5));
    let url = download(&appliance, began + Duration::from_secs(2), began + Duration::from_secs(plan.seconds))?;
    // The bare servers send one viewer's copy as it was fetched.
    let copy = dir.path().join("copy.mp4");
    fetch(&url, &mut File::create(&copy)?)?;
    let (mut ours, mut sendfile, mut plain) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        ours.push(cost(appliance.id(), &url, plan)?);
        sendfile.push(floor(Way::Sendfile, &copy, plan)?);
        plain.push(floor(Way::Copy, &copy, plan)?);
    }
    let [ours, sendfile, plain] = [ours, sendfile, plain].map(|costs| median(&costs));
    println!("CPU s per GB, medians of {} rounds; a file of {} bytes", plan.rounds, std::fs::metadata(&copy)?.len());
    println!("appliance {ours:.3}   sendfile {sendfile:.3}   read and write {plain:.3}");
    println!("of sendfile {:.2}   of read and write {:.2}", ours / sendfile, ours / plain);
    let rows: [Value; 1] = [json!({"appliance": ours, "sendfile": sendfile, "read_and_write": plain})];
    report.write("download", &rows)
}

fn download(appliance: &Appliance, from: Wall, to: Wall) -> anyhow::Result<String> {
    let mut body = appliance.session("bench-1");
    body["verb"] = "download".into();
    (body["from"], body["to"]) = (stamp(from)?.into(), stamp(to)?.into());
    let session = appliance.call("/api/v1/sessions", &appliance.login("operator")?, &body)?;
    Ok(session["urls"]["download"].as_str().context("a download has its URL")?.to_owned())
}

/// CPU seconds of the server per GB that is fetched from it.
fn cost(server: u32, url: &str, plan: &Plan) -> anyhow::Result<f64> {
    let (before, mut bytes) = (CpuSeconds::of(server), 0);
    while bytes < plan.megabytes * 1_000_000 {
        bytes += fetch(url, &mut std::io::sink())?;
    }
    Ok(CpuSeconds::of(server).since(&before).process / (bytes as f64 / 1e9))
}

/// GET by a connection of its own; the bytes of the answer's body.
fn fetch(url: &str, to: &mut impl std::io::Write) -> anyhow::Result<u64> {
    let (host, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).context("a plain URL")?;
    let mut socket = TcpStream::connect(host)?;
    // In one write: the bare servers read once.
    socket.write_all(format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").as_bytes())?;
    let mut reader = BufReader::with_capacity(READ_BYTES, socket);
    let (mut line, mut first) = (String::new(), true);
    while reader.read_line(&mut line).with_context(|| format!("the head of {url}"))? > 0 && line != "\r\n" {
        anyhow::ensure!(!first || line.contains(" 200 "), "{url}: {line}");
        (first, line) = (false, String::new());
    }
    std::io::copy(&mut reader, to).with_context(|| url.to_owned())
}

/// A bare server, as a process of its own where the appliance had its own.
fn floor(way: Way, file: &Path, plan: &Plan) -> anyhow::Result<f64> {
    let mut command = Command::new(std::env::current_exe()?);
    let name = clap::ValueEnum::to_possible_value(&way).context("every way has a name")?;
    command.arg("download-floor").arg(name.get_name()).arg(file);
    let (server, port) = Owned::start(SERVER_CPU, &mut command, "ready ")?;
    cost(server.id(), &format!("http://127.0.0.1:{port}/"), plan)
}

/// Serves until it is ended.
pub(crate) fn serve(way: Way, file: &PathBuf) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("ready {}", listener.local_addr()?.port());
    for socket in listener.incoming() {
        answer(way, &mut socket?, &mut File::open(file)?)?;
    }
    bail!("the listener ended")
}

fn answer(way: Way, socket: &mut TcpStream, file: &mut File) -> anyhow::Result<()> {
    let mut head = [0; 4096];
    let _ = socket.read(&mut head)?;
    let bytes = file.metadata()?.len();
    write!(socket, "HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\nconnection: close\r\n\r\n")?;
    if way == Way::Copy {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(()),
                read => socket.write_all(&buffer[..read])?,
            }
        }
    }
    let mut offset = 0;
    while offset < bytes {
        let left = usize::try_from(bytes - offset)?;
        rustix::fs::sendfile(&*socket, &*file, Some(&mut offset), left)?;
    }
    Ok(())
}
