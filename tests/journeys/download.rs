//! A stretch of a recording as a file: whole, resumed, marked, the pictures that are on disk; and broken off when the right to it is
//! taken away.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

use crate::harness::api::Client;
use crate::harness::appliance::Appliance;
use crate::harness::camera::GstCamera;
use crate::harness::eventually;
use crate::harness::media::{faults, make_clip, picture_hashes, run, segments};

/// So much in a second that what is broken off cannot have been in a socket's buffer.
const HEAVY: &str = "-f lavfi -i testsrc2=size=640x360:rate=25:duration=30,noise=alls=80:allf=t \
    -c:v libx264 -preset ultrafast -bf 0 -g 25 -b:v 16M -maxrate 16M -bufsize 16M";
const SECONDS: i64 = 8;

#[test]
fn a_download_resumes_to_the_same_file_and_ends_with_the_right_to_it() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let clip = dir.path().join("heavy.mp4");
    make_clip(&clip, HEAVY);
    let camera = GstCamera::start(&[("cam", &clip, "h264")]);
    let appliance = Appliance::start();
    appliance.add_camera("cam", &camera.url("cam"));
    let operator = appliance.login("operator");
    let long = |item: &&[jiff::Timestamp; 2]| item[1].duration_since(item[0]).as_secs() > SECONDS;
    let items = appliance.once_recorded(&operator, "cam", |items| items.iter().any(|item| long(&item)));
    let [from, _] = *items.iter().find(long).expect("there is one");
    let stretch = [from, from + jiff::SignedDuration::from_secs(SECONDS)];

    let session = appliance.recorded(&operator, "cam", "download", stretch);
    let url = session["urls"]["download"].as_str().expect("a URL").to_owned();
    let (status, whole) = Client::new(appliance.api()).bytes(&url);
    assert_eq!(status, 200);
    assert!(whole.len() > 8 << 20, "{} bytes: the clip is too light for this test", whole.len());
    resumes(&url, &whole);
    let file = dir.path().join("recording.mp4");
    std::fs::write(&file, &whole).expect("written");
    is_what_was_recorded(&appliance, &file, &session);
    is_broken_off(&appliance, &operator, stretch, whole.len());
}

/// curl keeps the first part and goes on behind it, more than once; what it has then is the file.
fn resumes(url: &str, whole: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("parts.mp4");
    for kept in [0, 1, 100_000, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&file, &whole[..kept]).expect("written");
        let output = run(Command::new("curl").args(["-sS", "--fail", "-C", "-", url, "-o"]).arg(&file));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(std::fs::read(&file).expect("the file") == whole, "resumed at byte {kept}");
    }
}

/// It plays without a word of damage, to the pictures that are on disk, and names its session.
fn is_what_was_recorded(appliance: &Appliance, file: &Path, session: &Value) {
    let output = run(Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-loglevel", "warning", "-xerror", "-i"])
        .arg(file)
        .args(["-f", "null", "-"]));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && faults(&said).is_empty(), "ffmpeg said {said}");
    let copied = picture_hashes(file);
    assert!(copied.len() as i64 >= SECONDS * 25 - 1, "{} pictures", copied.len());
    let stored: Vec<String> =
        segments(&appliance.recordings().join("cam")).iter().flat_map(|s| picture_hashes(s)).collect();
    assert!(stored.windows(copied.len()).any(|window| window == copied), "other pictures than recorded");
    let traced = run(Command::new(env!("CARGO_BIN_EXE_sluice"))
        .arg("trace")
        .arg(file)
        .args(["--json", "--data"])
        .arg(appliance.dir()));
    let said: Value = serde_json::from_slice(&traced.stdout).expect("JSON");
    let record = &said["sessions"][0]["opening"]["record"];
    let named = json!([record["session"], record["mark"], record["medium"], said["refused"]["marks"]]);
    assert_eq!(named, json!([session["id"], session["mark"], "file", 0]), "{said}");
}

/// The grant is revoked in the middle of the file: the connection breaks off, and the token opens nothing any more.
fn is_broken_off(appliance: &Appliance, operator: &Client, stretch: [jiff::Timestamp; 2], length: usize) {
    let session = appliance.recorded(operator, "cam", "download", stretch);
    let url = session["urls"]["download"].as_str().expect("a URL");
    let (host, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("a URL");
    let mut socket = slow_connection(host.parse().expect("an address"));
    write!(socket, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").expect("written");
    let mut got = vec![0; 200_000];
    socket.read_exact(&mut got).expect("the beginning");
    assert!(got.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&got[..200]));
    let approver = appliance.login("bureau_approver");
    let (_, grants) = approver.get("/api/v1/grants");
    let grant = grants["items"][0]["id"].as_str().expect("the demo's grant");
    approver.create(&format!("/api/v1/grants/{grant}/revoke"), &json!({"reason": "journey"}));
    let mut rest = Vec::new();
    // Closed or reset: either way in the middle.
    let _ = socket.read_to_end(&mut rest);
    let received = got.len() + rest.len();
    assert!(received < length, "{received} bytes of {length} came");
    assert_eq!(Client::new(appliance.api()).bytes(url).0, 403);
    let id = session["id"].as_str().expect("an id");
    let shown = eventually("its end is on record", Duration::from_secs(10), || {
        let shown = operator.get(&format!("/api/v1/sessions/{id}")).1;
        shown["end_reason"].is_string().then_some(shown)
    });
    assert_eq!((&shown["end_reason"], &shown["verb"]), (&json!("revoked"), &json!("download")), "{shown}");
}

/// With little room on the way.
fn slow_connection(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(16 << 10).expect("a socket option");
    socket.connect(&address.into()).expect("the listener is there");
    let socket: TcpStream = socket.into();
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket option");
    socket
}
