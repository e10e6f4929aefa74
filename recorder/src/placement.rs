//! Which volume a camera's next segment goes to: the one that lasts longest with what is written to it, the camera's included. A
//! camera stays where it is unless another is much better, so that its time is not scattered. Values only.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::lane::Lane;
use crate::volumes::{Slot, Volumes};

/// How much better another volume must be before a camera moves there.
const WORTH_MOVING: f64 = 1.5;
/// What a camera is taken to need before anything of it was written: 4 Mbit/s.
pub(crate) const RATE_BEFORE: usize = 500_000;
/// In a volume that is full, as all are in the long run, room is what is deleted: the same for each byte of it.
const TURNOVER: u64 = 100;

/// How a volume looks to a camera that is to be placed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Offer {
    /// Its place in the list.
    pub(crate) number: usize,
    /// Recordings can be written to it, and no write stands still.
    pub(crate) ready: bool,
    /// It had no room when it was last written to.
    pub(crate) full: bool,
    /// Bytes that it takes, and has in all.
    pub(crate) free: u64,
    pub(crate) total: u64,
    /// Bytes a second that other cameras write to it.
    pub(crate) load: usize,
}

/// How long a write may take before its volume is not waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) now: Duration,
    pub(crate) stall_max: Duration,
}

impl Patience {
    pub(crate) fn is_over(self, slot: &Slot) -> bool {
        slot.busy_for(self.now) > self.stall_max
    }
}

impl Offer {
    fn of(slot: &Slot, load: usize, patience: Patience) -> Self {
        let (space, full) = (slot.space(), slot.full.load(Ordering::Relaxed));
        let ready = slot.is_ready() && !patience.is_over(slot);
        Self { number: slot.number, ready, full, free: space.free, total: space.total, load }
    }

    /// Seconds until it is full, roughly.
    fn lasts(&self, rate: usize) -> f64 {
        self.free.max(self.total / TURNOVER) as f64 / (self.load + rate).max(1) as f64
    }
}

/// Where a camera of this rate goes that is at `home` now. None where no volume takes anything.
pub(crate) fn choose(offers: &[Offer], home: Option<usize>, rate: usize) -> Option<usize> {
    let rate = if rate == 0 { RATE_BEFORE } else { rate };
    let taking = |full: bool| offers.iter().filter(move |offer| offer.ready && offer.full <= full);
    // One that is full is better than none: room may come any moment.
    let full = taking(false).next().is_none();
    let best = taking(full).max_by(|a, b| a.lasts(rate).total_cmp(&b.lasts(rate)).then(b.number.cmp(&a.number)))?;
    let here = taking(full).find(|offer| Some(offer.number) == home);
    let stays = here.filter(|here| best.lasts(rate) <= here.lasts(rate) * WORTH_MOVING);
    Some(stays.unwrap_or(best).number)
}

/// The volumes as they are offered to one camera.
pub(crate) fn offers<'a>(
    volumes: &Volumes,
    lane: &Lane,
    lanes: impl Iterator<Item = &'a Lane>,
    patience: Patience,
) -> Vec<Offer> {
    let mut loads = vec![0; volumes.slots.len()];
    for other in lanes.filter(|other| other.camera != lane.camera) {
        if let Some(load) = other.home().and_then(|home| loads.get_mut(home)) {
            *load += if other.rate() == 0 { RATE_BEFORE } else { other.rate() };
        }
    }
    volumes.slots.iter().zip(loads).map(|(slot, load)| Offer::of(slot, load, patience)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(number: usize, free: u64, load: usize) -> Offer {
        Offer { number, ready: true, full: false, free: free << 30, total: 1 << 40, load }
    }

    #[test]
    fn the_volume_that_lasts_longest_is_taken_and_a_camera_stays_where_it_can() {
        let two = [offer(0, 100, 1_000_000), offer(1, 100, 500_000)];
        assert_eq!(choose(&two, None, 500_000), Some(1));
        assert_eq!(choose(&two, Some(0), 500_000), Some(0), "a third better is not worth it");
        assert_eq!(choose(&[offer(0, 100, 4_000_000), offer(1, 100, 0)], Some(0), 500_000), Some(1));
    }

    #[test]
    fn what_failed_or_is_full_is_left_and_a_full_one_is_better_than_none() {
        let failed = Offer { ready: false, ..offer(0, 900, 0) };
        let full = Offer { full: true, ..offer(1, 900, 0) };
        let poor = offer(2, 1, 9_000_000);
        assert_eq!(choose(&[failed, full, poor], Some(0), 1), Some(2));
        assert_eq!(choose(&[failed, full], Some(0), 1), Some(1));
        assert_eq!(choose(&[failed], Some(0), 1), None);
    }

    #[test]
    fn full_volumes_share_by_their_size() {
        let size = |number, total: u64, load| Offer { total: total << 30, ..offer(number, 0, load) };
        let mut loads = [0, 0];
        for _ in 0..90 {
            let place = choose(&[size(0, 1_000, loads[0]), size(1, 2_000, loads[1])], None, 500_000).unwrap();
            loads[place] += 500_000;
        }
        assert_eq!(loads, [30 * 500_000, 60 * 500_000]);
    }
}
