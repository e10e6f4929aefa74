//! Each code is reached, and of two faults at once the earlier row answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::tz::TimeZone;
use media::id::Profile;
use media::wall::Wall;

use super::*;
use crate::grants::{GrantStep, sample};
use crate::registers::{Role, Roles};

fn second(s: i64) -> Wall {
    Wall::from_micros(s * 1_000_000)
}

/// A case in which everything is right: unit `u1` watches `cam-1` live at second 1,500 under grant `g1`.
struct Scene {
    facts: Facts<'static>,
    action: Action,
}

fn scene() -> Scene {
    static UTC: TimeZone = TimeZone::UTC;
    let caller = Caller {
        user: "li".parse().unwrap(),
        locked: false,
        disabled: false,
        approved: true,
        roles: Roles::try_from(vec![Role::Operator]).unwrap(),
        unit: UnitFacts {
            id: "u1".parse().unwrap(),
            registered: true,
            purposes: vec!["GA-1".parse().unwrap(), "WJ-1".parse().unwrap()],
            areas: vec!["济源".parse().unwrap()],
        },
        terminal: "10.0.0.1".parse().unwrap(),
    };
    let camera = Sight {
        id: "cam-1".parse().unwrap(),
        area: Some("济源/沁园".parse().unwrap()),
        online: true,
        carries_marks: true,
    };
    let facts = Facts {
        now: second(1_500),
        zone: &UTC,
        audit_available: true,
        overloaded: false,
        caller: Some(caller),
        camera: Some(camera),
        grants: vec![candidate(sample("g1", |_| ()))],
    };
    let action = Action {
        verb: Verb::Live,
        profile: Profile::Main,
        purpose: "GA-1".into(),
        reason: "接警 2026-117".into(),
        range: None,
    };
    Scene { facts, action }
}

fn candidate(grant: Grant) -> Candidate {
    Candidate { grant: Arc::new(grant), open_sessions: 0 }
}

fn caller(scene: &mut Scene, change: impl FnOnce(&mut Caller)) {
    if let Some(caller) = &mut scene.facts.caller {
        change(caller);
    }
}

fn terms(scene: &mut Scene, change: impl Fn(&mut crate::grants::Terms)) {
    for candidate in &mut scene.facts.grants {
        let mut changed = candidate.grant.terms().clone();
        change(&mut changed);
        let mut grant = sample("g1", |terms| *terms = changed);
        for past in candidate.grant.history().iter().skip(1) {
            let step = if past.to == GrantState::Revoked { GrantStep::Revoke } else { GrantStep::Suspend };
            grant = grant.after(step, past.at.0, None, Some("test")).unwrap_or(grant);
        }
        candidate.grant = Arc::new(grant);
    }
}

fn step(scene: &mut Scene, step: GrantStep) {
    for candidate in &mut scene.facts.grants {
        if let Some(next) = candidate.grant.after(step, second(1_501), None, Some("test")) {
            candidate.grant = Arc::new(next);
        }
    }
}

type Fault = (Code, fn(&mut Scene));

/// One fault for each code, in the order of the rules.
const FAULTS: [Fault; 25] = [
    (Code::AuditUnavailable, |s| s.facts.audit_available = false),
    (Code::TerminalMismatch, |s| {
        terms(s, |t| t.terminals = BTreeSet::from(["10.0.0.2".parse().unwrap()]));
    }),
    (Code::AuthRequired, |s| s.facts.caller = None),
    (Code::AccountLocked, |s| caller(s, |c| c.locked = true)),
    (Code::AccountDisabled, |s| caller(s, |c| c.disabled = true)),
    (Code::UserNotApproved, |s| caller(s, |c| c.approved = false)),
    (Code::UnitNotRegistered, |s| caller(s, |c| c.unit.registered = false)),
    (Code::RoleForbids, |s| caller(s, |c| c.roles = Roles::try_from(vec![Role::UnitAdmin]).unwrap())),
    (Code::CameraUnknown, |s| s.facts.camera = None),
    (Code::NoGrant, |s| s.facts.grants.clear()),
    (Code::GrantNotYetValid, |s| terms(s, |t| t.valid_from = second(1_600).into())),
    (Code::GrantExpired, |s| terms(s, |t| t.valid_to = second(1_500).into())),
    (Code::GrantRevoked, |s| step(s, GrantStep::Revoke)),
    (Code::GrantSuspended, |s| step(s, GrantStep::Suspend)),
    (Code::VerbNotGranted, |s| terms(s, |t| t.verbs = BTreeSet::from([Verb::Snapshot]))),
    (Code::PurposeRequired, |s| s.action.purpose.clear()),
    (Code::ReasonRequired, |s| s.action.reason = "  ".into()),
    (Code::PurposeNotInDuties, |s| s.action.purpose = "GA-2".into()),
    (Code::PurposeExpired, |s| {
        s.action.purpose = "WJ-1".into();
        terms(s, |t| t.purposes = BTreeSet::from(["WJ-1".parse().unwrap()]));
        // Long after the pandemic: the whole scene moves there.
        s.facts.now = second(1_800_000_000);
        terms(s, |t| t.valid_to = second(2_000_000_000).into());
    }),
    (Code::OutsideTimeWindow, |s| {
        terms(s, |t| {
            let [from, to] = ["12:00", "13:00"].map(|text| text.parse().unwrap());
            t.hours = Some(crate::grants::DailyHours { from, to, days: Vec::new() });
        });
    }),
    (Code::PlaybackDepth, |s| {
        s.action.verb = Verb::Playback;
        s.action.range = Some((second(1_000), second(1_100)));
        terms(s, |t| t.playback_depth_s = Some(60));
    }),
    (Code::WatermarkUnsupported, |s| {
        if let Some(camera) = &mut s.facts.camera {
            camera.carries_marks = false;
        }
    }),
    (Code::ConcurrencyLimit, |s| {
        terms(s, |t| t.max_concurrent = Some(2));
        s.facts.grants.iter_mut().for_each(|c| c.open_sessions = 2);
    }),
    (Code::BandwidthLimit, |s| s.facts.overloaded = true),
    (Code::CameraOffline, |s| {
        if let Some(camera) = &mut s.facts.camera {
            camera.online = false;
        }
    }),
];

fn refused(scene: &Scene) -> Code {
    decide(&scene.facts, &scene.action).expect_err("a case with a fault").code
}

#[test]
fn the_scene_itself_is_permitted() {
    let scene = scene();
    let permit = decide(&scene.facts, &scene.action).unwrap();
    assert_eq!(permit.camera().as_str(), "cam-1");
    assert_eq!(permit.approver().as_str(), "boss");
    assert_eq!(permit.until(), second(2_000));
    assert!(permit.raw());
}

#[test]
fn each_code_is_reached_by_its_fault_alone() {
    for (code, fault) in FAULTS {
        let mut scene = scene();
        fault(&mut scene);
        assert_eq!(refused(&scene), code);
    }
}

#[test]
fn of_two_faults_the_earlier_row_answers() {
    for (first, (earlier, fault)) in FAULTS.into_iter().enumerate() {
        for (later, other) in FAULTS.into_iter().skip(first + 1) {
            if excludes(earlier, later) {
                continue;
            }
            let mut scene = scene();
            other(&mut scene);
            fault(&mut scene);
            assert_eq!(refused(&scene), earlier, "with {later:?}");
        }
    }
}

/// Faults that cannot be had together: one takes away what the other is about.
fn excludes(earlier: Code, later: Code) -> bool {
    let about_a_grant = |code: Code| {
        let place = FAULTS.iter().position(|(c, _)| *c == code).unwrap();
        let no_grant = FAULTS.iter().position(|(c, _)| *c == Code::NoGrant).unwrap();
        place > no_grant && code != Code::CameraOffline
    };
    match (earlier, later) {
        // Without a caller there is no terminal, and without a grant none that is bound to one.
        (Code::TerminalMismatch, Code::AuthRequired | Code::NoGrant) => true,
        (Code::NoGrant, _) => !about_a_grant(later) && later != Code::CameraOffline,
        // That scene plays in another year, when a grant of its own is in force and noon hours are closed anyway.
        (Code::GrantNotYetValid | Code::GrantExpired | Code::PurposeNotInDuties, Code::PurposeExpired) => true,
        // Live has no depth.
        (Code::PlaybackDepth, Code::CameraOffline) => true,
        // No purpose at all, or another one: one field.
        (Code::PurposeRequired | Code::PurposeNotInDuties, Code::PurposeNotInDuties) => true,
        // A grant is in one state.
        (Code::GrantNotYetValid, Code::GrantExpired) => true,
        _ => false,
    }
}

#[test]
fn the_table_stands_in_the_order_of_the_rules_and_cites_what_the_error_cites() {
    // Asked of exports alone, whose own tests have it.
    let of_all = |check: &&Check| check.code != Code::ExportNotAuthorised;
    let order: Vec<_> = CHECKS.iter().filter(of_all).map(|check| check.code).collect();
    let faults: Vec<_> = FAULTS.iter().map(|(code, _)| *code).collect();
    assert_eq!(order[..faults.len()], faults, "only the last row repeats a code");
    for check in &CHECKS {
        assert_eq!(check.basis, check.code.articles(), "{:?}", check.code);
    }
}

#[test]
fn the_grant_that_passes_is_taken_and_else_the_furthest_answers() {
    let mut scene = scene();
    let revoked = sample("g0", |_| ()).after(GrantStep::Revoke, second(1_400), None, Some("x")).unwrap();
    let silent = sample("g2", |t| t.verbs = BTreeSet::from([Verb::Snapshot]));
    scene.facts.grants.insert(0, candidate(revoked));
    scene.facts.grants.push(candidate(silent));
    assert_eq!(decide(&scene.facts, &scene.action).unwrap().grant().0, "g1");
    scene.facts.grants.remove(1);
    let denial = decide(&scene.facts, &scene.action).unwrap_err();
    assert_eq!((denial.code, denial.grant.unwrap().0.as_str()), (Code::VerbNotGranted, "g2"));
}

#[test]
fn of_two_grants_that_pass_the_wider_is_taken() {
    let mut scene = scene();
    scene.facts.grants.push(candidate(sample("g2", |t| t.valid_to = second(9_000).into())));
    scene.facts.grants.push(candidate(sample("g3", |t| {
        t.valid_to = second(9_999).into();
        t.verbs.remove(&Verb::Raw);
    })));
    assert_eq!(decide(&scene.facts, &scene.action).unwrap().grant().0, "g2");
}

#[test]
fn a_camera_out_of_the_units_areas_answers_as_an_unknown_one() {
    let mut scene = scene();
    caller(&mut scene, |c| c.unit.areas = vec!["焦作".parse().unwrap()]);
    let out_of_area = decide(&scene.facts, &scene.action).unwrap_err();
    scene.facts.camera = None;
    let mut unknown = decide(&scene.facts, &scene.action).unwrap_err();
    unknown.grant = out_of_area.grant.clone();
    assert_eq!(out_of_area, unknown);
}

#[test]
fn a_refused_purpose_cites_the_article_of_its_department() {
    let mut scene = scene();
    scene.action.purpose = "LY-1".into();
    assert_eq!(decide(&scene.facts, &scene.action).unwrap_err().articles, ["J-20", "J-23"]);
    scene.action.purpose = "no code/at all".into();
    assert_eq!(decide(&scene.facts, &scene.action).unwrap_err().articles, ["J-21", "J-23"]);
}

#[test]
fn a_grant_for_the_small_stream_does_not_cover_the_large_one() {
    let mut scene = scene();
    terms(&mut scene, |t| t.profile = Profile::Sub);
    assert_eq!(refused(&scene), Code::VerbNotGranted);
    scene.action.profile = Profile::Sub;
    assert!(decide(&scene.facts, &scene.action).is_ok());
}

#[test]
fn the_permit_ends_with_the_hours_of_the_grant() {
    let mut scene = scene();
    terms(&mut scene, |t| {
        let [from, to] = ["00:00", "00:30"].map(|text| text.parse().unwrap());
        t.hours = Some(crate::grants::DailyHours { from, to, days: Vec::new() });
    });
    assert_eq!(decide(&scene.facts, &scene.action).unwrap().until(), second(1_800));
}
