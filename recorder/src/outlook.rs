//! When each volume will have no room left that the law does not want: reckoned from what lies there, day by day, what is written
//! to it, and each camera's floor. A forecast: what comes is taken to be what came. Values only.

use std::collections::BTreeMap;
use std::time::Duration;

use media::id::CameraId;
use media::wall::Wall;

use crate::rules::{Class, Keep, Rule};
use crate::segment::VolumeId;
use crate::stock::{Day, Lot};

const DAY_SECONDS: u64 = 86_400;
/// As far as it looks: more than any floor.
const DAYS_MAX: u64 = 400;

/// What is foreseen of one volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeOutlook {
    /// Its name.
    pub volume: String,
    /// Its state, in a word.
    pub state: &'static str,
    /// Bytes that recordings may take there.
    pub capacity_bytes: u64,
    /// Bytes that they do not take yet.
    pub free_bytes: u64,
    /// Bytes that may not be deleted now: below their floor, or held.
    pub protected_bytes: u64,
    /// What is written to it.
    pub bytes_per_second: u64,
    /// Until recordings above their floor are deleted for want of room.
    pub full_in: Option<Duration>,
    /// Until it can take no more without breaking a floor or a hold.
    pub floor_danger_in: Option<Duration>,
    /// The same for each class that is recorded there, of which the voluntary one gives way to the others.
    pub classes: [(Class, Option<Duration>); 3],
}

/// One camera on one volume.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    pub(crate) class: Class,
    /// Bytes by day, as they lie there.
    pub(crate) days: BTreeMap<Day, u64>,
    /// Bytes a second that are written there.
    pub(crate) rate: u64,
    pub(crate) floor: Duration,
    /// Bytes of it that are held.
    pub(crate) held: u64,
}

/// The shares of all cameras on one volume. `rates` says what each camera writes there; `keep` what is kept of it.
pub(crate) fn shares(
    lots: &[Lot],
    volume: VolumeId,
    rates: &BTreeMap<CameraId, u64>,
    keep: impl Fn(&CameraId) -> (Keep, Class),
) -> Vec<Share> {
    let mut shares: BTreeMap<&CameraId, Share> = BTreeMap::new();
    let empty = |camera: &CameraId| {
        let (keep, class) = keep(camera);
        Share { class, days: BTreeMap::new(), rate: 0, floor: keep.rule.floor, held: 0 }
    };
    for lot in lots.iter().filter(|lot| lot.volume == volume) {
        let share = shares.entry(&lot.camera).or_insert_with_key(|camera| empty(camera));
        *share.days.entry(lot.day).or_default() += lot.bytes;
        share.held += held_bytes(lot, &keep(&lot.camera).0);
    }
    for (camera, rate) in rates {
        shares.entry(camera).or_insert_with_key(|camera| empty(camera)).rate = *rate;
    }
    shares.into_values().collect()
}

/// What part of a day is held, by its hours.
fn held_bytes(lot: &Lot, keep: &Keep) -> u64 {
    let (start, end) = (lot.day.start(), lot.day.end());
    let within = |at: Wall| at.clamp(start, end);
    let micros: i64 = keep.holds.iter().map(|held| within(held.to).micros_since(within(held.from)).max(0)).sum();
    let share = (micros as f64 / end.micros_since(start) as f64).min(1.0);
    (lot.bytes as f64 * share) as u64
}

/// Bytes of a share that may not be deleted, so many seconds from now.
fn protected_after(share: &Share, now: Wall, seconds: u64) -> u64 {
    let limit = now + Duration::from_secs(seconds) - share.floor;
    let day = |(day, bytes): (&Day, &u64)| {
        let (start, end) = (day.start(), day.end());
        let young = end.micros_since(limit.clamp(start, end)) as f64 / end.micros_since(start) as f64;
        (*bytes as f64 * young) as u64
    };
    let old: u64 = share.days.iter().map(day).sum();
    let new = share.rate.saturating_mul(seconds.min(share.floor.as_secs()));
    let all = old.saturating_add(new);
    // What is held and young is counted once.
    let held_beyond = share.held.min(share.days.values().sum::<u64>().saturating_sub(old));
    all.saturating_add(held_beyond)
}

/// Bytes of all shares that may not be deleted, so many seconds from now.
pub(crate) fn protected(shares: &[Share], now: Wall, seconds: u64) -> u64 {
    shares.iter().map(|share| protected_after(share, now, seconds)).fold(0, u64::saturating_add)
}

/// When what may not be deleted will be more than there is room for.
pub(crate) fn danger(shares: &[Share], capacity: u64, now: Wall) -> Option<Duration> {
    let mut before = protected(shares, now, 0);
    if before > capacity {
        return Some(Duration::ZERO);
    }
    for day in 1..=DAYS_MAX {
        let after = protected(shares, now, day * DAY_SECONDS);
        if after > capacity {
            let part = (capacity - before) as f64 / (after - before).max(1) as f64;
            return Some(Duration::from_secs_f64(((day - 1) as f64 + part) * DAY_SECONDS as f64));
        }
        before = after;
    }
    None
}

/// When the floor of a class can no longer be kept, where it is recorded: recordings that the law does not want are stopped before one
/// that it wants is. A class without a floor is in danger of that.
pub(crate) fn danger_of(class: Class, shares: &[Share], capacity: u64, now: Wall) -> Option<Duration> {
    if !shares.iter().any(|share| share.class == class && share.rate > 0) {
        return None;
    }
    if class == Class::Voluntary {
        return danger(shares, capacity, now);
    }
    let stopped = |share: &Share| {
        let rate = if share.class == Class::Voluntary { 0 } else { share.rate };
        Share { rate, ..share.clone() }
    };
    danger(&shares.iter().map(stopped).collect::<Vec<_>>(), capacity, now)
}

/// Bytes that a camera of this rule needs in the long run.
pub(crate) fn needed(rule: &Rule, bytes_per_second: u64) -> u64 {
    bytes_per_second.saturating_mul(rule.floor.as_secs())
}

/// What each camera writes, from what the last whole day took; from what today took so far where there is none.
pub(crate) fn rates(lots: &[Lot], now: Wall, first: impl Fn(&CameraId) -> Wall) -> BTreeMap<CameraId, u64> {
    let (today, yesterday) = (Day::of(now), Day::of(now).before());
    let mut of_days: BTreeMap<CameraId, (u64, u64)> = BTreeMap::new();
    for lot in lots {
        let (this, last) = of_days.entry(lot.camera.clone()).or_default();
        if lot.day == today {
            *this += lot.bytes;
        } else if lot.day == yesterday {
            *last += lot.bytes;
        }
    }
    let rate = |(camera, (this, last)): (CameraId, (u64, u64))| {
        let began = first(&camera);
        let seconds = |from: Wall, to: Wall| (to.micros_since(from) / 1_000_000).max(1) as u64;
        let rate =
            if began <= yesterday.start() { last / DAY_SECONDS } else { (this + last) / seconds(began.min(now), now) };
        (camera, rate)
    };
    of_days.into_iter().map(rate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn days(count: u64) -> Duration {
        Duration::from_secs(count * DAY_SECONDS)
    }

    fn noon(day: i64) -> Wall {
        Wall::from_micros((day * 86_400 + 43_200) * 1_000_000)
    }

    /// A camera of 1 GiB a day that has recorded for so many whole days until day 1000.
    fn share(recorded: i64, floor: u64) -> Share {
        let days_of: BTreeMap<Day, u64> = (1000 - recorded..1000).map(|day| (Day::of(noon(day)), GIB)).collect();
        let class = Class::Ordinary;
        Share { class, days: days_of, rate: GIB / DAY_SECONDS, floor: days(floor), held: 0 }
    }

    #[test]
    fn a_volume_that_holds_the_floors_is_never_in_danger() {
        assert_eq!(danger(&[share(100, 30)], 31 * GIB, Day::of(noon(1000)).start()), None);
        let now = Day::of(noon(1000)).start();
        assert_eq!(protected(&[share(100, 30)], now, 0), 30 * GIB);
    }

    #[test]
    fn a_volume_that_is_too_small_is_in_danger_when_it_is_full_of_young_recordings() {
        let now = Day::of(noon(1000)).start();
        let soon = danger(&[share(10, 30)], 20 * GIB, now).unwrap();
        assert!((9..=11).contains(&(soon.as_secs() / DAY_SECONDS)), "{soon:?}");
        assert_eq!(danger(&[share(30, 30)], 20 * GIB, now), Some(Duration::ZERO));
    }

    #[test]
    fn what_is_held_takes_room_beyond_its_floor() {
        let now = Day::of(noon(1000)).start();
        let held = Share { held: 5 * GIB, ..share(100, 30) };
        assert_eq!(protected(std::slice::from_ref(&held), now, 0), 35 * GIB);
        assert_eq!(danger(&[held], 33 * GIB, now), Some(Duration::ZERO));
    }

    #[test]
    fn a_class_is_in_danger_where_it_is_recorded_and_the_voluntary_one_gives_way() {
        let now = Day::of(noon(1000)).start();
        let ordinary = share(30, 30);
        let key_target = Share { class: Class::KeyTarget, ..share(30, 90) };
        let danger_of = |class, shares: &[Share], days: u64| {
            super::danger_of(class, shares, days * GIB, now).map(|at| (at.as_secs() + 3_600) / DAY_SECONDS)
        };
        let both = [ordinary.clone(), key_target];
        // The ordinary one has all that it will ever need; the other grows for sixty days more.
        assert_eq!(Class::ALL.map(|class| danger_of(class, &both, 80)), [Some(20), Some(20), None]);
        assert_eq!(Class::ALL.map(|class| danger_of(class, &both, 121)), [None; 3]);
        assert_eq!(danger_of(Class::Ordinary, std::slice::from_ref(&ordinary), 31), None);
        // What the law does not want, and was promised for as long all the same.
        let voluntary = Share { class: Class::Voluntary, ..share(10, 30) };
        let mixed = [ordinary, voluntary];
        assert_eq!(Class::ALL.map(|class| danger_of(class, &mixed, 50)), [None, None, Some(10)]);
        // It is stopped already, and what is there fills the room.
        assert_eq!(Class::ALL.map(|class| danger_of(class, &mixed, 35)), [Some(0), None, Some(0)]);
    }

    #[test]
    fn a_rate_is_the_last_whole_day_s_or_what_came_so_far() {
        let camera: CameraId = "cam-1".parse().unwrap();
        let lot = |day: i64, bytes| Lot { camera: camera.clone(), volume: VolumeId(1), day: Day::of(noon(day)), bytes };
        let lots = [lot(998, 7), lot(999, 86_400 * 50), lot(1000, 1)];
        assert_eq!(rates(&lots, noon(1000), |_| noon(900))[&camera], 50);
        let today = [lot(1000, 3_600 * 70)];
        let hour_ago = noon(1000) - Duration::from_secs(3_600);
        assert_eq!(rates(&today, noon(1000), |_| hour_ago)[&camera], 70);
    }
}
