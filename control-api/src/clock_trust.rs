//! Whether the clock can be trusted with times that go on record (J-24(3)): the system says it is synchronised, and it has not
//! stepped back. A step back is trusted again once the clock has caught up with the latest time it has shown, or an administrator
//! says that it is right now.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use media::wall::{Clock, Wall};
use parking_lot::Mutex;
use prometheus::{Gauge, IntGauge, Registry};
use serde::Serialize;

/// How long an answer of the system's is good for: it changes within seconds at the soonest.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// What the system says of its clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Synchronisation {
    /// Something keeps it synchronised.
    pub synchronised: bool,
    /// How far it may be from the true time.
    pub error_max: Duration,
}

/// Asks the system; none where it does not say.
pub type Ask = Arc<dyn Fn() -> Option<Synchronisation> + Send + Sync>;

/// What is asked of the clock.
#[derive(Clone)]
pub struct Settings {
    /// How to ask the system; none where it is not asked for, as in tests and in the demo.
    pub ask: Option<Ask>,
    /// A clock that may be further off is not trusted. 1 second: records are told apart by the second.
    pub error_max: Duration,
    /// A step back by more is one; less is how clocks are kept right. 2 seconds.
    pub step_back_max: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { ask: None, error_max: Duration::from_secs(1), step_back_max: Duration::from_secs(2) }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ask, error_max, step_back_max } = self;
        let asked = ask.is_some();
        f.debug_struct("Settings")
            .field("asked", &asked)
            .field("error_max", error_max)
            .field("step_back_max", step_back_max)
            .finish()
    }
}

/// Why a clock is not trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Distrust {
    /// Nothing keeps it synchronised.
    Unsynchronised,
    /// It may be further off than allowed.
    ErrorTooLarge,
    /// The system does not say how it stands.
    Unknown,
    /// It stepped back and has not caught up.
    SteppedBack,
}

/// Follows the clock.
pub struct ClockTrust {
    clock: Arc<dyn Clock>,
    settings: Settings,
    seen: Mutex<Seen>,
    trusted: IntGauge,
    error: Gauge,
}

struct Seen {
    /// The latest time the clock has shown while it was trusted.
    latest: Wall,
    /// Wall time less monotonic time, in microseconds, at the last look.
    offset: i64,
    stepped_back: bool,
    asked_at: Option<Duration>,
    answer: Option<Synchronisation>,
}

impl ClockTrust {
    /// From now on. `recorded` is the latest time that is on record: a clock that is behind it has stepped back while nobody looked.
    pub fn new(
        clock: Arc<dyn Clock>,
        settings: Settings,
        recorded: Option<Wall>,
        registry: &Registry,
    ) -> Result<Arc<Self>, prometheus::Error> {
        let trusted = IntGauge::new("sluice_clock_trusted", "1 while the clock can be trusted with times on record.")?;
        let error = Gauge::new("sluice_clock_error_seconds", "How far the clock may be off, as the system says.")?;
        registry.register(Box::new(trusted.clone()))?;
        registry.register(Box::new(error.clone()))?;
        let (wall, offset) = (clock.wall(), offset(&*clock));
        let stepped_back = recorded.is_some_and(|recorded| recorded.since(wall) > settings.step_back_max);
        let latest = recorded.unwrap_or(wall).max(wall);
        let seen = Mutex::new(Seen { latest, offset, stepped_back, asked_at: None, answer: None });
        let trust = Arc::new(Self { clock, settings, seen, trusted, error });
        trust.is_trusted();
        Ok(trust)
    }

    /// Looks, and tells whether it can be trusted.
    pub fn is_trusted(&self) -> bool {
        self.distrust().is_none()
    }

    /// Looks, and tells why it cannot be trusted; none where it can.
    pub fn distrust(&self) -> Option<Distrust> {
        let mut seen = self.seen.lock();
        self.look_back(&mut seen);
        let why = if seen.stepped_back { Some(Distrust::SteppedBack) } else { self.unsynchronised(&mut seen) };
        drop(seen);
        self.trusted.set(i64::from(why.is_none()));
        why
    }

    /// An administrator says that the clock is right as it is now.
    pub fn confirm(&self) {
        let mut seen = self.seen.lock();
        (seen.latest, seen.offset, seen.stepped_back) = (self.clock.wall(), offset(&*self.clock), false);
    }

    fn look_back(&self, seen: &mut Seen) {
        let (wall, offset) = (self.clock.wall(), offset(&*self.clock));
        let back = u64::try_from(seen.offset.saturating_sub(offset)).map_or(Duration::ZERO, Duration::from_micros);
        if back > self.settings.step_back_max && !seen.stepped_back {
            tracing::error!(?back, "the clock stepped back; nothing is granted until it has caught up or is confirmed");
            seen.stepped_back = true;
        }
        seen.offset = offset;
        if seen.stepped_back && wall >= seen.latest {
            tracing::warn!("the clock has caught up with the time it had shown before it stepped back");
            seen.stepped_back = false;
        }
        if !seen.stepped_back {
            seen.latest = seen.latest.max(wall);
        }
    }

    fn unsynchronised(&self, seen: &mut Seen) -> Option<Distrust> {
        let ask = self.settings.ask.as_ref()?;
        let now = self.clock.monotonic();
        if seen.asked_at.is_none_or(|asked_at| now.saturating_sub(asked_at) >= ASK_EVERY) {
            (seen.asked_at, seen.answer) = (Some(now), ask());
        }
        let Some(answer) = seen.answer else { return Some(Distrust::Unknown) };
        self.error.set(answer.error_max.as_secs_f64());
        if !answer.synchronised {
            return Some(Distrust::Unsynchronised);
        }
        (answer.error_max > self.settings.error_max).then_some(Distrust::ErrorTooLarge)
    }
}

fn offset(clock: &dyn Clock) -> i64 {
    clock.wall().micros().saturating_sub(i64::try_from(clock.monotonic().as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wall and monotonic time, set by hand.
    #[derive(Default)]
    struct Hands(Mutex<(i64, u64)>);

    impl Hands {
        fn turn(&self, wall_s: f64, passed_s: f64) {
            let mut hands = self.0.lock();
            hands.0 += (wall_s * 1e6) as i64;
            hands.1 += (passed_s * 1e6) as u64;
        }
    }

    impl Clock for Hands {
        fn wall(&self) -> Wall {
            Wall::from_micros(self.0.lock().0)
        }
        fn monotonic(&self) -> Duration {
            Duration::from_micros(self.0.lock().1)
        }
    }

    fn follow(settings: Settings, recorded: Option<i64>) -> (Arc<Hands>, Arc<ClockTrust>) {
        let hands = Arc::new(Hands(Mutex::new((1_000_000_000, 0))));
        let recorded = recorded.map(|s| Wall::from_micros(s * 1_000_000));
        (hands.clone(), ClockTrust::new(hands, settings, recorded, &Registry::new()).unwrap())
    }

    #[test]
    fn a_step_back_is_trusted_again_once_it_has_caught_up_or_is_confirmed() {
        let (hands, trust) = follow(Settings::default(), None);
        hands.turn(100.0, 100.0);
        assert!(trust.is_trusted());
        hands.turn(-60.0, 1.0);
        assert_eq!(trust.distrust(), Some(Distrust::SteppedBack));
        hands.turn(59.0, 59.0);
        assert_eq!(trust.distrust(), Some(Distrust::SteppedBack), "not caught up yet");
        hands.turn(2.0, 2.0);
        assert!(trust.is_trusted());
        hands.turn(-3_600.0, 1.0);
        assert!(!trust.is_trusted());
        trust.confirm();
        assert!(trust.is_trusted());
    }

    #[test]
    fn slewing_and_steps_forward_are_how_clocks_are_kept_right() {
        let (hands, trust) = follow(Settings::default(), None);
        for _ in 0..100 {
            hands.turn(9.5, 10.0);
            assert!(trust.is_trusted(), "50 ms a second, 50 s in all");
        }
        hands.turn(3_600.0, 1.0);
        assert!(trust.is_trusted());
    }

    #[test]
    fn a_start_behind_what_is_on_record_is_a_step_back() {
        let (hands, trust) = follow(Settings::default(), Some(1_500));
        assert_eq!(trust.distrust(), Some(Distrust::SteppedBack));
        hands.turn(501.0, 501.0);
        assert!(trust.is_trusted());
        assert!(follow(Settings::default(), Some(1_001)).1.is_trusted(), "within the bound");
    }

    #[test]
    fn what_the_system_says_counts_where_it_is_asked() {
        let answer = Arc::new(Mutex::new(None));
        let asked = Arc::clone(&answer);
        let settings = Settings { ask: Some(Arc::new(move || *asked.lock())), ..Settings::default() };
        let (hands, trust) = follow(settings, None);
        let says = |synchronised, millis| {
            *answer.lock() = Some(Synchronisation { synchronised, error_max: Duration::from_millis(millis) });
            hands.turn(2.0, 2.0);
            trust.distrust()
        };
        assert_eq!(says(false, 10), Some(Distrust::Unsynchronised));
        assert_eq!(says(true, 1_001), Some(Distrust::ErrorTooLarge));
        assert_eq!(says(true, 1_000), None);
        *answer.lock() = None;
        hands.turn(2.0, 2.0);
        assert_eq!(trust.distrust(), Some(Distrust::Unknown));
    }
}
