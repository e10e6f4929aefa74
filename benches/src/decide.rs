//! One decision alone: the grants found by index, the facts packed, the policies asked. In this process, over a real store and ledger,
//! beside the shipped policies asked anew each time (as if nothing were remembered) and beside a site with policies of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Args;
use control_api::books::site_purpose::PurposeStanding;
use control_api::grants::{GrantBook, Verb};
use control_api::ledger::Ledger;
use control_api::outbox::Outbox;
use control_api::policy::{
    Action, Caller, Candidate, Facts, Handling, InForce, RuleSet, Sight, Standing, Texts, UnitFacts, decide,
};
use control_api::registers::{Area, PurposeCode, Role, Roles, purpose, unit};
use control_api::stamp::Stamp;
use control_api::store::{Batch, Store};
use jiff::tz::TimeZone;
use media::id::Profile;
use media::wall::{Clock, Wall};
use serde_json::{Value, json};

use crate::report::{Report, percentile};

/// Grants written in one commit.
const BATCH: usize = 1_000;
/// Grants, where they are by area, lie in one of so many.
const AREAS: usize = 400;
/// A site's own policies, of the kind that a site may have.
const SITE: &str = r#"
@id("night") @code("OUTSIDE_TIME_WINDOW")
forbid (principal, action, resource) when { context.hour < 5 && context.level > 1 };
@id("far-back") @code("PLAYBACK_DEPTH")
forbid (principal, action == Action::"download", resource) when { context.seconds_long > 7200 };
@id("services") @code("ROLE_FORBIDS")
forbid (principal, action == Action::"snapshot", resource) when { context.roles.contains("service") };
@id("hall") @code("SECURITY_LEVEL")
forbid (principal, action, resource) when { context.area like "*/area-7/*" && context.unit != "gaj" };
@id("one") @code("NO_GRANT")
forbid (principal == User::"user-17", action, resource == Camera::"camera-4711");
"#;

/// How much of everything.
#[derive(Args)]
pub(crate) struct Plan {
    /// Cameras.
    #[arg(long, default_value_t = 10_000)]
    cameras: usize,
    /// Users.
    #[arg(long, default_value_t = 2_000)]
    users: usize,
    /// Grants.
    #[arg(long, default_value_t = 20_000)]
    grants: usize,
    /// Decisions measured.
    #[arg(long, default_value_t = 200_000)]
    decisions: usize,
}

struct SystemClock(Instant);

impl Clock for SystemClock {
    fn wall(&self) -> Wall {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Wall::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides.max(1)
    }
}

/// Runs it, prints a table, writes `decide.json`.
pub(crate) fn run(plan: &Plan, report: &Report) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let town = Town::build(plan, folder.path())?;
    let site = Texts::with_site(BTreeMap::from([("site.cedar".to_owned(), SITE.to_owned())]));
    let ways = [
        ("shipped", Texts::shipped(), plan.decisions),
        ("shipped, each anew", Texts::shipped(), 2_000.min(plan.decisions)),
        ("with 5 of the site", site, plan.decisions),
    ];
    println!(
        "{:>20} {:>10} {:>8} {:>9} {:>9} {:>9}",
        "policies", "decisions", "allowed", "p50 us", "p99 us", "p99.9 us"
    );
    let mut rows = Vec::new();
    for (name, texts, decisions) in ways {
        let rules = RuleSet::compile(texts).map_err(|faults| anyhow::anyhow!("{faults:?}"))?;
        let (times, allowed) = town.decide(rules, decisions, name.ends_with("anew"));
        let at = |share| percentile(&times, share) * 1e6;
        let (p50, p99, p999) = (at(0.5), at(0.99), at(0.999));
        let share = allowed as f64 / decisions as f64;
        println!("{name:>20} {decisions:>10} {share:>8.2} {p50:>9.2} {p99:>9.2} {p999:>9.2}");
        rows.push(json!({"policies": name, "decisions": decisions, "allowed": share, "p50_us": p50, "p99_us": p99,
            "p999_us": p999, "cameras": plan.cameras, "users": plan.users, "grants": plan.grants}));
    }
    report.write("decide", &rows)
}

/// Cameras, users and grants.
struct Town {
    cameras: Vec<Sight>,
    users: Vec<Caller>,
    grants: GrantBook,
    now: Wall,
    zone: TimeZone,
}

impl Town {
    fn build(plan: &Plan, folder: &std::path::Path) -> anyhow::Result<Self> {
        let clock = Arc::new(SystemClock(Instant::now()));
        let now = clock.wall();
        let store = Store::open(&folder.join("state"))?;
        let units = unit::shipped(now);
        let names: Vec<Value> = units.iter().map(|unit| json!({"id": unit.id, "purposes": unit.purposes})).collect();
        for first in (0..plan.grants).step_by(BATCH) {
            let mut batch = Batch::new();
            for number in first..(first + BATCH).min(plan.grants) {
                let grant = grant(number, plan, &names, now);
                batch = batch.put_json(format!("grant/{}", grant["id"].as_str().unwrap_or_default()), &grant)?;
            }
            store.commit(batch)?;
        }
        let ledger = Ledger::open(&folder.join("ledger"), clock, &prometheus::Registry::new())?;
        let grants = GrantBook::open(store.clone(), Outbox::start(store, ledger)?)?;
        let cameras = (0..plan.cameras).map(sight).collect::<anyhow::Result<_>>()?;
        let users = (0..plan.users).map(|number| caller(number, &units)).collect::<anyhow::Result<_>>()?;
        Ok(Self { cameras, users, grants, now, zone: TimeZone::fixed(jiff::tz::offset(8)) })
    }

    /// Seconds that each decision took, and how many were favourable.
    fn decide(&self, rules: RuleSet, decisions: usize, anew: bool) -> (Vec<f64>, usize) {
        let since = Stamp(self.now);
        let in_force = InForce { rules: Arc::new(rules), since };
        let mut dice = Dice(7);
        let (mut times, mut allowed) = (Vec::with_capacity(decisions), 0);
        for _ in 0..decisions {
            let (mut facts, action) = self.question(&mut dice);
            if anew {
                in_force.rules.forget();
            }
            let started = Instant::now();
            if let (Some(caller), Some(camera)) = (&facts.caller, &facts.camera) {
                let found = self.grants.covering(&caller.unit.id, &caller.user, &camera.id, camera.area.as_ref());
                facts.grants = found.into_iter().map(|grant| Candidate { grant, open_sessions: 0 }).collect();
            }
            let decided = decide(&in_force, &facts, &action);
            times.push(started.elapsed().as_secs_f64());
            allowed += usize::from(decided.is_ok());
        }
        (times, allowed)
    }

    /// Somebody asks for something; one in eight has something against them.
    fn question(&self, dice: &mut Dice) -> (Facts<'_>, Action) {
        let caller = self.users[dice.roll(self.users.len())].clone();
        let camera = self.cameras[dice.roll(self.cameras.len())].clone();
        let purpose = caller.unit.purposes[dice.roll(caller.unit.purposes.len())].clone();
        let verb = [Verb::Live, Verb::Live, Verb::Playback, Verb::Download][dice.roll(4)];
        let from = self.now - Duration::from_secs(3_600);
        let range = (verb != Verb::Live).then(|| (from, from + Duration::from_secs(600)));
        let mut standing = Standing::GOOD;
        match dice.roll(32) {
            0 => standing.trained = false,
            1 => standing.statement_signed = false,
            2 => standing.in_network_zone = false,
            3 => standing.unsuspicious = false,
            _ => {}
        }
        let known = purpose::find(&purpose);
        let facts = Facts {
            now: self.now,
            zone: &self.zone,
            audit_available: true,
            clock_trusted: true,
            overloaded: false,
            non_security_sub_stream: false,
            standing,
            caller: Some(caller),
            camera: Some(camera),
            grants: Vec::new(),
            purpose: known.map(|known| PurposeStanding {
                article: Some(known.article),
                ps: known.ps,
                in_force: known.is_in_force(self.now),
            }),
            handling: Handling::default(),
        };
        let action = Action {
            verb,
            profile: Profile::Main,
            purpose: purpose.to_string(),
            reason: "a measurement".into(),
            range,
            emergency: None,
        };
        (facts, action)
    }
}

fn area(number: usize) -> String {
    let place = number % AREAS;
    format!("济源/area-{}/street-{place}", place % 20)
}

fn sight(number: usize) -> anyhow::Result<Sight> {
    Ok(Sight {
        id: format!("camera-{number}").parse()?,
        area: Some(area(number).parse::<Area>()?),
        level: 1 + u8::from(number.is_multiple_of(50)),
        recording_kept: true,
        online: !number.is_multiple_of(97),
        carries_marks: true,
    })
}

fn caller(number: usize, units: &[control_api::registers::Unit]) -> anyhow::Result<Caller> {
    // The first is the Bureau, which views nothing.
    let unit = &units[1 + number % (units.len() - 1)];
    Ok(Caller {
        user: format!("user-{number}").parse()?,
        strong: true,
        locked: false,
        awake: true,
        password_fresh: true,
        disabled: false,
        approved: true,
        roles: Roles::try_from(vec![Role::Operator])?,
        unit: UnitFacts {
            id: unit.id.clone(),
            registered: true,
            purposes: unit.purposes.clone(),
            areas: vec!["济源".parse::<Area>()?],
            duty_areas: Vec::new(),
        },
        terminal: std::net::IpAddr::from([10, 0, 0, 1]),
        open_sessions: 0,
        places_max: None,
    })
}

/// Every other by area; one in ten is over, suspended or for its hours only.
fn grant(number: usize, plan: &Plan, units: &[Value], now: Wall) -> Value {
    let unit = &units[1 + number % (units.len() - 1)];
    let purposes: Vec<PurposeCode> = serde_json::from_value(unit["purposes"].clone()).unwrap_or_default();
    let day = Duration::from_secs(86_400);
    let (from, to) = (Stamp(now - day * 30), Stamp(if number.is_multiple_of(30) { now - day } else { now + day * 30 }));
    let mut terms = json!({
        "purposes": purposes, "verbs": ["live", "playback", "download", "raw"],
        "valid_from": from, "valid_to": to, "max_concurrent": 50,
    });
    if number.is_multiple_of(2) {
        terms["areas"] = json!([area(number / 2)]);
    } else {
        let cameras = (0..10).map(|n| format!("camera-{}", (number * 7 + n * 131) % plan.cameras));
        terms["cameras"] = json!(cameras.collect::<std::collections::BTreeSet<_>>());
    }
    if number.is_multiple_of(11) {
        terms["hours"] = json!({"from": "00:00", "to": "23:00"});
    }
    let state = if number.is_multiple_of(40) { "suspended" } else { "active" };
    json!({"id": format!("grant-{number:08}"), "application": "measured", "unit": unit["id"], "approver": "approver",
        "terms": terms, "state": state, "history": []})
}
