//! `sluice policy explain`: a decision of the ledger decided again under the policies of its day; and `sluice policy check` for a
//! site's own files before they are put in force.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use control_api::ledger::Event;
use control_api::ledger::search::search;
use control_api::policy::replay::{Replay, basis_of, replay};
use control_api::policy::{RuleSet, SHIPPED_VERSION, Texts, archive};

use crate::appliance::POLICY_ARCHIVE;

/// Work with policies.
#[derive(Subcommand)]
pub(crate) enum Policy {
    /// Replay a decision of the ledger under the policies of its day; exit code 1 where replaying gives something else.
    Explain {
        /// The decision: its index in the ledger, or the request_id of the answer.
        #[arg(value_name = "ENTRY")]
        decision: String,
        /// The ledger's folder, or a copy of it; it is only read, and the appliance may run.
        #[arg(long, value_name = "DIR")]
        ledger: PathBuf,
        /// The state folder, which keeps every set of policies that was in force. Taken from beside the ledger if it is there.
        #[arg(long, value_name = "DIR")]
        state: Option<PathBuf>,
        /// Print it as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Check a folder of a site's own policies as a start would; exit code 1 names each fault with file and line.
    Check {
        /// The folder.
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
}

impl Policy {
    /// Does it.
    pub(super) fn run(self) -> ExitCode {
        let done = match self {
            Self::Explain { decision, ledger, state, json } => explain(&decision, &ledger, state, json),
            Self::Check { dir } => check(&dir),
        };
        done.unwrap_or_else(|error| super::failed(&error))
    }
}

fn check(dir: &Path) -> anyhow::Result<ExitCode> {
    let faults = match control_api::policy::read_and_compile(Some(dir)) {
        Ok(rules) => {
            let own = rules.rules().iter().filter(|rule| rule.is_site).count();
            println!("{}: {own} policies of the site's own, version {}", dir.display(), rules.version());
            return Ok(ExitCode::SUCCESS);
        }
        Err(faults) => faults,
    };
    faults.iter().for_each(|fault| println!("{fault}"));
    Ok(ExitCode::FAILURE)
}

fn explain(decision: &str, ledger: &Path, state: Option<PathBuf>, json: bool) -> anyhow::Result<ExitCode> {
    let (index, event) = find(decision, ledger)?;
    let basis = basis_of(&event)
        .with_context(|| format!("entry {index} is no decision on a camera ({})", event.kind.as_str()))?;
    let beside = ledger.canonicalize().ok().and_then(|dir| Some(dir.parent()?.join("state")));
    let texts = match state.or(beside).map(|state| state.join(POLICY_ARCHIVE)) {
        Some(folder) => archive::find(&folder, &basis.policy_version)?,
        None => None,
    };
    let own = || (*basis.policy_version == *SHIPPED_VERSION).then(Texts::shipped);
    let texts = texts.or_else(own).with_context(|| {
        format!("the policies of version {} are not here; name the state folder with --state", basis.policy_version)
    })?;
    let told = |faults: Vec<_>| anyhow::anyhow!("the archived policies do not compile: {:?}", faults);
    let replay = replay(&event, &RuleSet::compile(texts).map_err(told)?)?;
    if json {
        let body = BTreeMap::from([("index", serde_json::json!(index)), ("replay", serde_json::to_value(&replay)?)]);
        println!("{}", serde_json::to_string_pretty(&body)?);
    } else {
        say(index, &event, &replay);
    }
    Ok(if replay.same { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The newest decision of this index or request.
fn find(wanted: &str, ledger: &Path) -> anyhow::Result<(u64, Event)> {
    let place = wanted.parse::<u64>().ok();
    let mut found = None;
    let searched = search(
        ledger,
        &mut |entry| {
            if place.is_some_and(|place| place != entry.index()) {
                return ControlFlow::Continue(());
            }
            let event = Event::parse(entry.bytes()).ok();
            let of_request = |event: &Event| {
                place.is_some() || (event.request_id.as_deref() == Some(wanted) && basis_of(event).is_some())
            };
            match event.filter(of_request) {
                Some(event) => {
                    found = Some((entry.index(), event));
                    ControlFlow::Break(())
                }
                None => ControlFlow::Continue(()),
            }
        },
        &mut |_, _| {},
    );
    searched.findings.iter().for_each(|finding| eprintln!("sluice: {finding}"));
    found.with_context(|| format!("{}: no decision {wanted} among {} entries", ledger.display(), searched.entries))
}

fn say(index: u64, event: &Event, replay: &Replay) {
    let word = |code: &Option<String>| code.clone().unwrap_or_else(|| "permitted".into());
    println!("entry {index}, {}: {}", event.at, word(&replay.recorded));
    println!("policies {} in force since {}", replay.policy_version, replay.policy_since);
    println!(
        "facts that did not hold: {}",
        if replay.lacking.is_empty() { "none".into() } else { replay.lacking.join(", ") }
    );
    for (place, rule) in replay.refusing.iter().enumerate() {
        let answers = if place == 0 { "answers" } else { "refuses too" };
        let whose = if rule.is_site { ", the site's own" } else { "" };
        println!("  {answers}: {} by {}{whose} ({})", rule.code, rule.id, rule.articles.join(", "));
    }
    let same = if replay.same { "the same" } else { "SOMETHING ELSE" };
    println!("replayed: {}, {same}", word(&replay.replayed));
}
