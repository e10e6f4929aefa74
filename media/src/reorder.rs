//! The reorder window in front of a depacketiser: packets of one track in any order in, in order out, with the number that
//! is missing. Bounded in packets and in age. TCP needs none of the waiting but gets the same counts.

use std::collections::VecDeque;
use std::time::Duration;

/// A window's bounds.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Packets held at most while one before them is missing.
    pub packets_max: usize,
    /// Longest wait for a missing packet.
    pub age_max: Duration,
}

/// 512 packets hold a 700 kB keyframe; 100 ms is more than a switched network ever reorders by and less than an eye minds.
impl Default for Limits {
    fn default() -> Self {
        Self { packets_max: 512, age_max: Duration::from_millis(100) }
    }
}

/// A sequence number this far from the expected one is no reordering: the camera started anew (RFC 3550 appendix A.1
/// allows 3000 dropped and 100 misordered).
const DROPOUT_MAX: i32 = 3_000;
const MISORDER_MAX: i32 = -1_000;

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It will come out.
    Kept,
    /// Its place has gone by; it is dropped.
    Late,
    /// It is there already; it is dropped.
    Duplicate,
    /// Its number is far from all before, and it is the first of that kind: dropped, but a second one in sequence with it
    /// will be believed.
    Stray,
}

/// A packet in its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InOrder<T> {
    /// Its sequence number.
    pub sequence: u16,
    /// Packets missing directly before it. After a new start of the numbers at least 1: nobody knows.
    pub loss: u16,
    /// The packet.
    pub item: T,
}

/// What a window has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Given out.
    pub delivered: u64,
    /// Missing.
    pub lost: u64,
    /// Came after their turn.
    pub late: u64,
    /// Came twice.
    pub duplicate: u64,
    /// Dropped as strays.
    pub stray: u64,
    /// New starts of the sequence numbers.
    pub restarts: u64,
}

/// The window of one track.
#[derive(Debug)]
pub struct Window<T> {
    limits: Limits,
    /// Sequence number of the next packet to give out.
    next: Option<u16>,
    /// `held[i]` is packet `next + i`.
    held: VecDeque<Option<Held<T>>>,
    packets: usize,
    stray: Option<u16>,
    /// Loss that the next packet must own up to although the numbers do not show it.
    unknown_loss: bool,
    counts: Counts,
}

#[derive(Debug)]
struct Held<T> {
    item: T,
    arrived: Duration,
}

impl<T> Window<T> {
    /// An empty window. With `packets_max` of 0 nothing waits: a gap is a loss at once, as over TCP.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            next: None,
            held: VecDeque::new(),
            packets: 0,
            stray: None,
            unknown_loss: false,
            counts: Counts::default(),
        }
    }

    /// Takes a packet; `now` is on the clock's monotonic line. Pop all that is ready after each push.
    pub fn push(&mut self, sequence: u16, item: T, now: Duration) -> Pushed {
        let next = *self.next.get_or_insert(sequence);
        let ahead = i32::from(sequence.wrapping_sub(next) as i16);
        if !(MISORDER_MAX..=DROPOUT_MAX).contains(&ahead) {
            return self.stray(sequence, item, now);
        }
        self.stray = None;
        let Ok(place) = usize::try_from(ahead) else {
            self.counts.late += 1;
            return Pushed::Late;
        };
        while self.held.len() <= place {
            self.held.push_back(None);
        }
        match self.held.get_mut(place) {
            Some(slot @ None) => {
                *slot = Some(Held { item, arrived: now });
                self.packets += 1;
                Pushed::Kept
            }
            _ => {
                self.counts.duplicate += 1;
                Pushed::Duplicate
            }
        }
    }

    fn stray(&mut self, sequence: u16, item: T, now: Duration) -> Pushed {
        if self.stray.replace(sequence.wrapping_add(1)) != Some(sequence) {
            self.counts.stray += 1;
            return Pushed::Stray;
        }
        self.counts.restarts += 1;
        // What still waits belongs to numbers that will not come back.
        self.counts.lost += self.packets as u64;
        self.held.clear();
        self.packets = 0;
        self.stray = None;
        self.unknown_loss = true;
        self.next = Some(sequence);
        self.push(sequence, item, now)
    }

    /// The next packet in order, if its turn has come: nothing before it is missing, or the wait is over.
    pub fn pop(&mut self, now: Duration) -> Option<InOrder<T>> {
        if self.packets == 0 {
            return None;
        }
        let place = self.held.iter().position(Option::is_some)?;
        if place > 0 && !self.overdue(now) {
            return None;
        }
        let held = self.held.drain(..=place).next_back()??;
        self.packets -= 1;
        let missing = place as u16;
        let sequence = self.next?.wrapping_add(missing);
        self.next = Some(sequence.wrapping_add(1));
        self.counts.delivered += 1;
        self.counts.lost += u64::from(missing);
        let loss = missing.max(u16::from(std::mem::take(&mut self.unknown_loss)));
        Some(InOrder { sequence, loss, item: held.item })
    }

    fn overdue(&self, now: Duration) -> bool {
        self.packets > self.limits.packets_max || self.deadline().is_some_and(|deadline| now >= deadline)
    }

    /// When `pop` will give out a packet though one before it is missing; none while nothing waits.
    pub fn deadline(&self) -> Option<Duration> {
        let oldest = self.held.iter().flatten().map(|held| held.arrived).min()?;
        Some(oldest.saturating_add(self.limits.age_max))
    }

    /// What it has seen so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Panics where a bound does not hold.
    #[doc(hidden)]
    pub fn check_invariants(&self) {
        assert_eq!(self.packets, self.held.iter().flatten().count());
        assert!(self.held.len() <= DROPOUT_MAX as usize + 1);
        assert!(self.packets <= self.limits.packets_max + 1, "pop after each push");
    }

    /// Packets that wait.
    pub fn len(&self) -> usize {
        self.packets
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.packets == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { packets_max: 4, age_max: Duration::from_millis(100) };

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn drain(window: &mut Window<u16>, now: Duration) -> Vec<(u16, u16)> {
        std::iter::from_fn(|| window.pop(now)).map(|p| (p.item, p.loss)).collect()
    }

    #[test]
    fn order_is_restored_across_the_wrap() {
        let mut window = Window::new(LIMITS);
        for sequence in [65_534, 0, 65_535, 2, 1] {
            assert_eq!(window.push(sequence, sequence, ms(0)), Pushed::Kept);
        }
        assert_eq!(drain(&mut window, ms(0)), [(65_534, 0), (65_535, 0), (0, 0), (1, 0), (2, 0)]);
        assert_eq!(window.counts(), Counts { delivered: 5, ..Counts::default() });
    }

    #[test]
    fn a_missing_packet_is_waited_for_by_age() {
        let mut window = Window::new(LIMITS);
        window.push(10, 10, ms(0));
        window.push(13, 13, ms(5));
        assert_eq!(drain(&mut window, ms(5)), [(10, 0)]);
        assert_eq!(window.deadline(), Some(ms(105)));
        assert_eq!(drain(&mut window, ms(104)), []);
        assert_eq!(drain(&mut window, ms(105)), [(13, 2)]);
        assert_eq!(window.push(11, 11, ms(106)), Pushed::Late);
        assert_eq!(window.counts(), Counts { delivered: 2, lost: 2, late: 1, ..Counts::default() });
    }

    #[test]
    fn a_missing_packet_is_waited_for_by_packets() {
        let mut window = Window::new(LIMITS);
        window.push(1, 1, ms(0));
        assert_eq!(drain(&mut window, ms(0)), [(1, 0)]);
        for sequence in 3..=6 {
            window.push(sequence, sequence, ms(0));
            assert_eq!(drain(&mut window, ms(0)), [], "{} wait", window.len());
        }
        window.push(7, 7, ms(0));
        assert_eq!(drain(&mut window, ms(0)), [(3, 1), (4, 0), (5, 0), (6, 0), (7, 0)]);
    }

    #[test]
    fn without_waiting_a_gap_is_a_loss_at_once() {
        let mut window = Window::new(Limits { packets_max: 0, age_max: ms(100) });
        window.push(1, 1, ms(0));
        window.push(4, 4, ms(0));
        assert_eq!(drain(&mut window, ms(0)), [(1, 0), (4, 2)]);
    }

    #[test]
    fn duplicates_are_dropped() {
        let mut window = Window::new(LIMITS);
        window.push(1, 1, ms(0));
        assert_eq!(window.push(1, 9, ms(0)), Pushed::Duplicate);
        assert_eq!(drain(&mut window, ms(0)), [(1, 0)]);
        assert_eq!(window.push(1, 9, ms(0)), Pushed::Late);
        assert_eq!(window.counts().duplicate, 1);
    }

    #[test]
    fn a_camera_that_starts_anew_is_followed_and_a_stray_is_not() {
        let mut window = Window::new(LIMITS);
        window.push(1, 1, ms(0));
        assert_eq!(drain(&mut window, ms(0)), [(1, 0)]);
        assert_eq!(window.push(30_000, 30_000, ms(1)), Pushed::Stray);
        window.push(2, 2, ms(1));
        assert_eq!(drain(&mut window, ms(1)), [(2, 0)]);
        assert_eq!(window.push(40_000, 40_000, ms(2)), Pushed::Stray);
        assert_eq!(window.push(40_001, 40_001, ms(2)), Pushed::Kept);
        assert_eq!(drain(&mut window, ms(2)), [(40_001, 1)]);
        assert_eq!(window.counts().restarts, 1);
    }

    #[test]
    fn the_window_never_holds_more_than_it_may() {
        let mut window = Window::new(LIMITS);
        let mut sequence = 0u16;
        for step in 0..50_000u32 {
            sequence = sequence.wrapping_add((step % 7 * 431) as u16);
            window.push(sequence, sequence, ms(0));
            while window.pop(ms(0)).is_some() {}
            assert!(window.len() <= LIMITS.packets_max, "{} held", window.len());
            assert!(window.held.len() <= DROPOUT_MAX as usize + 1);
        }
    }
}
