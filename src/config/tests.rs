//! Bad files, and every word that the operator reads about them; and the example file, held against the keys there are.

use std::collections::BTreeSet;
use std::path::Path;

use super::reader::Document;
use super::*;

const EXAMPLE: &str = include_str!("../../ops/sluice.example.toml");

fn load(text: &str) -> Result<Config, Faults> {
    let file = Path::new("/etc/sluice/sluice.toml");
    let (config, faults) = Config::read(text, file);
    Faults::of(file, faults).map_or(Ok(config), Err)
}

/// What the operator sees, line by line.
fn faults(text: &str) -> Vec<String> {
    load(text).expect_err("the text is faulty").to_string().lines().map(|line| line.trim_start().to_owned()).collect()
}

#[test]
fn all_faults_are_told_at_once() {
    let text = "\
[api]
listen = \"localhost\"
lisen = \"0.0.0.0:8080\"
time_zone = \"Asia/Jiyuan\"
public_host = \"cameras.example:8080\"

[rtsp]
listen = []
connections_max = \"many\"

[login]
idle = \"90\"

[log]
format = \"xml\"

[recoder]
path = \"/srv\"
";
    assert_eq!(
        faults(text),
        [
            "/etc/sluice/sluice.toml: 9 faults, nothing was started",
            "line 2: api.listen: \"localhost\" does not fit; give an address and a port such as \"0.0.0.0:8080\"",
            "line 3: api.lisen: unknown key; did you mean listen?",
            "line 4: api.time_zone: \"Asia/Jiyuan\" does not fit; give a zone of the IANA database such as \"Asia/Shanghai\"",
            "line 5: api.public_host: \"cameras.example:8080\" does not fit; give a host name or an address, without a port",
            "line 8: rtsp.listen: this list does not fit; give a list of addresses with ports such as [\"0.0.0.0:8554\", \"[::]:8554\"]",
            "line 9: rtsp.connections_max: \"many\" does not fit; give a whole number from 16 to 1000000",
            "line 12: login.idle: \"90\" does not fit; give a duration such as \"30m\", from 1m to 1d",
            "line 15: log.format: \"xml\" does not fit; give one of \"text\", \"json\"",
            "line 17: recoder: unknown section; did you mean [recorder]?",
        ]
    );
}

#[test]
fn faults_of_syntax_have_their_line_too() {
    let text = "lost = 1\n[api]\nlisten = \"0.0.0.0:8080\"\nlisten = \"0.0.0.0:8081\"\n[log]\nlevel = loud\n[login\n";
    let not_toml = "write `key = value` lines under `[section]` lines";
    assert_eq!(
        faults(text),
        [
            "/etc/sluice/sluice.toml: 4 faults, nothing was started".to_owned(),
            "line 1: lost: stands outside of a section; put it below its [section] line".to_owned(),
            format!("line 4: not TOML: duplicate key; {not_toml}"),
            format!("line 6: not TOML: string values must be quoted, expected literal string; {not_toml}"),
            format!("line 7: not TOML: unclosed table, expected `]`; {not_toml}"),
        ]
    );
}

#[test]
fn a_value_in_place_of_a_section_is_told() {
    assert_eq!(
        faults("log = \"debug\"\n"),
        [
            "/etc/sluice/sluice.toml: 1 fault, nothing was started",
            "line 1: log: is a value and should be a section; write [log] on a line of its own and the keys below it",
        ]
    );
}

#[test]
fn values_that_only_clash_with_each_other_are_told() {
    assert_eq!(
        faults("[login]\nidle = \"2h\"\nlifetime = \"1h\"\n").get(1).map(String::as_str),
        Some("line 2: login.idle: is longer than login.lifetime; a sign-in cannot be idle for longer than it lasts")
    );
}

#[test]
fn a_floor_below_the_law_is_refused_with_its_article() {
    let text = "[retention]\nfloor = \"29d\"\nkey_target_floor = \"30d\"\nceiling = \"7d\"\n";
    assert_eq!(
        faults(text).get(1..).unwrap_or_default(),
        [
            "line 2: retention.floor: is below the 30 days of State Council Order 799, article 17 (O-17); keep at least \"30d\"",
            "line 3: retention.key_target_floor: is below the 90 days of the Anti-Terrorism Law, article 32 (AT-32); keep at least \"90d\"",
            "line 4: retention.ceiling: is shorter than the floor it belongs to; keep recordings at least as long as the floor says",
        ]
    );
    let allowed = load("[retention]\nfloor = \"5s\"\nceiling = \"10s\"\nallow_unlawful_floors = true\n").unwrap();
    assert_eq!(allowed.retention.floor, std::time::Duration::from_secs(5));
    assert_eq!(faults("[retention]\nallow_unlawful_floors = \"yes\"\n").len(), 2);
    assert_eq!(faults("[recorder]\nretention_age = \"30d\"\n").len(), 2, "the key is gone, and that is told");
}

#[test]
fn a_number_beyond_its_bounds_is_told_and_not_cut() {
    for bad in ["0", "-1", "99999999999999999999", "1.5", "true"] {
        let told = faults(&format!("[rtsp]\nconnections_max = {bad}\n"));
        assert_eq!(told.len(), 2, "{told:#?}");
        assert!(told.iter().any(|line| line.ends_with("give a whole number from 16 to 1000000")), "{told:#?}");
    }
    assert_eq!(load("[rtsp]\nconnections_max = 0x1_00\n").unwrap().relay.connections_max, 256);
}

#[test]
fn a_long_value_is_not_repeated() {
    let told = faults(&format!("[api]\nlisten = \"{}\"\n", "s".repeat(41)));
    assert_eq!(
        told.get(1).map(String::as_str),
        Some("line 2: api.listen: a text this long does not fit; give an address and a port such as \"0.0.0.0:8080\"")
    );
}

#[test]
fn a_file_that_is_not_there_is_a_fault_like_any_other() {
    let told = Config::load(Path::new("/nonexistent/sluice.toml")).expect_err("there is none").to_string();
    assert_eq!(
        told,
        "/nonexistent/sluice.toml: 1 fault, nothing was started\n  cannot be read: No such file or directory (os error 2); \
         name a readable TOML file with --config; ops/sluice.example.toml is one"
    );
}

#[test]
fn faults_of_the_file_and_of_the_machine_are_told_together() {
    let busy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = busy.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sluice.toml");
    let text = format!(
        "[api]\nlisten = \"{address}\"\ntime_zon = \"UTC\"\n[rtsp]\nlisten = \"0.0.0.0:8554\"\n[metrics]\nlisten = \"127.0.0.1:0\"\n\
         [ledger]\npath = \"sluice.toml\"\n[state]\npath = \"state\"\n[recorder]\npath = \"recordings\"\npoll_interval = 250\n\
         [exports]\npath = \"exports\"\n"
    );
    std::fs::write(&file, text).unwrap();
    let told = Config::load_for_start(&file).expect_err("it is faulty").to_string();
    let place = file.display();
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(
        lines,
        [
            format!("{place}: 5 faults, nothing was started"),
            format!(
                "  line 2: api.listen: {address} is in use; end the program that `ss -ltnp 'sport = :{}'` names, or choose another port",
                address.port()
            ),
            "  line 3: api.time_zon: unknown key; did you mean time_zone?".to_owned(),
            "  line 5: rtsp.listen: \"0.0.0.0:8554\" does not fit; give a list of addresses with ports such as \
             [\"0.0.0.0:8554\", \"[::]:8554\"]"
                .to_owned(),
            format!("  line 9: ledger.path: {place} is not a folder; name a folder, or a path that does not exist yet"),
            "  line 14: recorder.poll_interval: 250 does not fit; give a duration such as \"700ms\", from 10ms to 1s"
                .to_owned(),
        ]
    );
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["sluice.toml"], "nothing was started");
}

#[test]
fn relative_paths_begin_at_the_files_folder() {
    let config = load("[state]\npath = \"here\"\n").unwrap();
    assert_eq!(config.state_path, Path::new("/etc/sluice/here"));
    assert_eq!(config.ledger_path, Path::new("/var/lib/sluice/ledger"));
}

/// The example with every default switched on: `#key = value` lines lose their `#`.
fn example_in_full() -> String {
    let is_key =
        |line: &str| line.strip_prefix('#').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
    EXAMPLE.lines().map(|line| if is_key(line) { &line[1..] } else { line }).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_holds_every_key_and_no_other() {
    let full = example_in_full();
    let config = load(&full).unwrap_or_else(|faults| panic!("{faults}"));
    let in_example: BTreeSet<String> = config.shown.into_iter().filter(|s| s.line.is_some()).map(|s| s.key).collect();
    let mut empty = Document::parse("", Path::new(""));
    sections::read(&mut empty);
    let known: BTreeSet<String> = empty.asked.into_keys().collect();
    let lacking: Vec<_> = known.difference(&in_example).collect();
    assert!(lacking.is_empty(), "ops/sluice.example.toml lacks {lacking:?}");
    assert_eq!(in_example, known);
}

#[test]
fn the_example_shows_the_defaults() {
    let mut shown = load(&example_in_full()).unwrap();
    shown.shown.clear();
    // These have no default; the example shows something.
    assert_eq!(shown.sessions.public_host.take().as_deref(), Some("cameras.example"));
    assert_eq!(shown.recorder.volume_bytes_max.take(), Some(500 << 30));
    assert_eq!(std::mem::take(&mut shown.relay.whep.public_addresses).len(), 1);
    assert_eq!(shown.relay.egress_bits_max.take(), Some(8_000_000_000));
    assert_eq!(shown.api.settings.oidc.take().map(|oidc| oidc.client_id).as_deref(), Some("sluice"));
    assert_eq!(shown.sessions.per_user_max.take(), Some(64));
    assert!(shown.policy_path.take().is_some());
    assert!(shown.tls.take().is_some() && std::mem::take(&mut shown.sessions.http_tls));
    assert_eq!(std::mem::take(&mut shown.relay.rtsp_tls_listen).len(), 1);
    assert!(shown.witness.take().is_some());
    assert!(!std::mem::take(&mut shown.webhooks.hosts).is_empty());
    let mut defaults = load("").unwrap();
    defaults.shown.clear();
    let (shown, defaults) = (format!("{shown:#?}"), format!("{defaults:#?}"));
    let wrong: Vec<_> = shown.lines().zip(defaults.lines()).filter(|(shown, default)| shown != default).collect();
    assert!(wrong.is_empty(), "the example shows something else than the default: {wrong:?}");
}

/// Number of fields of a struct, by its debug output.
fn fields(value: &impl std::fmt::Debug) -> usize {
    let own = |line: &&str| line.starts_with("    ") && !line.starts_with("     ") && line.contains(": ");
    format!("{value:#?}").lines().filter(own).count()
}

/// A setting that no key sets is a constant in disguise.
#[test]
fn every_setting_of_the_layers_has_its_key() {
    let mut empty = Document::parse("", Path::new(""));
    sections::read(&mut empty);
    let keys = |sections: [&str; 2]| {
        empty.asked.keys().filter(|key| sections.contains(&key.split('.').next().unwrap_or_default())).count()
    };
    // The binary's own: listen. The identity provider has a section of its own.
    assert_eq!(keys(["api", "login"]) - 3 + 1, fields(&control_api::config::Config::default()));
    // public_host and time_zone stand in [api], merge_latency and busy_percent_max in [relay]; the three ports are those of the
    // listeners, and whether HTTP is secured is [tls]'s to say. Two are in [policy], and what is unusual has a section of its own.
    assert_eq!(keys(["sessions", ""]) + 2 + 2 + 3 + 1 + 2 + 1, fields(&control_api::sessions::Settings::default()));
    // What is WebRTC's has a section of its own.
    assert_eq!(keys(["rtsp", "relay"]) + 1, fields(&relay::config::Config::default()));
    assert_eq!(keys(["whep", ""]), fields(&relay::config::Whep::default()));
    // time_zone stands in [api].
    assert_eq!(keys(["retention", ""]) + 1, fields(&control_api::retention::Settings::default()));
    // The index goes below state.path, the appliance's number stands there; the rule is [retention]'s.
    assert_eq!(keys(["recorder", ""]) + 3, fields(&recorder::config::Config::default()));
}

#[test]
fn the_example_as_it_stands_starts() {
    load(EXAMPLE).unwrap_or_else(|faults| panic!("{faults}"));
}

#[test]
fn what_is_in_force_is_shown_with_its_line() {
    let text =
        "[api]\nlisten = '127.0.0.1:80'\n[recorder]\npath = [\"/a\", \"/b\"]\n[relay]\nmerge_latency = \"0ms\"\n";
    let shown = load(text).unwrap().shown;
    let of = |key: &str| {
        let found = shown.iter().find(|setting| setting.key == key).unwrap_or_else(|| panic!("{key}"));
        (found.value.as_deref(), found.line)
    };
    for (key, value, line) in [
        ("api.listen", "'127.0.0.1:80'", Some(2)),
        ("recorder.path", "[\"/a\", \"/b\"]", Some(4)),
        ("relay.merge_latency", "\"0ms\"", Some(6)),
        ("relay.engine", "\"auto\"", None),
        ("api.time_zone", "\"Asia/Shanghai\"", None),
        ("rtsp.listen", "[\"0.0.0.0:8554\"]", None),
        ("ledger.path", "\"/var/lib/sluice/ledger\"", None),
        ("metrics.listen", "\"127.0.0.1:9554\"", None),
        ("retention.floor", "\"30d\"", None),
        ("log.level", "\"info,retina=warn\"", None),
    ] {
        assert_eq!(of(key), (Some(value), line), "{key}");
    }
    assert_eq!(of("api.public_host"), (None, None));
    // What is shown could be written into the file: every default reads as itself.
    let sections: std::collections::BTreeSet<_> = shown.iter().map(|s| s.key.split('.').next().unwrap()).collect();
    let mut whole = String::new();
    for section in sections {
        whole += &format!("[{section}]\n");
        for setting in shown.iter().filter(|s| s.key.starts_with(&format!("{section}."))) {
            let (_, key) = setting.key.split_once('.').unwrap();
            whole += &setting.value.as_ref().map_or(String::new(), |value| format!("{key} = {value}\n"));
        }
    }
    let again = load(&whole).unwrap().shown;
    let values = |list: &[control_api::setting::Setting]| -> Vec<_> {
        list.iter().map(|setting| (setting.key.clone(), setting.value.clone())).collect()
    };
    assert_eq!(values(&again), values(&shown));
}
