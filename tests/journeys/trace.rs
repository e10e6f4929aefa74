//! A leaked copy tells whose it is: ffmpeg keeps what six sessions of two accounts were sent, each in another container, and
//! `sluice trace` names each copy's own session, user and camera, also out of captured packets; and what was never marked or was
//! changed is held against nobody.

use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use media::mark::{Finder, UUID};
use serde_json::{Value, json};

use crate::harness::api::Client;
use crate::harness::appliance::Appliance;
use crate::harness::camera::SimCameras;
use crate::harness::media::run;
use crate::harness::viewer::Viewer;

const CAMERAS: [&str; 2] = ["north", "south"];
/// The copies: which account, which camera, what file, and what that is taken for.
const COPIES: [(usize, usize, &str, &str); 6] = [
    (0, 0, "mp4", "file read as it lies"),
    (1, 1, "ts", "MPEG transport stream in packets of 188"),
    (0, 1, "h264", "file read as it lies"),
    (1, 0, "mkv", "file read as it lies"),
    (0, 0, "vob", "MPEG program stream"),
    (1, 1, "m2ts", "MPEG transport stream in packets of 192"),
];
/// Seconds of each copy; a mark comes every two.
const COPY_SECONDS: &str = "5";
/// Marks that a capture goes on for.
const CAPTURED_MARKS: usize = 3;

fn with_cameras() -> (SimCameras, Appliance) {
    let cameras = SimCameras::start(CAMERAS.len());
    let appliance = Appliance::start();
    for (number, camera) in (1..).zip(CAMERAS) {
        appliance.add_camera(camera, &cameras.url(number));
    }
    CAMERAS.iter().for_each(|camera| appliance.wait_for_camera(camera));
    (cameras, appliance)
}

/// Another operator of the same unit: name and login.
fn second_operator(appliance: &Appliance) -> (String, Client) {
    let keeper = appliance.login("security_admin");
    let (status, page) = keeper.get("/api/v1/users");
    let users = page["items"].as_array().unwrap_or_else(|| panic!("{status} {page}"));
    let first = users.iter().find(|user| user["user"] == "operator").expect("the demo's operator");
    let (name, password) = ("operator-two", "correct horse battery 9");
    let user = json!({
        "user": name, "name": "Second operator", "staff_no": "000001", "unit": first["unit"], "roles": ["operator"],
        "password": password, "must_change_password": false, "state": "approved",
    });
    keeper.create("/api/v1/users", &user);
    let second = Client::login(appliance.api(), name, password);
    appliance.put_in_order(&second);
    (name.to_owned(), second)
}

/// What the command says of a file, and its exit code.
pub(crate) fn trace(appliance: &Appliance, file: &Path) -> (Option<i32>, Value) {
    let (code, said) = trace_with(file, &["--json", "--data"], appliance.dir());
    (code, serde_json::from_str(&said).unwrap_or_else(|error| panic!("{}: {error}: {said}", file.display())))
}

fn trace_with(file: &Path, arguments: &[&str], place: &Path) -> (Option<i32>, String) {
    let output = run(Command::new(env!("CARGO_BIN_EXE_sluice")).arg("trace").arg(file).args(arguments).arg(place));
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

/// The file is of that kind and names this one session of this user at this camera, and nobody else.
#[track_caller]
fn names(appliance: &Appliance, file: &Path, kind: &str, session: &Value, [user, camera]: [&str; 2]) {
    let (code, said) = trace(appliance, file);
    assert_eq!(code, Some(0), "{}: {said}", file.display());
    let found = said["sessions"].as_array().expect("sessions");
    let [found] = found.as_slice() else { panic!("{}: {} sessions: {said}", file.display(), found.len()) };
    let record = &found["opening"]["record"];
    let person = &said["people"][record["user"].as_str().expect("a user's id")];
    let named = json!([record["session"], record["mark"], person["login"], record["content"]["camera"]]);
    assert_eq!(named, json!([session["id"], session["mark"], user, camera]), "{}: {said}", file.display());
    assert!(found["marks"].as_u64() >= Some(2), "{}: {said}", file.display());
    assert_eq!((&said["refused"]["marks"], &said["kind"]), (&json!(0), &json!(kind)), "{}: {said}", file.display());
}

/// Keeps a copy of what the URL gives, as it comes.
fn keep_copy(url: &str, file: &Path) {
    let output = run(Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-loglevel", "error", "-rtsp_transport", "tcp", "-i", url])
        .args(["-t", COPY_SECONDS, "-map", "0:v", "-c", "copy", "-y"])
        .arg(file));
    assert!(output.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&output.stderr));
}

#[test]
fn each_copy_names_its_own_session_and_a_changed_mark_names_nobody() {
    let (_cameras, appliance) = with_cameras();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (second, client) = second_operator(&appliance);
    let accounts = [("operator".to_owned(), appliance.login("operator")), (second, client)];
    let copies = COPIES.map(|(account, camera, ending, kind)| {
        let (user, client) = &accounts[account];
        let session = appliance.live(client, CAMERAS[camera]);
        (folder.path().join(format!("copy.{ending}")), kind, session, [user.as_str(), CAMERAS[camera]])
    });
    std::thread::scope(|scope| {
        for (file, _, session, _) in &copies {
            scope.spawn(|| keep_copy(session["urls"]["rtsp"].as_str().expect("an RTSP URL"), file));
        }
    });
    for (file, kind, session, whose) in &copies {
        names(&appliance, file, kind, session, *whose);
    }
    let (file, _, session, [user, camera]) = &copies[2];
    said_for_people(&appliance, file, &[session["id"].as_str().expect("an id"), user, camera, "127.0.0.1", "journey"]);
    a_changed_mark_is_refused(&appliance, file);
    two_copies_in_one_name_both(&appliance, [&copies[2].0, &copies[0].0], folder.path());
    what_was_never_marked_names_nobody(&appliance);
}

/// Once more as text, with the configuration in place of the folder.
fn said_for_people(appliance: &Appliance, file: &Path, words: &[&str]) {
    let (code, said) = trace_with(file, &["--config"], &appliance.dir().join("sluice.toml"));
    assert_eq!(code, Some(0), "{said}");
    words.iter().for_each(|word| assert!(said.contains(word), "no {word:?}: {said}"));
}

/// One character of the first mark's text is another.
fn a_changed_mark_is_refused(appliance: &Appliance, file: &Path) {
    let (_, sound) = trace(appliance, file);
    let mut bytes = std::fs::read(file).expect("the copy");
    let first = bytes.windows(UUID.len()).position(|window| window == UUID).expect("a mark");
    let character = &mut bytes[first + UUID.len() + 20];
    *character = if *character == b'A' { b'B' } else { b'A' };
    let changed = file.with_extension("changed");
    std::fs::write(&changed, bytes).expect("written");
    let (code, said) = trace(appliance, &changed);
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(said["refused"], json!({"marks": 1, "places": [{"byte": first}]}), "{said}");
    let (before, after) = (&sound["sessions"][0]["marks"], &said["sessions"][0]["marks"]);
    assert_eq!(before.as_u64(), after.as_u64().map(|marks| marks + 1), "{said}");
    let (_, text) = trace_with(&changed, &["--data"], appliance.dir());
    assert!(text.contains("that this appliance did not make, or that was changed"), "{text}");
}

fn two_copies_in_one_name_both(appliance: &Appliance, files: [&PathBuf; 2], folder: &Path) {
    let both = files.map(|file| std::fs::read(file).expect("a copy")).concat();
    let file = folder.join("both");
    std::fs::write(&file, both).expect("written");
    let (code, said) = trace(appliance, &file);
    assert_eq!((code, said["sessions"].as_array().map(Vec::len)), (Some(0), Some(2)), "{said}");
}

fn what_was_never_marked_names_nobody(appliance: &Appliance) {
    let clip = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/relay/testdata/demo.mp4"));
    let (code, said) = trace(appliance, clip);
    assert_eq!((code, &said["sessions"], &said["refused"]["marks"]), (Some(1), &json!([]), &json!(0)), "{said}");
    // What cannot be looked through is not taken for a file without marks.
    let nowhere = tempfile::tempdir().expect("a temporary folder");
    assert_eq!(trace_with(clip, &["--data"], nowhere.path()).0, Some(66));
    assert_eq!(trace_with(&nowhere.path().join("none"), &["--data"], appliance.dir()).0, Some(66));
    assert_eq!(trace_with(clip, &["--config"], &nowhere.path().join("none.toml")).0, Some(64));
}

#[test]
fn captured_packets_name_their_viewer() {
    let (_cameras, appliance) = with_cameras();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let operator = appliance.login("operator");
    for (camera, capture) in [("north", over_tcp as fn(&str) -> Vec<Vec<u8>>), ("south", over_udp)] {
        let session = appliance.live(&operator, camera);
        let packets = capture(session["urls"]["rtsp"].as_str().expect("an RTSP URL"));
        let file = folder.path().join(camera);
        std::fs::write(&file, pcap(&packets)).expect("written");
        names(&appliance, &file, "packet capture (pcap)", &session, ["operator", camera]);
    }
}

/// Counts marks until there are enough.
#[derive(Default)]
struct Enough {
    finder: Finder,
    marks: usize,
}

impl Enough {
    fn after(&mut self, bytes: &[u8]) -> bool {
        self.finder.push(bytes, &mut |_| self.marks += 1);
        self.marks >= CAPTURED_MARKS
    }
}

/// What a viewer over TCP is sent, as a bad network would bring it: out of order, and some of it twice.
fn over_tcp(url: &str) -> Vec<Vec<u8>> {
    use std::io::Read;
    let mut viewer = Viewer::connect(url, Ipv4Addr::LOCALHOST);
    assert_eq!(viewer.play(), 200);
    let (mut stream, mut enough, mut buffer) = (Vec::new(), Enough::default(), vec![0; 64 << 10]);
    loop {
        let count = viewer.socket.read(&mut buffer).expect("media flows");
        assert!(count > 0, "the server hung up");
        stream.extend_from_slice(&buffer[..count]);
        if enough.after(&buffer[..count]) {
            break;
        }
    }
    // So small that many a mark is cut.
    let segments: Vec<Vec<u8>> = (0..).zip(stream.chunks(100)).map(|(n, bytes)| tcp(n * 100, bytes)).collect();
    segments.chunks(5).flat_map(|five| five.iter().rev().chain(five.last()).cloned().collect::<Vec<_>>()).collect()
}

/// What a viewer by UDP is sent.
fn over_udp(url: &str) -> Vec<Vec<u8>> {
    let mut viewer = Viewer::connect(url, Ipv4Addr::LOCALHOST);
    let (media, reports) = two_ports();
    let port = media.local_addr().expect("bound").port();
    assert_eq!(viewer.play_by(&format!("RTP/AVP;unicast;client_port={port}-{}", port + 1)), 200);
    media.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket option");
    let (mut packets, mut marks, mut buffer) = (Vec::new(), 0, vec![0; 64 << 10]);
    while marks < CAPTURED_MARKS {
        let count = media.recv(&mut buffer).expect("media flows");
        marks += usize::from(buffer[..count].windows(UUID.len()).any(|window| window == UUID));
        packets.push(udp(port, &buffer[..count]));
    }
    drop(reports);
    packets
}

/// An even port and the one above it, which the kernel had free.
fn two_ports() -> (UdpSocket, UdpSocket) {
    let bind = |port: u16| UdpSocket::bind((Ipv4Addr::LOCALHOST, port));
    for _ in 0..100 {
        let first = bind(0).expect("a free port");
        let port = first.local_addr().expect("bound").port();
        if port % 2 == 0
            && let Ok(second) = bind(port + 1)
        {
            return (first, second);
        }
    }
    panic!("no two ports side by side in 100 tries");
}

fn tcp(sequence: u32, bytes: &[u8]) -> Vec<u8> {
    let sequence = sequence.wrapping_sub(10_000).to_be_bytes();
    let ports = [0x21, 0x6a, 0xc3, 0x50];
    ethernet(6, &[&ports[..], &sequence, &[0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0], bytes].concat())
}

fn udp(port: u16, bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u16 + 8).to_be_bytes();
    ethernet(17, &[&[0x4e, 0x20][..], &port.to_be_bytes(), &length, &[0, 0], bytes].concat())
}

/// An Ethernet frame with an IPv4 packet, filled up to its least size.
fn ethernet(protocol: u8, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u16 + 20).to_be_bytes();
    let head = [&[0x45, 0][..], &length, &[0, 0, 0x40, 0, 64, protocol, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]].concat();
    let mut frame = [&[2; 12][..], &[8, 0], &head, content].concat();
    frame.resize(frame.len().max(60), 0);
    frame
}

/// A capture of Ethernet frames, little-endian, in microseconds.
fn pcap(packets: &[Vec<u8>]) -> Vec<u8> {
    let mut file = [&0xa1b2_c3d4_u32.to_le_bytes()[..], &[2, 0, 4, 0], &[0; 8], &[0, 0, 4, 0], &[1, 0, 0, 0]].concat();
    for packet in packets {
        let length = (packet.len() as u32).to_le_bytes();
        file.extend([[0; 4], [0; 4], length, length].as_flattened());
        file.extend(packet);
    }
    file
}
