//! Unusual use (J-26): what one account has viewed lately, counted against bounds that the site sets. Past one of them its viewing is
//! suspended until it has been reviewed; the record says what was counted. Pure: time and uses are arguments. Deliberately absent:
//! the suspension itself (`books::suspension`).

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use media::id::CameraId;
use media::wall::Wall;

use crate::registers::UserId;

/// Cameras are counted over this time.
const MINUTE: Duration = Duration::from_secs(60);
/// Hours and exports are counted over this time.
const DAY: Duration = Duration::from_secs(86_400);
/// Nights are counted over this time; what is older is forgotten.
const WEEK: Duration = Duration::from_secs(7 * 86_400);
/// Most uses kept of one account: a camera a minute for a week. The oldest go first, so that a count is never too high.
const USES_MAX: usize = 10_080;

/// The bounds; 0 means that there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Different cameras within a minute. 60: faster than anyone can look.
    pub cameras_per_minute: u32,
    /// Hours within a day in which anything was watched. 16: two shifts.
    pub hours_per_day: u32,
    /// Nights within a week in which anything was opened. 6: one night off.
    pub nights_per_week: u32,
    /// Exports within a day. 20.
    pub exports_per_day: u32,
    /// Begin of the night.
    pub night_from: Time,
    /// Its end.
    pub night_to: Time,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            cameras_per_minute: 60,
            hours_per_day: 16,
            nights_per_week: 6,
            exports_per_day: 20,
            night_from: Time::constant(23, 0, 0, 0),
            night_to: Time::constant(5, 0, 0, 0),
        }
    }
}

/// What was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Use {
    /// A camera was watched, live or recorded.
    View(CameraId),
    /// An export was asked for.
    Export,
}

/// A bound that was passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Which.
    pub rule: &'static str,
    /// What was counted.
    pub counted: u32,
    /// The bound.
    pub bound: u32,
}

impl Breach {
    /// The breach in words, for the record.
    pub fn evidence(&self) -> String {
        format!("{}: {} > {}", self.rule, self.counted, self.bound)
    }
}

/// The uses of all accounts.
pub struct Uses {
    bounds: Bounds,
    zone: TimeZone,
    by_user: HashMap<UserId, VecDeque<Entry>>,
}

struct Entry {
    at: Wall,
    what: Use,
    /// The night that it began in; none by day.
    night: Option<Date>,
    /// When it ended; none while it goes on, and for what has no length.
    ended: Option<Wall>,
    session: String,
}

impl Uses {
    /// None yet.
    pub fn new(bounds: Bounds, zone: TimeZone) -> Self {
        Self { bounds, zone, by_user: HashMap::new() }
    }

    /// Counts a use that begins, and gives the first bound that it passes.
    pub fn begun(&mut self, user: &UserId, what: Use, session: &str, now: Wall) -> Option<Breach> {
        let night = self.night_of(now);
        let uses = self.by_user.entry(user.clone()).or_default();
        while uses.front().is_some_and(|first| now.since(first.at) > WEEK) || uses.len() >= USES_MAX {
            uses.pop_front();
        }
        uses.push_back(Entry { at: now, what, night, ended: None, session: session.into() });
        self.breach(user, now)
    }

    /// Counts the account's uses anew: what it was suspended for goes to review, and is not held against it once more after that.
    pub fn forget(&mut self, user: &UserId) {
        self.by_user.remove(user);
    }

    /// Notes the end of a session.
    pub fn ended(&mut self, user: &UserId, session: &str, at: Wall) {
        let uses = self.by_user.get_mut(user).into_iter().flatten();
        if let Some(entry) = uses.rev().find(|entry| entry.session == session) {
            entry.ended = Some(at);
        }
    }

    fn breach(&self, user: &UserId, now: Wall) -> Option<Breach> {
        let uses = self.by_user.get(user)?;
        let bounds = &self.bounds;
        let checks: [(&'static str, u32, Count); 4] = [
            ("cameras_per_minute", bounds.cameras_per_minute, cameras),
            ("hours_per_day", bounds.hours_per_day, hours),
            ("nights_per_week", bounds.nights_per_week, nights),
            ("exports_per_day", bounds.exports_per_day, exports),
        ];
        let in_force = checks.into_iter().filter(|(_, bound, _)| *bound > 0);
        let mut counted = in_force.map(|(rule, bound, count)| Breach { rule, counted: count(uses, now), bound });
        counted.find(|breach| breach.counted > breach.bound)
    }

    /// The night that this instant lies in. The hours after midnight belong to that of the day before.
    fn night_of(&self, at: Wall) -> Option<Date> {
        let local = jiff::Timestamp::from_microsecond(at.micros()).ok()?.to_zoned_datetime(self.zone.clone());
        let (date, time) = (local.date(), local.time());
        let (from, to) = (self.bounds.night_from, self.bounds.night_to);
        match from <= to {
            true => (from <= time && time < to).then_some(date),
            false if time >= from => Some(date),
            false => (time < to).then(|| date.yesterday().unwrap_or(date)),
        }
    }
}

/// Counts what one bound is about.
type Count = fn(&VecDeque<Entry>, Wall) -> u32;

/// Nights of the last week in which something was begun.
fn nights(uses: &VecDeque<Entry>, now: Wall) -> u32 {
    count(within(uses, now, WEEK).filter_map(|entry| entry.night).collect::<BTreeSet<Date>>().len())
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn within(uses: &VecDeque<Entry>, now: Wall, time: Duration) -> impl Iterator<Item = &Entry> {
    uses.iter().filter(move |entry| now.since(entry.at) < time)
}

fn cameras(uses: &VecDeque<Entry>, now: Wall) -> u32 {
    let seen: BTreeSet<&CameraId> = within(uses, now, MINUTE)
        .filter_map(|entry| match &entry.what {
            Use::View(camera) => Some(camera),
            Use::Export => None,
        })
        .collect();
    count(seen.len())
}

fn exports(uses: &VecDeque<Entry>, now: Wall) -> u32 {
    count(within(uses, now, DAY).filter(|entry| entry.what == Use::Export).count())
}

/// Whole hours of the last day in which at least one session ran.
fn hours(uses: &VecDeque<Entry>, now: Wall) -> u32 {
    let since = now - DAY;
    let views = uses.iter().filter(|entry| matches!(entry.what, Use::View(_)));
    let mut stretches: Vec<(Wall, Wall)> = views
        .map(|entry| (entry.at.max(since), entry.ended.unwrap_or(now).min(now)))
        .filter(|(from, to)| from < to)
        .collect();
    stretches.sort_unstable();
    let (mut total, mut reached) = (Duration::ZERO, since);
    for (from, to) in stretches {
        if to > reached {
            total += to.since(from.max(reached));
            reached = to;
        }
    }
    u32::try_from(total.as_secs() / 3_600).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Wall {
        text.parse::<crate::stamp::Stamp>().unwrap().0
    }

    fn uses(change: impl FnOnce(&mut Bounds)) -> (Uses, UserId) {
        let mut bounds = Bounds {
            cameras_per_minute: 0,
            hours_per_day: 0,
            nights_per_week: 0,
            exports_per_day: 0,
            ..Bounds::default()
        };
        change(&mut bounds);
        (Uses::new(bounds, TimeZone::fixed(jiff::tz::offset(8))), "li".parse().unwrap())
    }

    fn view(number: u32) -> Use {
        Use::View(format!("cam-{number}").parse().unwrap())
    }

    const NOON: &str = "2026-06-01T12:00:00+08:00";

    #[test]
    fn the_camera_too_many_within_a_minute_is_a_breach_and_the_same_one_again_is_not() {
        let (mut uses, li) = uses(|bounds| bounds.cameras_per_minute = 3);
        let noon = at(NOON);
        for number in 0..3 {
            assert_eq!(uses.begun(&li, view(number), "s", noon), None);
        }
        assert_eq!(uses.begun(&li, view(0), "s", noon), None);
        let breach = Breach { rule: "cameras_per_minute", counted: 4, bound: 3 };
        assert_eq!(uses.begun(&li, view(9), "s", noon + Duration::from_secs(59)), Some(breach));
        assert_eq!(uses.begun(&li, view(8), "s", noon + Duration::from_secs(61)), None, "the first three are past");
        assert_eq!(uses.begun(&"wang".parse().unwrap(), view(7), "s", noon), None, "another account");
    }

    #[test]
    fn what_was_forgotten_does_not_count() {
        let (mut uses, li) = uses(|bounds| bounds.cameras_per_minute = 1);
        assert_eq!(uses.begun(&li, view(1), "s", at(NOON)), None);
        assert!(uses.begun(&li, view(2), "s", at(NOON)).is_some());
        uses.forget(&li);
        assert_eq!(uses.begun(&li, view(1), "s", at(NOON)), None);
        assert!(uses.begun(&li, view(2), "s", at(NOON)).is_some());
    }

    #[test]
    fn hours_are_those_in_which_anything_ran_however_many_at_once() {
        let (mut uses, li) = uses(|bounds| bounds.hours_per_day = 4);
        let noon = at(NOON);
        let hour = Duration::from_secs(3_600);
        assert_eq!(uses.begun(&li, view(1), "a", noon), None);
        assert_eq!(uses.begun(&li, view(2), "b", noon), None);
        uses.ended(&li, "a", noon + 3 * hour);
        uses.ended(&li, "b", noon + 2 * hour);
        assert_eq!(uses.begun(&li, view(3), "c", noon + 6 * hour), None, "three hours of six");
        let breach = Breach { rule: "hours_per_day", counted: 5, bound: 4 };
        assert_eq!(uses.begun(&li, view(4), "d", noon + 8 * hour), Some(breach), "and two more");
    }

    #[test]
    fn hours_after_midnight_belong_to_the_night_before() {
        let (mut uses, li) = uses(|bounds| bounds.nights_per_week = 1);
        assert_eq!(uses.begun(&li, view(1), "a", at("2026-06-01T23:30:00+08:00")), None);
        assert_eq!(uses.begun(&li, view(1), "b", at("2026-06-02T04:59:00+08:00")), None, "the same night");
        assert_eq!(uses.begun(&li, view(1), "c", at("2026-06-02T05:00:00+08:00")), None, "it is over");
        let breach = uses.begun(&li, view(1), "d", at("2026-06-02T23:00:00+08:00"));
        assert_eq!(breach.unwrap().evidence(), "nights_per_week: 2 > 1");
    }

    #[test]
    fn exports_are_counted_by_the_day() {
        let (mut uses, li) = uses(|bounds| bounds.exports_per_day = 1);
        assert_eq!(uses.begun(&li, Use::Export, "e1", at(NOON)), None);
        assert!(uses.begun(&li, Use::Export, "e2", at(NOON)).is_some());
        assert_eq!(uses.begun(&li, Use::Export, "e3", at(NOON) + DAY), None);
    }
}
