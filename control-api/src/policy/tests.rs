//! Each code is reached, and of two faults at once the earlier row answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::tz::TimeZone;
use media::id::Profile;
use media::wall::Wall;

use super::fact::Fact;
use super::*;
use crate::books::site_purpose::PurposeStanding;
use crate::grants::{Grant, GrantState, GrantStep, Terms, Verb, sample};
use crate::registers::{Role, Roles, unit};

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
        strong: true,
        locked: false,
        awake: true,
        password_fresh: true,
        disabled: false,
        approved: true,
        roles: Roles::try_from(vec![Role::Operator]).unwrap(),
        unit: UnitFacts {
            id: "u1".parse().unwrap(),
            registered: true,
            purposes: vec!["GA-1".parse().unwrap(), "WJ-1".parse().unwrap()],
            areas: vec!["济源".parse().unwrap()],
            duty_areas: vec!["济源/沁园".parse().unwrap()],
        },
        terminal: "10.0.0.1".parse().unwrap(),
        open_sessions: 0,
        places_max: None,
    };
    let camera = Sight {
        id: "cam-1".parse().unwrap(),
        area: Some("济源/沁园".parse().unwrap()),
        level: 1,
        recording_kept: true,
        online: true,
        carries_marks: true,
    };
    let facts = Facts {
        now: second(1_500),
        zone: &UTC,
        audit_available: true,
        clock_trusted: true,
        overloaded: false,
        non_security_sub_stream: false,
        standing: Standing::GOOD,
        caller: Some(caller),
        camera: Some(camera),
        grants: vec![candidate(sample("g1", |_| ()))],
        purpose: None,
        handling: Handling::default(),
    };
    let action = Action {
        verb: Verb::Live,
        profile: Profile::Main,
        purpose: "GA-1".into(),
        reason: "接警 2026-117".into(),
        range: None,
        emergency: None,
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

fn terms(scene: &mut Scene, change: impl Fn(&mut Terms)) {
    for candidate in &mut scene.facts.grants {
        let mut changed = candidate.grant.terms().clone();
        change(&mut changed);
        let of_emergency = candidate.grant.emergency().is_some();
        let mut grant = sample("g1", |terms| *terms = changed.clone());
        if of_emergency {
            grant = Grant::of_emergency("e-1", "u1".parse().unwrap(), "boss".parse().unwrap(), changed, second(1_500));
        }
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

fn camera(scene: &mut Scene, change: impl FnOnce(&mut Sight)) {
    if let Some(camera) = &mut scene.facts.camera {
        change(camera);
    }
}

/// The scene as one of a recording, or of an export.
fn of_the_past(scene: &mut Scene, verb: Verb) {
    scene.action.verb = verb;
    scene.action.range = Some((second(1_000), second(1_100)));
    terms(scene, |t| {
        t.verbs.insert(verb);
    });
}

/// The scene under the grant that came with an emergency.
fn under_emergency(scene: &mut Scene) {
    let (unit, by) = ("u1".parse().unwrap(), "boss".parse().unwrap());
    let terms =
        scene.facts.grants.first().map_or_else(|| sample("g1", |_| ()).terms().clone(), |c| c.grant.terms().clone());
    scene.facts.grants = vec![candidate(Grant::of_emergency("e-1", unit, by, terms, second(1_500)))];
}

/// One fault for each policy that refuses, in the order of the rules.
#[rustfmt::skip]
const FAULTS: [Fault; 50] = [
    (Code::AuditUnavailable, |s| s.facts.audit_available = false),
    (Code::ClockUntrusted, |s| s.facts.clock_trusted = false),
    (Code::NetworkZone, |s| s.facts.standing.in_network_zone = false),
    (Code::TerminalUnregistered, |s| s.facts.standing.terminal_registered = false),
    (Code::TerminalMismatch, |s| terms(s, |t| t.terminals = BTreeSet::from(["10.0.0.2".parse().unwrap()]))),
    (Code::AuthRequired, |s| s.facts.caller = None),
    (Code::MfaRequired, |s| caller(s, |c| c.strong = false)),
    (Code::AccountLocked, |s| caller(s, |c| c.locked = true)),
    (Code::SessionIdle, |s| caller(s, |c| c.awake = false)),
    (Code::PasswordExpired, |s| caller(s, |c| c.password_fresh = false)),
    (Code::AccountDisabled, |s| caller(s, |c| c.disabled = true)),
    (Code::UserNotApproved, |s| caller(s, |c| c.approved = false)),
    (Code::UnitNotRegistered, |s| caller(s, |c| c.unit.registered = false)),
    (Code::UnitSuspended, |s| s.facts.standing.unit_in_use = false),
    (Code::PrincipalMissing, |s| s.facts.standing.principal_named = false),
    (Code::StatementNotSigned, |s| s.facts.standing.statement_signed = false),
    (Code::StaffStatementNotSigned, |s| s.facts.standing.staff_statement_signed = false),
    (Code::TrainingExpired, |s| s.facts.standing.trained = false),
    (Code::RoleForbids, |s| caller(s, |c| c.roles = Roles::try_from(vec![Role::UnitAdmin]).unwrap())),
    (Code::CameraUnknown, |s| s.facts.camera = None),
    (Code::NoGrant, |s| s.facts.grants.clear()),
    (Code::GrantNotYetValid, |s| terms(s, |t| t.valid_from = second(1_600).into())),
    (Code::GrantExpired, |s| terms(s, |t| t.valid_to = second(1_500).into())),
    (Code::GrantRevoked, |s| step(s, GrantStep::Revoke)),
    (Code::GrantSuspended, |s| step(s, GrantStep::Suspend)),
    (Code::VerbNotGranted, |s| terms(s, |t| t.verbs = BTreeSet::from([Verb::Raw]))),
    (Code::ExportNotAuthorised, |s| {
        of_the_past(s, Verb::Export);
        terms(s, |t| t.verbs = BTreeSet::from([Verb::Raw]));
    }),
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
    (Code::PurposeProfileLimit, |s| {
        s.facts.non_security_sub_stream = true;
        s.action.purpose = "CJ-1".into();
        caller(s, |c| c.unit.purposes.push("CJ-1".parse().unwrap()));
        terms(s, |t| { t.purposes.insert("CJ-1".parse().unwrap()); });
    }),
    (Code::OutOfJurisdiction, |s| caller(s, |c| c.unit.duty_areas = vec!["济源/天坛".parse().unwrap()])),
    (Code::SecurityLevel, |s| camera(s, |seen| seen.level = 2)),
    (Code::OutsideTimeWindow, |s| terms(s, |t| {
        let [from, to] = ["12:00", "13:00"].map(|text| text.parse().unwrap());
        t.hours = Some(crate::grants::DailyHours { from, to, days: Vec::new() });
    })),
    (Code::OutsideDutyRoster, |s| {
        s.facts.standing.on_duty_until = None;
        terms(s, |t| t.on_duty = true);
    }),
    (Code::PlaybackDepth, |s| {
        of_the_past(s, Verb::Playback);
        terms(s, |t| t.playback_depth_s = Some(60));
    }),
    (Code::RecordingPurged, |s| {
        of_the_past(s, Verb::Download);
        camera(s, |seen| seen.recording_kept = false);
    }),
    (Code::WatermarkUnsupported, |s| camera(s, |seen| seen.carries_marks = false)),
    (Code::ConcurrencyLimit, |s| {
        terms(s, |t| t.max_concurrent = Some(2));
        s.facts.grants.iter_mut().for_each(|c| c.open_sessions = 2);
    }),
    (Code::ConcurrencyLimit, |s| caller(s, |c| (c.open_sessions, c.places_max) = (9, Some(9)))),
    (Code::BandwidthLimit, |s| s.facts.overloaded = true),
    (Code::EmergencyScope, |s| s.action.emergency = Some("e-2".into())),
    (Code::EmergencyReviewOverdue, |s| {
        under_emergency(s);
        s.facts.standing.emergencies_reviewed = false;
    }),
    (Code::SecondPersonRequired, |s| {
        of_the_past(s, Verb::Export);
        s.facts.handling.second_person = false;
    }),
    (Code::MediaReleaseApprovalMissing, |s| {
        of_the_past(s, Verb::Export);
        s.facts.handling.release_approved = false;
    }),
    (Code::RedactionRequired, |s| {
        of_the_past(s, Verb::Export);
        s.facts.handling.redacted = false;
    }),
    (Code::AnomalySuspended, |s| s.facts.standing.unsuspicious = false),
    (Code::CameraOffline, |s| camera(s, |seen| seen.online = false)),
    // A camera out of the unit's areas answers as an unknown one, which stands far above.
    (Code::CameraUnknown, |s| caller(s, |c| c.unit.areas = vec!["焦作".parse().unwrap()])),
];

/// The shipped policies, compiled once: they do not change under a test.
fn shipped() -> &'static InForce {
    static SHIPPED: std::sync::LazyLock<InForce> = std::sync::LazyLock::new(|| in_force(Texts::shipped()).unwrap());
    &SHIPPED
}

fn in_force(texts: Texts) -> Result<InForce, Vec<text::PolicyFault>> {
    Ok(InForce { rules: Arc::new(RuleSet::compile(texts)?), since: second(0).into() })
}

fn decided(scene: &Scene) -> Result<Permit, Denial> {
    decided_by(shipped(), scene)
}

/// With the purpose looked up, as it is shipped.
fn decided_by(in_force: &InForce, scene: &Scene) -> Result<Permit, Denial> {
    let known = scene.action.purpose_code().and_then(|code| crate::registers::purpose::find(&code));
    let standing = |purpose: &crate::registers::Purpose| PurposeStanding {
        article: Some(purpose.article),
        ps: purpose.ps,
        in_force: purpose.is_in_force(scene.facts.now),
    };
    let mut facts = scene.facts.clone();
    facts.purpose = known.map(standing);
    decide(in_force, &facts, &scene.action)
}

fn with_site(policy: &str) -> Result<InForce, Vec<text::PolicyFault>> {
    in_force(Texts::with_site([("site.cedar".to_owned(), policy.to_owned())].into()))
}

fn refused(scene: &Scene) -> Code {
    decided(scene).expect_err("a case with a fault").code
}

#[test]
fn the_scene_itself_is_permitted() {
    let scene = scene();
    let permit = decided(&scene).unwrap();
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

/// Of any two faults that can be had together, the one whose rule stands first answers. What a scene with both faults lacks says
/// whether they can: one may take away what the other is about.
#[test]
fn of_two_faults_the_earlier_rule_answers() {
    let lacks = |scene: &Scene| -> BTreeSet<String> {
        decided(scene).unwrap_err().basis.unwrap().lacking.into_iter().collect()
    };
    let rules = shipped().rules.rules();
    let mut pairs = 0;
    for (code, fault) in FAULTS {
        for (other_code, other) in FAULTS {
            let mut both = scene();
            fault(&mut both);
            other(&mut both);
            let answer = decided(&both).unwrap_err();
            let lacking = lacks(&both);
            let first = rules.iter().find(|rule| applies(rule, &lacking, both.action.verb)).unwrap();
            assert_eq!(answer.rule, first.id, "{code:?} with {other_code:?}: {lacking:?}");
            assert!(first.order <= order_of(&rules, answer.code));
            pairs += 1;
        }
    }
    assert_eq!(pairs, FAULTS.len() * FAULTS.len());
}

fn order_of(rules: &[Arc<Rule>], code: Code) -> u32 {
    rules.iter().filter(|rule| rule.code == code).map(|rule| rule.order).max().unwrap()
}

/// Whether a shipped rule refuses, read off a table of its own beside the policies: which fact it wants, of which verbs, when.
fn applies(rule: &Rule, lacking: &BTreeSet<String>, verb: Verb) -> bool {
    let name = match &*rule.id {
        "role-views" => "may_view".to_owned(),
        "network-zone" => "in_network_zone".to_owned(),
        "export-granted" => "verb_granted".to_owned(),
        id => id.replace('-', "_"),
    };
    let fits = match &*rule.id {
        "export-granted" | "second-person" | "release-approved" | "redacted" => verb == Verb::Export,
        "verb-granted" => verb != Verb::Export,
        "within-depth" | "recording-kept" => verb != Verb::Live,
        "carries-mark" => verb == Verb::Live,
        "place-under-grant" | "place-for-user" | "room" => {
            matches!(verb, Verb::Live | Verb::Playback) && !lacking.contains("ordinary")
        }
        "camera-online" => !lacking.contains("of_now"),
        _ => true,
    };
    fits && lacking.contains(&name)
}

#[test]
fn the_policies_stand_in_the_order_of_the_codes_and_every_one_is_reached() {
    let rules = shipped().rules.rules();
    let mut reached: BTreeSet<String> = BTreeSet::new();
    for (code, fault) in FAULTS {
        let mut scene = scene();
        fault(&mut scene);
        let denial = decided(&scene).unwrap_err();
        assert_eq!(denial.code, code);
        reached.insert(denial.rule.to_string());
    }
    let all: BTreeSet<String> = rules.iter().map(|rule| rule.id.to_string()).collect();
    assert_eq!(reached, all, "each policy that refuses has its fault");
    let order: Vec<_> = rules.iter().map(|rule| rule.code).collect();
    let faults: Vec<_> = FAULTS[..rules.len()].iter().map(|(code, _)| *code).collect();
    assert_eq!(order, faults);
    for rule in rules {
        assert_eq!(rule.articles, rule.code.articles(), "{}", rule.id);
        assert!(all.len() < 60, "a few dozen");
    }
}

#[test]
fn the_schemas_name_the_facts_there_are() {
    let names: Vec<_> = Fact::ALL.iter().map(|fact| fact.name()).collect();
    assert_eq!(text::fact_names(&Texts::shipped()), names);
    let site = Texts::shipped().site_schema;
    for name in names {
        assert!(site.contains(&format!("{name}: Bool,")), "{name}");
    }
    let undocumented =
        values::Values::default().pairs().into_iter().find(|(name, _)| !site.contains(&format!("{name}: ")));
    assert!(undocumented.is_none(), "{:?}", undocumented.map(|(name, _)| name));
}

/// Whoever changes a shipped policy gives the set a new version, or a replay of an old decision would lie.
#[test]
fn the_shipped_policies_are_those_of_their_version() {
    use sha2::Digest as _;
    let texts = serde_json::to_vec(&Texts::shipped()).unwrap();
    let hash = hex::encode(sha2::Sha256::digest(texts));
    assert_eq!((SHIPPED_VERSION, &hash[..16]), ("2026-11-2", "4d1d6855c55c065a"));
}

#[test]
fn shipped_policies_look_at_no_one_in_particular() {
    for (file, text) in Texts::shipped().shipped {
        for word in ["principal ==", "resource ==", "principal in", "resource in"] {
            assert!(!text.contains(word), "{file}: {word}: their answers are remembered for everybody");
        }
    }
}

#[test]
fn roles_that_view_are_those_of_the_matrix() {
    for role in Role::ALL {
        let mut scene = scene();
        caller(&mut scene, |c| c.roles = Roles::try_from(vec![role]).unwrap());
        for (verb, word) in rule_set::ACTIONS {
            of_the_past(&mut scene, verb);
            let may = matches!(role, Role::Operator | Role::IncidentCommander | Role::Service);
            let answer = decided(&scene).map_err(|denial| denial.code).err();
            assert_eq!(answer, (!may).then_some(Code::RoleForbids), "{} {word}", role.text());
        }
    }
}

/// J-11 to J-21: each unit's own purposes pass, and each other's are refused by the article that gave them away; a unit without any
/// is refused by J-21.
#[test]
fn every_unit_meets_every_purpose() {
    let purposes = crate::registers::purpose::shipped();
    for unit in unit::shipped(second(0)) {
        for purpose in &purposes {
            let mut scene = scene();
            scene.action.purpose = purpose.code.to_string();
            scene.facts.now = second(1_800_000_000);
            terms(&mut scene, |t| {
                t.valid_to = second(2_000_000_000).into();
                t.purposes = purposes.iter().map(|p| p.code.clone()).collect();
            });
            caller(&mut scene, |c| (c.unit.id, c.unit.purposes) = (unit.id.clone(), unit.purposes.clone()));
            let answer = decided(&scene).map_err(|denial| (denial.code, denial.articles)).err();
            let article = if unit.purposes.is_empty() { "J-21" } else { purpose.article };
            let expected = match (purpose.unit == unit.id, purpose.valid_to.is_some()) {
                (false, _) => Some((Code::PurposeNotInDuties, vec![article, "J-23"])),
                (true, true) => Some((Code::PurposeExpired, vec![purpose.article, "J-23"])),
                (true, false) => None,
            };
            assert_eq!(answer, expected, "{} for {}", unit.id, purpose.code);
        }
    }
}

#[test]
fn a_purpose_that_does_not_serve_public_security_keeps_the_small_stream() {
    let mut scene = scene();
    FAULTS.iter().find(|(code, _)| *code == Code::PurposeProfileLimit).unwrap().1(&mut scene);
    scene.action.profile = Profile::Sub;
    assert!(decided(&scene).is_ok());
}

#[test]
fn an_emergency_is_exempt_from_limits_and_from_nothing_else() {
    let mut scene = scene();
    under_emergency(&mut scene);
    scene.action.emergency = Some("e-1".into());
    scene.facts.overloaded = true;
    caller(&mut scene, |c| (c.open_sessions, c.places_max) = (9, Some(9)));
    assert!(decided(&scene).is_ok());
    scene.facts.standing.trained = false;
    assert_eq!(refused(&scene), Code::TrainingExpired);
}

#[test]
fn a_sites_policy_forbids_in_the_place_of_its_code_and_by_its_values() {
    let policy = r#"
        // Nobody of transport looks at places of level 2 and above at night.
        @id("night-level")
        @code("SECURITY_LEVEL")
        @article("site rule 4")
        forbid (principal, action == Action::"live", resource)
        when { context.hour < 6 && context.area like "济源/沁园*" && context.roles.contains("operator") };"#;
    let rules = with_site(policy).unwrap();
    let scene = scene();
    let denial = decided_by(&rules, &scene).unwrap_err();
    assert_eq!((denial.code, &*denial.rule), (Code::SecurityLevel, "night-level"));
    let basis = denial.basis.unwrap();
    assert!(basis.policy_version.starts_with(&format!("{SHIPPED_VERSION}+")), "{}", basis.policy_version);
    let mut day = scene;
    day.facts.now = second(1_500 + 8 * 3_600);
    terms(&mut day, |t| t.valid_to = second(900_000).into());
    assert!(decided_by(&rules, &day).is_ok());
    day.facts.standing.trained = false;
    assert_eq!(decided_by(&rules, &day).unwrap_err().code, Code::TrainingExpired);
}

#[test]
fn a_sites_policy_with_a_fault_is_refused_with_its_line() {
    let rule = |body: &str| format!("// one\n\n@id(\"own\")\n@code(\"NO_GRANT\")\n{body}");
    let cases = [
        ("\nforbid (principal, action, resource) when { context.nonsense };", 3, "nonsense"),
        ("\nforbid (principal, action, resource) when { context.hour };", 3, "Bool"),
        ("\npermit (principal, action, resource);", 3, "only forbid"),
        ("@order(\"1\") forbid (principal, action, resource);", 3, "leave @order out"),
        ("forbid (principal, action == Action::\"steer\", resource);", 3, "steer"),
        ("forbid (principal action, resource);", 5, "unexpected"),
    ];
    for (body, line, words) in cases {
        let faults = with_site(&rule(body)).err().unwrap_or_else(|| panic!("{body} passes"));
        let told = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert_eq!((faults[0].file.as_str(), faults[0].line), ("site.cedar", line), "{told}");
        assert!(told.contains(words), "{told}");
    }
    let nameless = with_site("forbid (principal, action, resource);").err().unwrap();
    assert!(nameless[0].reason.contains("@id"), "{}", nameless[0]);
    let taken = with_site("@id(\"trained\") @code(\"NO_GRANT\") forbid (principal, action, resource);").err().unwrap();
    assert!(taken[0].reason.contains("shipped policy has the id"), "{}", taken[0]);
}

#[test]
fn what_fails_while_it_is_asked_forbids() {
    // An overflow is the one failure that the validator cannot exclude.
    let policy = r#"@id("overflow") @code("ANOMALY_SUSPENDED")
        forbid (principal, action, resource) when { context.level * 9223372036854775807 + context.hour > 99 };"#;
    let mut scene = scene();
    scene.facts.now = second(1_500 + 3_600);
    terms(&mut scene, |t| t.valid_to = second(900_000).into());
    let denial = decided_by(&with_site(policy).unwrap(), &scene).unwrap_err();
    assert_eq!((denial.code, &*denial.rule), (Code::AnomalySuspended, "overflow"));
}

#[test]
fn the_grant_that_passes_is_taken_and_else_the_furthest_answers() {
    let mut scene = scene();
    let revoked = sample("g0", |_| ()).after(GrantStep::Revoke, second(1_400), None, Some("x")).unwrap();
    let silent = sample("g2", |t| t.verbs = BTreeSet::from([Verb::Snapshot]));
    scene.facts.grants.insert(0, candidate(revoked));
    scene.facts.grants.push(candidate(silent));
    assert_eq!(decided(&scene).unwrap().grant().0, "g1");
    scene.facts.grants.remove(1);
    let denial = decided(&scene).unwrap_err();
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
    assert_eq!(decided(&scene).unwrap().grant().0, "g2");
}

#[test]
fn a_camera_out_of_the_units_areas_answers_as_an_unknown_one() {
    let mut scene = scene();
    caller(&mut scene, |c| c.unit.areas = vec!["焦作".parse().unwrap()]);
    let out_of_area = decided(&scene).unwrap_err();
    scene.facts.camera = None;
    let unknown = decided(&scene).unwrap_err();
    assert_eq!((out_of_area.code, out_of_area.articles), (unknown.code, unknown.articles));
}

#[test]
fn a_refused_purpose_cites_the_article_of_its_department() {
    let mut scene = scene();
    scene.action.purpose = "LY-1".into();
    assert_eq!(decided(&scene).unwrap_err().articles, ["J-20", "J-23"]);
    scene.action.purpose = "no code/at all".into();
    assert_eq!(decided(&scene).unwrap_err().articles, ["J-21", "J-23"]);
}

#[test]
fn a_grant_for_the_small_stream_does_not_cover_the_large_one() {
    let mut scene = scene();
    terms(&mut scene, |t| t.profile = Profile::Sub);
    assert_eq!(refused(&scene), Code::VerbNotGranted);
    scene.action.profile = Profile::Sub;
    assert!(decided(&scene).is_ok());
}

#[test]
fn a_permit_for_those_on_duty_ends_with_the_shift() {
    let mut scene = scene();
    scene.facts.standing.on_duty_until = Some(second(1_700));
    assert_eq!(decided(&scene).unwrap().until(), second(2_000), "the grant does not ask for duty");
    terms(&mut scene, |t| t.on_duty = true);
    assert_eq!(decided(&scene).unwrap().until(), second(1_700));
}

/// What was recorded is enough to decide again, under the policies of the day and no other.
#[test]
fn a_recorded_refusal_replays_the_same_and_names_every_policy_that_refuses() {
    use crate::ledger::{Decision, Event, Kind};
    for (code, fault) in FAULTS {
        let mut scene = scene();
        fault(&mut scene);
        let denial = decided(&scene).unwrap_err();
        let word = rule_set::ACTIONS.iter().find(|(verb, _)| *verb == scene.action.verb).unwrap().1;
        let event = Event::new(Kind::DENIED, second(1_500))
            .action(word)
            .object("camera/cam-1")
            .decision(Decision::Deny)
            .code(code.text());
        let event = denial.basis.unwrap().onto(event);
        let read = Event::parse(&event.canonical()).unwrap();
        let replay = replay::replay(&read, &shipped().rules).unwrap();
        assert!(replay.same, "{replay:?}");
        assert_eq!(replay.refusing[0].id, *denial.rule);
        let lied = Event { code: Some("NO_RIGHT".into()), ..read.clone() };
        assert!(!replay::replay(&lied, &shipped().rules).unwrap().same);
        let other = with_site(r#"@id("x") @code("NO_GRANT") forbid (principal, action, resource);"#).unwrap();
        let refused = replay::replay(&read, &other.rules).unwrap_err().to_string();
        assert!(refused.contains(SHIPPED_VERSION), "{refused}");
    }
}

#[test]
fn the_permit_ends_with_the_hours_of_the_grant() {
    let mut scene = scene();
    terms(&mut scene, |t| {
        let [from, to] = ["00:00", "00:30"].map(|text| text.parse().unwrap());
        t.hours = Some(crate::grants::DailyHours { from, to, days: Vec::new() });
    });
    assert_eq!(decided(&scene).unwrap().until(), second(1_800));
}
