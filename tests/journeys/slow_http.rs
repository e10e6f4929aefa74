//! Clients of HTTP that take their time: heads and bodies by the byte, handshakes half open, thousands of sockets that say nothing. What
//! they hold is bounded and counted, and whoever else is there hardly notices, by the same run's measure.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};

use crate::harness::appliance::{Appliance, SLUICE};
use crate::harness::camera::SimCameras;
use crate::harness::eventually;
use crate::harness::viewer::Viewer;

/// Sockets that say nothing.
const IDLE: usize = 10_000;
/// As shipped: connections of one address.
const OF_ADDRESS: usize = 256;
/// Addresses that the idle ones come from.
const ADDRESSES: u8 = 40;
/// Calls whose times are measured.
const CALLS: usize = 200;
/// A call takes no more than so many times as long, at the 95th percentile, as with nobody in the way.
const SLOWER_MAX: f64 = 3.0;
/// Shorter than this nobody notices, whatever it was before.
const UNNOTICED: Duration = Duration::from_millis(20);

#[expect(clippy::disallowed_methods, reason = "tests run against a real process in real time")]
fn now() -> Instant {
    Instant::now()
}

fn connect(address: &str, from: Ipv4Addr) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(IpAddr::V4(from), 0).into())?;
    let address: SocketAddr = address.parse().expect("HOST:PORT");
    socket.connect(&address.into())?;
    Ok(socket.into())
}

/// The 95th percentile of calls on connections of their own, from an address that nobody else uses.
fn call_time(address: &str) -> Duration {
    let mut times: Vec<Duration> = (0..CALLS)
        .map(|_| {
            let begun = now();
            let mut socket = connect(address, Ipv4Addr::new(127, 0, 0, 1)).expect("there is a place");
            socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket option");
            socket.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").expect("written");
            let mut said = String::new();
            socket.read_to_string(&mut said).expect("answered");
            assert!(said.starts_with("HTTP/1.1 200"), "{said}");
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[CALLS * 95 / 100]
}

/// Room for the sockets of both sides; false where the system does not give it.
fn raise_limit() -> bool {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let wanted = IDLE as u64 + 2_000;
    maximum.is_none_or(|maximum| maximum >= wanted)
        && setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).is_ok()
}

fn refused(appliance: &Appliance, limit: &str) -> f64 {
    appliance.metric(&format!("sluice_http_connections_refused_total{{limit=\"{limit}\"}}")).unwrap_or(0.0)
}

#[test]
fn ten_thousand_idle_sockets_are_bounded_counted_and_unnoticed() {
    if !raise_limit() {
        eprintln!("skipped: the hard limit of open files is below what {IDLE} sockets need");
        return;
    }
    let cameras = SimCameras::start(1);
    // None of them is let go before all are counted.
    let dir = tempfile::tempdir().expect("a temporary folder");
    let appliance = Appliance::start_by(dir, Command::new(SLUICE), &["api.header_read_timeout=5m"]);
    appliance.add_camera("gate", &cameras.url(1));
    appliance.wait_for_camera("gate");
    let session = appliance.live(&appliance.login("operator"), "gate");
    let mut viewer = Viewer::connect(session["urls"]["rtsp"].as_str().expect("a URL"), Ipv4Addr::LOCALHOST);
    assert_eq!(viewer.play(), 200);
    let address = appliance.api()["http://".len()..].to_owned();
    let quiet = call_time(&address);

    let idle: Vec<_> = (0..IDLE)
        .filter_map(|n| connect(&address, Ipv4Addr::new(127, 0, 1, 1 + (n % usize::from(ADDRESSES)) as u8)).ok())
        .collect();
    let held = eventually("what is over is turned away", Duration::from_secs(20), || {
        let over = refused(&appliance, "address") + refused(&appliance, "total");
        let held = appliance.metric("sluice_http_connections ")?;
        (over + held >= idle.len() as f64).then_some(held)
    });
    assert!(held <= 4_096.0, "{held} are held");
    drop(idle);
    eprintln!("idle sockets: {held} held, the rest refused; calls took {quiet:?} before");

    // One address alone: others do not feel it at all.
    let idle: Vec<_> =
        (0..2 * OF_ADDRESS).filter_map(|_| connect(&address, Ipv4Addr::new(127, 0, 2, 1)).ok()).collect();
    let crowded = call_time(&address);
    drop(idle);
    viewer.some_media();
    eprintln!("calls of another at the 95th percentile: {quiet:?} alone, {crowded:?} beside {} idle", 2 * OF_ADDRESS);
    assert!(crowded <= UNNOTICED.max(quiet.mul_f64(SLOWER_MAX)), "{quiet:?} became {crowded:?}");
}

/// How a client wastes time.
struct Drip {
    name: &'static str,
    begins: &'static [u8],
    goes_on: &'static [u8],
}

const DRIPS: [Drip; 3] = [
    Drip { name: "head", begins: b"GET /healthz HTTP/1.1\r\nx-slow: ", goes_on: b"a" },
    Drip {
        name: "body",
        begins:
            b"POST /api/v1/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{",
        goes_on: b" ",
    },
    Drip { name: "nothing", begins: b"", goes_on: b"" },
];

#[test]
fn who_drips_is_let_go_in_time_and_disturbs_nobody() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let settings = ["api.header_read_timeout=2s", "api.request_timeout=4s"];
    let appliance = Appliance::start_by(dir, Command::new(SLUICE), &settings);
    let address = appliance.api()["http://".len()..].to_owned();
    let quiet = call_time(&address);
    for drip in &DRIPS {
        let mut slow: Vec<_> = (0..100)
            .map(|_| {
                let mut socket = connect(&address, Ipv4Addr::new(127, 0, 3, 1)).expect("there is a place");
                socket.write_all(drip.begins).expect("written");
                socket.set_nonblocking(true).expect("a socket option");
                socket
            })
            .collect();
        let crowded = call_time(&address);
        assert!(crowded <= UNNOTICED.max(quiet.mul_f64(SLOWER_MAX)), "{}: {quiet:?} became {crowded:?}", drip.name);
        let begun = now();
        eventually(&format!("dripping by {} ends", drip.name), Duration::from_secs(15), || {
            let mut buffer = [0; 1_024];
            slow.retain_mut(|socket| match socket.read(&mut buffer) {
                Ok(0) => false,
                Ok(_) => true,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => socket.write_all(drip.goes_on).is_ok(),
                Err(_) => false,
            });
            slow.is_empty().then_some(())
        });
        eprintln!(
            "{}: let go after {:?}; calls of others {quiet:?} alone, {crowded:?} beside",
            drip.name,
            begun.elapsed()
        );
    }
}

#[test]
fn half_open_handshakes_leave_room_for_whole_ones() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let settings = ["tls.private_ca=true", "tls.handshake_timeout=3s", "tls.handshakes_max=64"];
    let appliance = Appliance::start_by(dir, Command::new(SLUICE), &settings);
    let address = appliance.api()["https://".len()..].to_owned();
    // A record that says that more follows, and nothing more.
    let half = [22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3];
    let open: Vec<_> = (0..100)
        .map(|_| {
            let mut socket = connect(&address, Ipv4Addr::new(127, 0, 4, 1)).expect("there is a place");
            let _ = socket.write_all(&half);
            socket
        })
        .collect();
    let line = "sluice_tls_handshakes ";
    eventually("a quarter is under way", Duration::from_secs(3), || (appliance.metric(line)? >= 16.0).then_some(()));
    assert!(appliance.metric(line).is_some_and(|under_way| under_way <= 16.0), "a quarter of them at most");
    appliance.login("operator");
    eventually("the rest was turned away", Duration::from_secs(10), || {
        (refused(&appliance, "handshakes") >= (open.len() - 16) as f64).then_some(())
    });
    let late = "sluice_tls_handshakes_failed_total{reason=\"late\"}";
    eventually("they are let go", Duration::from_secs(10), || (appliance.metric(late)? >= 16.0).then_some(()));
}
