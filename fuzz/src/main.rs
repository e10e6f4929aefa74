//! `fuzz-smoke [--seconds N] [--seed N] [--replay FILE] [TARGET…]`: each target's body on mutated seeds for N seconds (5),
//! on any toolchain. It fails on a panic, on a hang, on an input that takes too long and on memory that grows; and it
//! first proves on a canary that it would notice. Coverage guidance is deliberately absent: that is libFuzzer's.

// A report on standard output is what this program is for.
#![allow(clippy::print_stdout)]

mod arguments;
mod run;
mod seeds;
mod targets;

use std::process::ExitCode;
use std::time::Duration;

use arguments::Arguments;
use run::Outcome;
use targets::{CANARY, TARGETS, Target};

/// The canary has to be found within this time; it takes a few milliseconds.
const CANARY_TIME: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(fault) => return complain(&fault),
    };
    let unknown = arguments.targets.iter().find(|name| !TARGETS.iter().any(|target| target.name == **name));
    if let Some(name) = unknown {
        let known: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        return complain(&format!("no target {name:?}; there are: {}", known.join(", ")));
    }
    if !canary_is_found(arguments.seed) {
        return complain("the canary was not found: this runner would notice nothing");
    }
    let wanted = |target: &&Target| arguments.targets.is_empty() || arguments.targets.iter().any(|n| n == target.name);
    if let Some(file) = &arguments.replay {
        return replay(file, TARGETS.iter().filter(wanted));
    }
    println!("{:<16} {:>10} {:>10} {:>12} {:>10}", "target", "inputs", "inputs/s", "slowest", "memory");
    let mut failed = 0;
    for target in TARGETS.iter().filter(wanted) {
        let outcome = run::run(target, arguments.time, arguments.seed);
        println!("{outcome}");
        failed += usize::from(outcome.fault.is_some());
    }
    if failed > 0 { complain(&format!("{failed} targets failed")) } else { ExitCode::SUCCESS }
}

fn canary_is_found(seed: u64) -> bool {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let Outcome { fault, .. } = run::run(&CANARY, CANARY_TIME, seed);
    std::panic::set_hook(hook);
    fault.is_some_and(|fault| fault.what == run::What::Panic)
}

fn replay<'a>(file: &str, targets: impl Iterator<Item = &'a Target>) -> ExitCode {
    match std::fs::read(file) {
        Ok(input) => targets.for_each(|target| (target.body)(&input)),
        Err(fault) => return complain(&format!("{file}: {fault}")),
    }
    ExitCode::SUCCESS
}

fn complain(message: &str) -> ExitCode {
    println!("fuzz-smoke: {message}");
    ExitCode::FAILURE
}
