//! The command line.

use std::time::Duration;

/// What was asked for.
pub(crate) struct Arguments {
    /// Time for each target.
    pub(crate) time: Duration,
    /// Seed of the mutations; the same one makes the same inputs.
    pub(crate) seed: u64,
    /// An input to run once, in place of mutations.
    pub(crate) replay: Option<String>,
    /// Targets; all where empty.
    pub(crate) targets: Vec<String>,
}

impl Arguments {
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Self { time: Duration::from_secs(5), seed: 1, replay: None, targets: Vec::new() };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--seconds" => arguments.time = Duration::from_secs(number(&value()?)?),
                "--seed" => arguments.seed = number(&value()?)?,
                "--replay" => arguments.replay = Some(value()?),
                flag if flag.starts_with('-') => return Err(format!("no option {flag}")),
                target => arguments.targets.push(target.to_owned()),
            }
        }
        Ok(arguments)
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text:?} is not a whole number"))
}
