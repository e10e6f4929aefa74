//! Broken and hostile input at every door: configuration, RTSP and HTTP clients. Clear words, bounds, nobody else disturbed.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use crate::harness::api::Client;
use crate::harness::appliance::Appliance;
use crate::harness::media::run;

#[test]
fn a_bad_configuration_is_told_whole_and_nothing_starts() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let busy = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let config = dir.path().join("sluice.toml");
    let text = format!(
        "[api]\nlisten = \"{}\"\nlisten_adress = \"x\"\n\n[rtsp]\nlisten = 5\n\n[recorder]\npath = \"/proc/nowhere\"\nsegment_duration = \"soon\"\n",
        busy.local_addr().expect("bound")
    );
    std::fs::write(&config, text).expect("writable");
    for command in ["check-config", "serve"] {
        let output = run(Command::new(env!("CARGO_BIN_EXE_sluice")).args([command, "--config"]).arg(&config));
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(64), "{command}: {said}");
        for word in ["2", "3", "6", "9", "10", "listen_adress", "segment_duration", "/proc cannot be written", "in use"]
        {
            assert!(said.contains(word), "{command} does not say {word:?}: {said}");
        }
    }
}

#[test]
fn garbage_on_the_doors_is_bounded_and_disturbs_nobody() {
    let appliance = Appliance::start();
    let before = resident_kib(appliance.id());
    let doors = [appliance.rtsp_address().to_owned(), appliance.api()["http://".len()..].to_owned()];
    let garbage: [&[u8]; 5] = [
        &[0xff; 4096],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS client",
        b"GET / HTTP/9.9\r\n\r\n\r\n",
        b"DESCRIBE rtsp://x/s/ RTSP/1.0\r\nCSeq: 99999999999999999999\r\nContent-Length: 99999999999\r\n\r\n",
        &[b'a'; 200_000],
    ];
    let mut idle = Vec::new();
    for door in &doors {
        for round in 0..100 {
            let Ok(mut socket) = TcpStream::connect(door.as_str()) else { continue };
            socket.set_write_timeout(Some(Duration::from_millis(200))).expect("a socket option");
            // The server may hang up in the middle; that is its right.
            let _ = socket.write_all(garbage[round % garbage.len()]);
            if round % 5 == 0 {
                idle.push(socket);
            }
        }
    }
    let (status, _) = Client::new(appliance.api()).get("/healthz");
    assert_eq!(status, 200, "still answering");
    let grown = resident_kib(appliance.id()).saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB grown");
    drop(idle);
}

#[test]
fn a_dripping_client_is_let_go() {
    let appliance = Appliance::start();
    let mut socket = TcpStream::connect(appliance.rtsp_address()).expect("the RTSP listener");
    socket.set_read_timeout(Some(Duration::from_millis(500))).expect("a socket option");
    let mut closed = false;
    for byte in b"DESCRIBE rtsp://127.0.0.1/s/x RTSP/1.0\r\nCSeq: 1\r\n".iter().cycle().take(200) {
        let mut answer = [0; 512];
        if socket.write_all(&[*byte]).is_err() || matches!(socket.read(&mut answer), Ok(0)) {
            closed = true;
            break;
        }
    }
    assert!(closed, "a request that takes 100 s to send must be cut off");
}

#[test]
fn wrong_json_names_the_field() {
    let appliance = Appliance::start();
    let catalogue = appliance.login("catalogue_admin");
    let (status, answer) = catalogue.post("/api/v1/cameras", &serde_json::json!({"name": 7}));
    assert!((400..500).contains(&status), "{status} {answer}");
    assert!(answer.to_string().contains("name"), "{answer}");
    let (status, answer) = catalogue.post("/api/v1/cameras", &serde_json::json!({"id": "x", "nmae": "typo"}));
    assert!((400..500).contains(&status) && answer.to_string().contains("nmae"), "{status} {answer}");
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    let value = serde_json::Value::String(deep);
    let (status, _) = catalogue.post("/api/v1/cameras", &value);
    assert!((400..500).contains(&status), "{status}");
    let (status, answer) = catalogue.post_csv("/api/v1/cameras/import", "id,name,source\nx,y,rtsp://127.0.0.1/1\n");
    assert!(answer.to_string().contains("resource_category"), "{status} {answer}");
}

fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).expect("a line");
    line.split_whitespace().next().and_then(|n| n.parse().ok()).expect("a number")
}
