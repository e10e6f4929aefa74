//! J-27: the dedicated network and its equipment. A captured URL or sign-in is worth nothing at another address, nor is an address
//! outside the zones; a terminal that is taken away takes its sessions with it; and nothing listens but what is configured.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::appliance::{Appliance, SLUICE};
use crate::harness::camera::SimCameras;
use crate::harness::media::run;
use crate::harness::viewer::Viewer;

/// Another terminal on the loopback network.
const ELSEWHERE: &str = "127.0.0.2";

#[test]
fn a_session_is_its_terminals_alone_and_a_terminal_is_the_registers() {
    let cameras = SimCameras::start(1);
    let settings = ["policy.terminals=registered"];
    let appliance = Appliance::start_by(tempfile::tempdir().unwrap(), Command::new(SLUICE), &settings);
    appliance.add_camera("j27", &cameras.url(1));
    let operator = appliance.login("operator");
    let security = appliance.login("security_admin");
    appliance.wait_for_camera("j27");
    let ask = appliance.live_ask("j27");
    let unregistered = || refused(&operator.post("/api/v1/sessions", &ask), "TERMINAL_UNREGISTERED");
    unregistered();
    let terminal = |address: &str| {
        let terminal = json!({"name": address, "address": address, "at_unit": "gaj"});
        security.create("/api/v1/terminals", &terminal)
    };
    let desk = terminal("127.0.0.1");
    let long = |item: &&[jiff::Timestamp; 2]| item[1].duration_since(item[0]).as_secs() > 2;
    let items = appliance.once_recorded(&operator, "j27", |items| items.iter().any(|item| long(&item)));
    a_captured_url_is_worth_nothing(&appliance, *items.iter().find(long).expect("there is one"));

    let session = appliance.live(&operator, "j27");
    let mut viewer = watch(&session, Ipv4Addr::LOCALHOST);
    security.step("terminals", &desk, "suspend");
    viewer.rest();
    assert_eq!(appliance.closed(&session)["end_reason"], "revoked");
    unregistered();
    security.step("terminals", &desk, "resume");
    let session = appliance.live(&operator, "j27");
    security.step("terminals", &desk, "remove");
    assert_eq!(appliance.closed(&session)["end_reason"], "revoked", "before its first byte, too");
    unregistered();

    terminal("127.0.0.1");
    terminal(ELSEWHERE);
    the_zone_is_narrowed(&appliance);
    nothing_else_listens(&appliance);
}

fn watch(session: &Value, from: Ipv4Addr) -> Viewer {
    let mut viewer = Viewer::connect(session["urls"]["rtsp"].as_str().expect("an RTSP URL"), from);
    assert_eq!(viewer.play(), 200);
    viewer.some_media();
    viewer
}

#[track_caller]
fn refused((status, body): &(u16, Value), code: &str) {
    assert_eq!((*status, &body["code"], &body["articles"]), (403, &json!(code), &json!(["J-27"])), "{body}");
}

/// curl from that address: status and body.
fn curl(from: &str, url: &str, more: &[&str]) -> (u16, Vec<u8>) {
    let output = run(Command::new("curl").args(["-sS", "--interface", from, "-w", "%{http_code}", url]).args(more));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let at = output.stdout.len().checked_sub(3).expect("a status");
    let (body, status) = output.stdout.split_at(at);
    (String::from_utf8_lossy(status).parse().expect("a number"), body.to_vec())
}

fn curl_json(from: &str, url: &str, bearer: &str, body: &Value) -> (u16, Value) {
    let (kind, bearer) = ("content-type: application/json", format!("authorization: Bearer {bearer}"));
    let (status, answer) = curl(from, url, &["-H", kind, "-H", &bearer, "-d", &body.to_string()]);
    (status, serde_json::from_slice(&answer).unwrap_or(Value::Null))
}

/// By RTSP, by HLS, as a file; and the sign-in itself.
fn a_captured_url_is_worth_nothing(appliance: &Appliance, [from, _]: [jiff::Timestamp; 2]) {
    let operator = appliance.login("operator");
    let live = appliance.live(&operator, "j27");
    let mut thief = Viewer::connect(live["urls"]["rtsp"].as_str().expect("an RTSP URL"), Ipv4Addr::new(127, 0, 0, 2));
    assert_eq!(thief.play(), 403);
    assert_eq!(thief.rest(), 0, "media bytes to another terminal");
    let stretch = [from, from + jiff::SignedDuration::from_secs(2)];
    for (verb, way) in [("playback", "hls"), ("download", "download")] {
        let session = appliance.recorded(&operator, "j27", verb, stretch);
        let url = session["urls"][way].as_str().expect("a URL");
        let (status, body) = curl(ELSEWHERE, url, &[]);
        let body: Value = serde_json::from_slice(&body).expect("a refusal, not media");
        refused(&(status, body), "TERMINAL_MISMATCH");
        assert_eq!(curl("127.0.0.1", url, &[]).0, 200, "{way}: its own terminal");
    }
    watch(&live, Ipv4Addr::LOCALHOST);
    let bearer = sign_in(appliance, "127.0.0.1");
    let taken = curl_json(ELSEWHERE, &sessions(appliance), &bearer, &appliance.live_ask("j27"));
    refused(&taken, "TERMINAL_MISMATCH");
    let (_, page) = appliance.login("audit_admin").get("/api/v1/ledger?from=0&limit=500");
    let told = page["items"].as_array().expect("items").iter().filter(|event| {
        let text = event.to_string();
        text.contains("TERMINAL_MISMATCH") && text.contains(ELSEWHERE)
    });
    assert_eq!(told.count(), 4, "each is on the ledger");
}

fn sessions(appliance: &Appliance) -> String {
    format!("{}/api/v1/sessions", appliance.api())
}

/// The operator's token, signed in from that address.
fn sign_in(appliance: &Appliance, from: &str) -> String {
    let account = &appliance.demo("accounts")["operator"];
    let body = json!({"user": account["user"], "password": account["password"]});
    let (status, answer) = curl_json(from, &format!("{}/api/v1/login", appliance.api()), "", &body);
    assert_eq!(status, 200, "{answer}");
    answer["token"].as_str().expect("a token").to_owned()
}

/// An address that was within is outside: what ran from it ends, and nothing more is given to it.
fn the_zone_is_narrowed(appliance: &Appliance) {
    let security = appliance.login("security_admin");
    let bearer = sign_in(appliance, ELSEWHERE);
    let ask = appliance.live_ask("j27");
    let (status, away) = curl_json(ELSEWHERE, &sessions(appliance), &bearer, &ask);
    assert_eq!(status, 201, "{away}");
    let mut viewer = watch(&away, Ipv4Addr::new(127, 0, 0, 2));
    let operator = appliance.login("operator");
    let here = appliance.live(&operator, "j27");
    security.create("/api/v1/network-zones", &json!({"name": "一台", "cidr": "127.0.0.1/32"}));
    let (_, zones) = security.get("/api/v1/network-zones?state=in_force");
    let wide = zones["items"].as_array().expect("items").iter().find(|zone| zone["cidr"] == "127.0.0.0/8");
    security.step("network-zones", wide.unwrap_or_else(|| panic!("{zones}")), "remove");
    viewer.rest();
    assert_eq!(appliance.closed(&away)["end_reason"], "revoked");
    refused(&curl_json(ELSEWHERE, &sessions(appliance), &bearer, &ask), "NETWORK_ZONE");
    let (_, running) = operator.get(&format!("/api/v1/sessions/{}", here["id"].as_str().expect("an id")));
    assert_eq!(running["state"], "leased", "within the zone it goes on: {running}");
}

/// The kernel's list of this process's listening sockets: the three that the configuration names.
fn nothing_else_listens(appliance: &Appliance) {
    let process = format!("/proc/{}", appliance.id());
    let own: BTreeSet<String> = std::fs::read_dir(format!("{process}/fd"))
        .expect("its descriptors")
        .filter_map(|entry| Some(std::fs::read_link(entry.ok()?.path()).ok()?.to_string_lossy().into_owned()))
        .filter_map(|target| Some(target.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let mut listening = BTreeSet::new();
    for table in ["tcp", "tcp6"] {
        let lines = std::fs::read_to_string(format!("{process}/net/{table}")).unwrap_or_default();
        // Local address, state (0A: listening) and inode, as proc(5) has them.
        for line in lines.lines().skip(1) {
            let columns: Vec<&str> = line.split_whitespace().collect();
            if columns[3] == "0A" && own.contains(columns[9]) {
                let (address, port) = columns[1].split_once(':').expect("address:port");
                assert_eq!(address, "0100007F", "{table}: another address than the configured one");
                listening.insert(u16::from_str_radix(port, 16).expect("a port in hexadecimal"));
            }
        }
    }
    let configured: BTreeSet<u16> = ["api", "rtsp", "metrics"]
        .iter()
        .map(|name| {
            let url = appliance.demo(name).as_str().expect("demo.json names the listener");
            let authority = url.split("//").nth(1).expect("a URL").split('/').next().expect("an authority");
            authority.rsplit(':').next().expect("a port").parse().expect("a number")
        })
        .collect();
    assert_eq!(listening, configured);
}
