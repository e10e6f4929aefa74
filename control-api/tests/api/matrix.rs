//! The separation of duty over the whole API: every call of the description by every role, as it answers, against the table that is
//! checked in. A call that reads its body first, and finds none, says so; those stand with whole bodies in `roles`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use control_api::registers::Role;

use crate::world::World;

/// Set to rewrite the table: `SLUICE_WRITE_MATRIX=1 cargo test -p control-api the_separation_matrix`.
const REWRITE: &str = "SLUICE_WRITE_MATRIX";
/// Not about roles: whoever is signed in, or nobody yet.
const APART: [&str; 3] = ["/api/v1/login", "/api/v1/logout", "/api/v1/me/password"];

/// What a role meets at a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Met {
    Forbidden,
    Unread,
    May,
}

async fn matrix() -> BTreeMap<String, Vec<(Role, Met)>> {
    let world = World::new();
    world.everyone();
    let document = serde_json::to_value(control_api::routes::openapi()).unwrap();
    let mut met: BTreeMap<String, Vec<(Role, Met)>> = BTreeMap::new();
    for role in Role::ALL {
        let client = world.signed_in(&role.text().replace('_', "-")).await;
        for (path, item) in document["paths"].as_object().unwrap() {
            if !path.starts_with("/api/v1/") || APART.contains(&path.as_str()) {
                continue;
            }
            for method in ["get", "post", "put", "patch", "delete"].into_iter().filter(|m| item[m].is_object()) {
                let at = path.split('/').map(|part| if part.starts_with('{') { "none" } else { part });
                let at = at.collect::<Vec<_>>().join("/");
                let body = if method == "get" { Vec::new() } else { b"{}".to_vec() };
                let call = method.to_uppercase();
                let answer = client.send(call.parse().unwrap(), &at, Some("application/json"), body).await;
                let status = answer.status.as_u16();
                assert!(status != 500 && status != 401, "{call} {at} {}: {}", role.text(), answer.text);
                let what = match (status, answer.code_if_any().as_str()) {
                    (_, "ROLE_FORBIDS") => Met::Forbidden,
                    (400 | 415 | 422, "BAD_REQUEST" | "INVALID_FIELD" | "UNSUPPORTED_MEDIA_TYPE") => Met::Unread,
                    _ => Met::May,
                };
                met.entry(format!("{call} {path}")).or_default().push((role, what));
            }
        }
    }
    met
}

fn line(call: &str, met: &[(Role, Met)]) -> String {
    let of = |what: Met| met.iter().filter(move |(_, m)| *m == what).map(|(role, _)| role.text());
    let (may, unread) = (of(Met::May).collect::<Vec<_>>(), of(Met::Unread).collect::<Vec<_>>());
    let named = |roles: &[&str]| if roles.len() == Role::ALL.len() { "everybody".to_owned() } else { roles.join(" ") };
    let mut line = format!("{call}:");
    for (word, roles) in [("may", may), ("unread", unread)] {
        if !roles.is_empty() {
            write!(line, " {word} {}", named(&roles)).unwrap();
        }
    }
    line
}

#[tokio::test]
async fn the_separation_matrix_is_the_one_checked_in() {
    let met = matrix().await;
    let made: String = met.iter().map(|(call, met)| line(call, met) + "\n").collect();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/matrix.txt");
    if std::env::var_os(REWRITE).is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = made.lines().find(|line| !kept.lines().any(|known| known == *line));
    assert!(made == kept, "run with {REWRITE}=1, look at what changed, and check the table in: {differs:?}");
    // What must hold whatever the table says.
    let may = |call: &str| -> Vec<Role> {
        let met = met.get(call).map(Vec::as_slice).unwrap_or_default();
        met.iter().filter(|(_, what)| *what == Met::May).map(|(role, _)| *role).collect()
    };
    assert_eq!(may("POST /api/v1/policy/reload"), [Role::SecurityAdmin]);
    assert_eq!(may("DELETE /api/v1/cameras/{id}"), [Role::CatalogueAdmin]);
}
