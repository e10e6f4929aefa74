//! TLS at every door: curl, ffmpeg and a WebSocket trust the appliance's own authority and nobody else does; a revocation cuts what is
//! sealed as it cuts the rest; certificates change while connections go on.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, IsCa, Issuer, KeyPair};
use rustix::process::Signal;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};
use tungstenite::Message;

use crate::harness::appliance::{Appliance, SLUICE};
use crate::harness::camera::SimCameras;
use crate::harness::eventually;
use crate::harness::media::run;
use crate::harness::process::Process;

const SOON: Duration = Duration::from_secs(30);
/// curl's word for a certificate that nobody vouches for.
const CURL_UNTRUSTED: i32 = 60;

fn private() -> Appliance {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let settings = ["tls.private_ca=true", "rtsp.tls_listen=[\"127.0.0.1:0\"]"];
    Appliance::start_by(dir, Command::new(SLUICE), &settings)
}

fn trust(appliance: &Appliance) -> PathBuf {
    appliance.demo("trust").as_str().expect("demo.json names what to trust").into()
}

/// curl's exit code, and what it wrote.
fn curl(arguments: &[&str]) -> (i32, String) {
    let output = run(Command::new("curl").args(["-sS", "--max-time", "20", "-i"]).args(arguments));
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn whoever_trusts_the_authority_is_served_and_nobody_else() {
    let appliance = private();
    let ca = trust(&appliance);
    let config = appliance.dir().join("sluice.toml");
    let printed = run(Command::new(SLUICE).args(["tls", "ca", "--config"]).arg(&config));
    assert_eq!(printed.stdout, std::fs::read(&ca).expect("it was made"));

    let (ca, health) = (ca.to_str().expect("a path"), format!("{}/healthz", appliance.api()));
    let (code, said) = curl(&["--cacert", ca, &health]);
    assert!(code == 0 && said.contains("200 OK") && said.contains("strict-transport-security: max-age="), "{said}");
    assert_eq!(curl(&["--cacert", ca, &health.replace("127.0.0.1", "localhost")]).0, 0);
    assert_eq!(curl(&[&health]).0, CURL_UNTRUSTED);
    let (_, plain) = curl(&[&health.replace("https", "http")]);
    assert!(plain.contains("400 Bad Request") && plain.contains("https://"), "{plain}");

    let account = &appliance.demo("accounts")["operator"];
    let body = json!({"user": account["user"], "password": account["password"], "cookie": true}).to_string();
    let login = format!("{}/api/v1/login", appliance.api());
    let (_, said) = curl(&["--cacert", ca, "-H", "content-type: application/json", "-d", &body, &login]);
    let cookie = said.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
    assert!(cookie.starts_with("__Host-sluice-login=") && cookie.contains("; Secure"), "{cookie}");
    let pair = cookie.split(';').next().expect("a pair");
    let (_, said) = curl(&["--cacert", ca, "-b", pair, &format!("{}/api/v1/me", appliance.api())]);
    assert!(said.contains("200 OK") && said.contains("\"unit_name\""), "{said}");
}

/// A session on a camera of an appliance that speaks TLS.
fn live() -> (SimCameras, Appliance, Value) {
    let cameras = SimCameras::start(1);
    let appliance = private();
    appliance.add_camera("gate", &cameras.url(1));
    appliance.wait_for_camera("gate");
    let session = appliance.live(&appliance.login("operator"), "gate");
    (cameras, appliance, session)
}

fn url<'a>(session: &'a Value, kind: &str) -> &'a str {
    session["urls"][kind].as_str().unwrap_or_else(|| panic!("no {kind} in {session}"))
}

/// Debian's ffmpeg hands no authority to its TLS below RTSP: what it plays, it does not verify. `asks` does.
fn ffmpeg(url: &str) -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-nostdin", "-loglevel", "warning", "-rtsp_transport", "tcp", "-i", url]);
    command.args(["-map", "0:v", "-f", "null", "-progress", "pipe:1"]);
    command
}

/// One request; what came back, up to the end of its head.
fn asks(stream: &mut Stream, request: &str) -> String {
    stream.write_all(request.as_bytes()).expect("written");
    let (mut said, mut byte) = (Vec::new(), [0]);
    while !said.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("an answer");
        said.push(byte[0]);
    }
    String::from_utf8_lossy(&said).into_owned()
}

#[test]
fn ffmpeg_plays_rtsps_and_a_revocation_cuts_it() {
    let (_cameras, appliance, session) = live();
    let url = url(&session, "rtsps");
    assert!(url.starts_with("rtsps://127.0.0.1:"), "{url}");
    let played = run(ffmpeg(url).args(["-t", "3", "-"]));
    let said = String::from_utf8_lossy(&played.stderr);
    let frames = String::from_utf8_lossy(&played.stdout);
    let frames = frames.lines().filter_map(|line| line.strip_prefix("frame=")?.trim().parse::<u32>().ok()).next_back();
    assert!(frames.is_some_and(|frames| frames > 50), "{frames:?}: {said}");
    let session = appliance.live(&appliance.login("operator"), "gate");
    let mut player = Process::start(ffmpeg(self::url(&session, "rtsps")).arg("-"));
    player.line_after("frame=", SOON);
    let path = format!("/api/v1/sessions/{}", session["id"].as_str().expect("an id"));
    let (status, told) = appliance.login("security_admin").delete(&path);
    assert!((200..300).contains(&status), "{status} {told}");
    player.line_after("progress=end", SOON);
    let record = appliance.closed(&session);
    assert!(record["bytes"].as_u64().is_some_and(|bytes| bytes > 10_000) && record["protocol"] == "rtsp", "{record}");
    assert_eq!(appliance.metric("sluice_session_bytes_unaccounted"), Some(0.0));
    player.stop(SOON);
}

#[test]
fn rtsps_is_verified_and_sends_nothing_by_udp() {
    let (_cameras, appliance, session) = live();
    let url = url(&session, "rtsps");
    let address = url["rtsps://".len()..].split('/').next().expect("an address");
    let mut stream = connect(address, &trusting(&trust(&appliance)));
    let described = asks(&mut stream, &format!("DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\n\r\n"));
    let body = described.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok()).expect("a body");
    let mut sdp = vec![0; body];
    stream.read_exact(&mut sdp).expect("the description");
    let sdp = String::from_utf8_lossy(&sdp);
    let control = sdp.lines().filter_map(|line| line.strip_prefix("a=control:")).find(|c| *c != "*").expect("a track");
    let track = if control.starts_with("rtsp") { control.to_owned() } else { format!("{url}/{control}") };
    let setup = |n, transport| format!("SETUP {track} RTSP/1.0\r\nCSeq: {n}\r\nTransport: {transport}\r\n\r\n");
    let by_udp = asks(&mut stream, &setup(2, "RTP/AVP;unicast;client_port=40000-40001"));
    assert!(by_udp.starts_with("RTSP/1.0 461"), "{by_udp}");
    let by_tcp = asks(&mut stream, &setup(3, "RTP/AVP/TCP;unicast;interleaved=0-1"));
    assert!(by_tcp.starts_with("RTSP/1.0 200"), "{by_tcp}");

    let folder = tempfile::tempdir().expect("a temporary folder");
    let [other, _] = Pair::new(&["127.0.0.1"]).put(folder.path());
    let mut stranger = connect(address, &trusting(&other));
    assert!(stranger.write_all(b"OPTIONS * RTSP/1.0\r\n\r\n").is_err(), "by another's word the certificate is none");
}

#[test]
fn a_media_source_is_served_over_wss() {
    let (_cameras, appliance, session) = live();
    let url = url(&session, "mse");
    let address = url.strip_prefix("wss://").and_then(|rest| rest.split('/').next()).expect("wss://HOST:PORT/");
    let stream = connect(address, &trusting(&trust(&appliance)));
    let (mut socket, _) = tungstenite::client(url, stream).expect("an upgrade");
    let plays = json!({"type": "mse", "value": "avc1.640029,avc1.64002A,avc1.640033,mp4a.40.2"}).to_string();
    socket.send(Message::text(plays)).expect("the server reads");
    let (mut words, mut media) = (Vec::new(), Vec::new());
    while media.len() < 60 {
        match socket.read().unwrap_or_else(|error| panic!("{error}; {} messages; {words:?}", media.len())) {
            Message::Text(text) => words.push(text.to_string()),
            Message::Binary(bytes) => media.push(bytes),
            _ => {}
        }
    }
    assert!(words[0].contains("video/mp4"), "{words:?}");
    assert_eq!(&media[0][4..8], b"ftyp");
    let path = format!("/api/v1/sessions/{}", session["id"].as_str().expect("an id"));
    let (status, told) = appliance.login("security_admin").delete(&path);
    assert!((200..300).contains(&status), "{status} {told}");
    while socket.read().is_ok() {}
    assert_eq!(appliance.closed(&session)["protocol"], "mse");
}

/// A certificate, its key and its authority, as PEM.
struct Pair {
    certificate: String,
    key: String,
}

impl Pair {
    fn new(names: &[&str]) -> Self {
        let authority = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let root = params.self_signed(&authority).expect("an authority");
        let issuer = Issuer::new(params, authority);
        let key = KeyPair::generate().expect("a key");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let leaf = CertificateParams::new(names).and_then(|params| params.signed_by(&key, &issuer)).expect("a leaf");
        Self { certificate: format!("{}{}", leaf.pem(), root.pem()), key: key.serialize_pem() }
    }

    fn put(&self, folder: &Path) -> [PathBuf; 2] {
        let paths = [folder.join("site.pem"), folder.join("site.key")];
        std::fs::write(&paths[0], &self.certificate).expect("there is room");
        std::fs::write(&paths[1], &self.key).expect("there is room");
        paths
    }

    fn leaf(&self) -> Vec<u8> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("a certificate").to_vec()
    }
}

fn trusting(pem: &Path) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(pem).expect("a PEM file") {
        roots.add(certificate.expect("a certificate")).expect("a root");
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    // A resumed connection shows the certificate of the one before.
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

type Stream = StreamOwned<ClientConnection, TcpStream>;

fn connect(address: &str, config: &Arc<ClientConfig>) -> Stream {
    let socket = TcpStream::connect(address).expect("the listener is there");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket option");
    let name = ServerName::try_from("127.0.0.1").expect("an address");
    StreamOwned::new(ClientConnection::new(Arc::clone(config), name).expect("a client"), socket)
}

/// Asks once more on the same connection.
fn healthy(stream: &mut Stream) -> bool {
    if stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").is_err() {
        return false;
    }
    let mut said = Vec::new();
    let mut buffer = [0; 4_096];
    while !said.ends_with(b"{\"status\":\"ok\"}") {
        match stream.read(&mut buffer) {
            Ok(len @ 1..) => said.extend_from_slice(&buffer[..len]),
            _ => return false,
        }
    }
    true
}

fn shown(stream: &Stream) -> Vec<u8> {
    stream.conn.peer_certificates().expect("a handshake")[0].to_vec()
}

#[test]
fn certificates_change_while_connections_go_on() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (first, second, third) = (Pair::new(&["127.0.0.1"]), Pair::new(&["127.0.0.1"]), Pair::new(&["127.0.0.1"]));
    let [certificate, key] = first.put(dir.path());
    let folder = dir.path().to_owned();
    let settings = [format!("tls.certificate={}", certificate.display()), format!("tls.key={}", key.display())];
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let appliance = Appliance::start_by(dir, Command::new(SLUICE), &settings);
    let all = folder.join("all.pem");
    let roots = [&first, &second, &third].map(|pair| pair.certificate.as_str()).concat();
    std::fs::write(&all, roots).expect("there is room");
    let (config, address) = (trusting(&all), appliance.api()["https://".len()..].to_owned());
    let mut old: Vec<Stream> = (0..20).map(|_| connect(&address, &config)).collect();
    assert!(old.iter_mut().all(healthy));
    assert_eq!(shown(&old[0]), first.leaf());

    let fresh = || {
        let mut stream = connect(&address, &config);
        assert!(healthy(&mut stream));
        shown(&stream)
    };
    // At a signal, under load.
    second.put(&folder);
    appliance.signal(Signal::HUP);
    eventually("the new certificate is shown", SOON, || {
        assert!(old.iter_mut().all(healthy), "connections of before go on");
        (fresh() == second.leaf()).then_some(())
    });
    // A key that does not belong to it: told, and nothing else.
    std::fs::write(&key, &third.key).expect("there is room");
    appliance.signal(Signal::HUP);
    eventually("the faulty pair is told", SOON, || {
        (appliance.metric("sluice_tls_certificate_stale")? > 0.5).then_some(())
    });
    assert_eq!(fresh(), second.leaf());
    // Without a signal, once both lie still.
    third.put(&folder);
    eventually("the files are seen", SOON, || (fresh() == third.leaf()).then_some(()));
    assert_eq!(appliance.metric("sluice_tls_certificate_stale"), Some(0.0));
    assert!(old.iter_mut().all(healthy), "connections of before go on");
}
