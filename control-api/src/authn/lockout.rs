//! Lock-out after wrong passwords, as a rule over counts and times. Names that nobody has are counted as well, so that a lock
//! does not tell which names exist.

use std::collections::HashMap;
use std::time::Duration;

use media::wall::Wall;

use crate::config::Config;

/// Unknown names remembered at once. 10,000 is some 1 MiB; past it the one whose lock ends first is forgotten.
const STRANGERS_MAX: usize = 10_000;

/// When an account locks, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    failures: u32,
    base: Duration,
    max: Duration,
}

impl Rule {
    /// As configured.
    pub fn new(config: &Config) -> Self {
        Self { failures: config.lockout_failures.max(1), base: config.lockout_base, max: config.lockout_max }
    }

    /// Until when the account is locked after its `failed`-th wrong password in a row at `now`; `None` while it is not.
    pub fn locked_until(&self, failed: u32, now: Wall) -> Option<Wall> {
        let beyond = failed.checked_sub(self.failures)?;
        let doubled = self.base.saturating_mul(1_u32.checked_shl(beyond).unwrap_or(u32::MAX));
        Some(now + doubled.min(self.max))
    }
}

/// What is remembered of a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// Wrong passwords in a row.
    pub count: u32,
    /// No password is looked at before then.
    pub locked_until: Option<Wall>,
    /// The last one.
    pub last: Wall,
}

/// Failures of names that nobody has.
#[derive(Debug, Default)]
pub struct Strangers {
    names: HashMap<String, Failures>,
}

impl Strangers {
    /// Until when `name` is locked, if it is.
    pub fn locked(&self, name: &str, now: Wall) -> Option<Wall> {
        self.names.get(name)?.locked_until.filter(|&until| now < until)
    }

    /// Counts one more failure of `name`.
    pub fn failed(&mut self, name: &str, now: Wall, rule: &Rule) {
        if self.names.len() >= STRANGERS_MAX && !self.names.contains_key(name) {
            self.forget_oldest();
        }
        let failures = self.names.entry(name.into()).or_default();
        failures.count = failures.count.saturating_add(1);
        failures.last = now;
        failures.locked_until = rule.locked_until(failures.count, now);
    }

    /// Drops the older half, so that a flood of new names does not pay for a search each.
    fn forget_oldest(&mut self) {
        let mut ages: Vec<Wall> = self.names.values().map(|f| f.last).collect();
        let middle = ages.len() / 2;
        let (_, &mut median, _) = ages.select_nth_unstable(middle);
        self.names.retain(|_, f| f.last > median);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Wall {
        Wall::from_micros(s * 1_000_000)
    }

    #[test]
    fn the_fifth_failure_locks_and_each_further_one_doubles_up_to_the_cap() {
        let rule = Rule::new(&Config::default());
        let minutes = |failed| rule.locked_until(failed, at(0)).map(|until| until.since(at(0)).as_secs() / 60);
        assert_eq!(
            [1, 4, 5, 6, 7, 8, 9, 1_000].map(minutes),
            [None, None, Some(10), Some(20), Some(40), Some(60), Some(60), Some(60)]
        );
    }

    #[test]
    fn a_flood_of_made_up_names_is_bounded_and_keeps_the_newest() {
        let (mut strangers, rule) = (Strangers::default(), Rule::new(&Config::default()));
        for i in 0..3 * STRANGERS_MAX {
            strangers.failed(&format!("n{i}"), at(i64::try_from(i).unwrap()), &rule);
        }
        assert!(strangers.names.len() <= STRANGERS_MAX);
        assert!(strangers.names.contains_key(&format!("n{}", 3 * STRANGERS_MAX - 1)));
    }
}
