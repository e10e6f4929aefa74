//! Cameras that answer wrongly, never, or without end.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::rig::*;
use crate::fleet::{FleetConfig, State, Waits};
use crate::ingest::{Reason, Transport};

/// A camera that treats every connection with `answer`.
async fn camera<F>(answer: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    addr
}

async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        (stream.read(&mut byte).await.ok()? > 0).then_some(())?;
        text.push(byte[0]);
    }
    String::from_utf8(text).ok()
}

/// Answers each request by its method.
async fn answers(mut stream: TcpStream, status: &str, headers: &str, body: &str) {
    while let Some(text) = request(&mut stream).await {
        let cseq = text.lines().find_map(|l| l.strip_prefix("CSeq: ")).unwrap_or("1");
        let length = body.len();
        let answer = format!("RTSP/1.0 {status}\r\nCSeq: {cseq}\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn end_of(camera: SocketAddr) -> Reason {
    let mut rig = Rig::new(quick());
    rig.add("cam-1", &format!("rtsp://{camera}/x"), Transport::Tcp);
    let reason = rig.end("cam-1").await;
    rig.stop().await;
    reason
}

#[tokio::test]
async fn a_closed_port_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    assert_eq!(end_of(addr).await, Reason::Refused);
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_dns() {
    let mut rig = Rig::new(quick());
    rig.add("cam-1", "rtsp://camera.invalid/x", Transport::Tcp);
    let reason = rig.end("cam-1").await;
    assert!(matches!(reason, Reason::Dns | Reason::Timeout), "{reason}");
    rig.stop().await;
}

#[tokio::test]
async fn a_camera_that_never_answers_times_out() {
    let addr = camera(|stream| async move {
        let _stream = stream;
        std::future::pending::<()>().await;
    });
    assert_eq!(end_of(addr.await).await, Reason::Timeout);
}

#[tokio::test]
async fn a_camera_that_hangs_up_has_closed() {
    let addr = camera(|mut stream| async move {
        request(&mut stream).await;
    });
    assert_eq!(end_of(addr.await).await, Reason::ClosedByCamera);
}

#[tokio::test]
async fn statuses_have_their_reasons() {
    let cases = [
        ("404 Not Found", "", Reason::NotFound),
        ("453 Not Enough Bandwidth", "", Reason::Busy),
        ("401 Unauthorized", "WWW-Authenticate: Digest realm=\"x\", nonce=\"y\"\r\n", Reason::AuthFailed),
        ("403 Forbidden", "", Reason::AuthFailed),
        ("500 Internal Server Error", "", Reason::Protocol),
        ("200 OK", "Content-Type: application/sdp\r\n", Reason::BadSdp),
    ];
    for (status, headers, reason) in cases {
        let addr = camera(move |stream| answers(stream, status, headers, "")).await;
        assert_eq!(end_of(addr).await, reason, "{status}");
    }
}

#[tokio::test]
async fn codecs_that_are_not_understood_are_named() {
    let sdp = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n";
    let addr = camera(move |stream| answers(stream, "200 OK", "Content-Type: application/sdp\r\n", sdp)).await;
    assert_eq!(end_of(addr).await, Reason::UnsupportedCodec);
}

#[tokio::test]
async fn garbage_is_a_fault_of_protocol() {
    let addr = camera(|mut stream| async move {
        request(&mut stream).await;
        let _ = stream.write_all(&[b'x'; 10_000]).await;
        let _ = stream.write_all(b"\r\n\r\n").await;
        std::future::pending::<()>().await;
    });
    assert_eq!(end_of(addr.await).await, Reason::Protocol);
}

/// Resident memory of this process.
fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<usize>().unwrap() * 1024
}

/// A sender as fast as this machine, and how much memory it took.
async fn endless(chunk: &'static [u8]) -> (Reason, usize) {
    let before = resident_bytes();
    let addr = camera(move |mut stream| async move {
        request(&mut stream).await;
        let _ = stream.write_all(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n").await;
        while stream.write_all(chunk).await.is_ok() {}
    });
    let mut config = quick();
    config.ingest.dial_timeout = PATIENCE;
    let mut rig = Rig::new(config);
    rig.add("cam-1", &format!("rtsp://{}/x", addr.await), Transport::Tcp);
    let reason = rig.end("cam-1").await;
    rig.stop().await;
    (reason, resident_bytes().saturating_sub(before))
}

#[tokio::test]
async fn headers_without_end_are_cut_off_and_bounded() {
    let lines: &'static [u8] = b"X-A: bcdefghijklmnopqrstuvwxyz0123456789\r\n".repeat(1_500).leak();
    let (reason, grown) = endless(lines).await;
    assert_eq!(reason, Reason::Protocol);
    assert!(grown < 128 << 20, "{grown} bytes more");
}

#[tokio::test]
async fn a_header_line_without_end_is_cut_off_and_bounded() {
    let (reason, grown) = endless(vec![b'a'; 64 << 10].leak()).await;
    assert_eq!(reason, Reason::Protocol);
    assert!(grown < 128 << 20, "{grown} bytes more");
}

/// Answers everything up to PLAY as a camera does, then sends a message without end.
#[tokio::test]
async fn a_message_without_end_after_play_is_cut_off() {
    let sdp = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 0 RTP/AVP 8\r\n";
    let headers = "Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nContent-Type: application/sdp\r\n";
    let addr = camera(move |mut stream| async move {
        while let Some(text) = request(&mut stream).await {
            let cseq = text.lines().find_map(|l| l.strip_prefix("CSeq: ")).unwrap_or("1");
            let body = if text.starts_with("DESCRIBE") { sdp } else { "" };
            let length = body.len();
            let answer = format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
            let _ = stream.write_all(answer.as_bytes()).await;
            if text.starts_with("PLAY") {
                let _ = stream.write_all(b"RTSP/1.0 200 OK\r\n").await;
                while stream.write_all(&[b'a'; 4096]).await.is_ok() {}
            }
        }
    });
    let addr = addr.await;
    let mut rig = Rig::new(FleetConfig::default());
    rig.add("cam-1", &format!("rtsp://{addr}/x"), Transport::Tcp);
    assert_eq!(rig.end("cam-1").await, Reason::Protocol);
    rig.stop().await;
}

/// A camera that lets nobody in without that line, and then knows no path: `not_found` is the proof of the login.
async fn login_ends_with(challenge: &'static str, proof: &'static str) -> Reason {
    let addr = camera(move |mut stream| async move {
        while let Some(text) = request(&mut stream).await {
            let cseq = text.lines().find_map(|l| l.strip_prefix("CSeq: ")).unwrap_or("1");
            let known = text.lines().any(|l| l.starts_with("Authorization: ") && l.contains(proof));
            let status = if known { "404 Not Found" } else { "401 Unauthorized" };
            let answer = format!("RTSP/1.0 {status}\r\nCSeq: {cseq}\r\nWWW-Authenticate: {challenge}\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let addr = addr.await;
    let mut rig = Rig::new(quick());
    rig.add("cam-1", &format!("rtsp://admin:p%40ss@{addr}/x"), Transport::Tcp);
    let reason = rig.end("cam-1").await;
    rig.stop().await;
    reason
}

#[tokio::test]
async fn logins_are_answered_by_basic_and_by_digest() {
    // base64 of `admin:p@ss`.
    assert_eq!(login_ends_with("Basic realm=\"x\"", "Basic YWRtaW46cEBzcw==").await, Reason::NotFound);
    let digest = "Digest realm=\"x\", nonce=\"0123\"";
    assert_eq!(login_ends_with(digest, "Digest username=\"admin\", realm=\"x\"").await, Reason::NotFound);
    assert_eq!(login_ends_with(digest, "p@ss").await, Reason::AuthFailed, "the password itself is not sent");
}

#[tokio::test]
async fn a_refused_login_is_left_alone_for_longer() {
    let headers = "WWW-Authenticate: Basic realm=\"x\"\r\n";
    let addr = camera(move |stream| answers(stream, "401 Unauthorized", headers, "")).await;
    let mut config: FleetConfig = quick();
    // Any dial within the test but the first would fail it.
    config.backoff.auth_failed = Waits { floor: PATIENCE * 2, first: PATIENCE * 2, longest: PATIENCE * 2 };
    let mut rig = Rig::new(config);
    rig.add("cam-1", &format!("rtsp://admin:wrong@{addr}/x"), Transport::Tcp);
    assert_eq!(rig.end("cam-1").await, Reason::AuthFailed);
    let sim = sim(1);
    rig.add("cam-2", &sim.url(1), Transport::Tcp);
    rig.until("cam-2", State::Running).await;
    let status = rig.fleet.status(&key("cam-1")).unwrap();
    assert_eq!((status.state, status.reconnects), (State::BackingOff, 1));
    rig.stop().await;
}

#[tokio::test]
async fn one_bad_camera_harms_no_other_and_is_dialled_again() {
    let addr = camera(|mut stream| async move {
        let _ = stream.write_all(&[0xff; 100_000]).await;
    });
    let addr = addr.await;
    let (sim, mut rig) = (sim(1), Rig::new(quick()));
    rig.add("good", &sim.url(1), Transport::Tcp);
    for n in 0..8 {
        rig.add(&format!("bad-{n}"), &format!("rtsp://{addr}/{n}"), Transport::Tcp);
    }
    rig.until("good", State::Running).await;
    for _ in 0..3 {
        rig.end("bad-0").await;
    }
    let good = rig.fleet.status(&key("good")).unwrap();
    assert_eq!((good.state, good.reconnects), (State::Running, 0));
    assert!(rig.fleet.status(&key("bad-0")).unwrap().reconnects >= 3);
    rig.stop().await;
}

#[tokio::test]
async fn dials_keep_to_their_budget() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut config = quick();
    (config.dials_concurrent_max, config.ingest.dial_timeout) = (2, PATIENCE);
    let rig = Rig::new(config);
    for n in 0..6 {
        rig.add(&format!("cam-{n}"), &format!("rtsp://{addr}/{n}"), Transport::Tcp);
    }
    // Two dials wait for an answer, and no third one comes before one of them is over.
    let (first, _) = listener.accept().await.unwrap();
    let (_second, _) = listener.accept().await.unwrap();
    let third = tokio::time::timeout(Duration::from_millis(300), listener.accept()).await;
    assert!(third.is_err(), "a third dial at once");
    drop(first);
    let third = tokio::time::timeout(PATIENCE, listener.accept()).await;
    assert!(third.is_ok(), "the next in line has its turn");
    rig.stop().await;
}
