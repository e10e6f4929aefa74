//! A bucket of attempts for each address: what keeps one machine from filling the ledger with refusals or guessing many names.
//! Bounded: an address that was never slowed down is forgotten.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

/// Addresses remembered at once; some 100 bytes each. Past it the full buckets are dropped, then all.
const ADDRESSES_MAX: usize = 50_000;

/// Attempts of each address, on the clock's monotonic line.
#[derive(Debug)]
pub struct Throttle {
    burst: u32,
    earns_every: Duration,
    /// Address, and when its bucket will be full again.
    full_at: HashMap<IpAddr, Duration>,
}

impl Throttle {
    /// `burst` attempts at once, and one more in each `earns_every`.
    pub fn new(burst: u32, earns_every: Duration) -> Self {
        Self { burst: burst.max(1), earns_every: earns_every.max(Duration::from_millis(1)), full_at: HashMap::new() }
    }

    /// Takes one attempt, or says how long to wait for the next.
    pub fn take(&mut self, address: IpAddr, now: Duration) -> Result<(), Duration> {
        if self.full_at.len() >= ADDRESSES_MAX && !self.full_at.contains_key(&address) {
            self.full_at.retain(|_, full_at| *full_at > now);
            if self.full_at.len() >= ADDRESSES_MAX {
                self.full_at.clear();
            }
        }
        let full_at = self.full_at.entry(address).or_insert(now);
        let next = (*full_at).max(now) + self.earns_every;
        let debt_max = self.earns_every.saturating_mul(self.burst);
        let debt = next.saturating_sub(now);
        if debt > debt_max {
            return Err(debt.saturating_sub(debt_max));
        }
        *full_at = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn a_burst_passes_then_one_in_each_interval() {
        let mut throttle = Throttle::new(3, Duration::from_secs(2));
        let address = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
        let s = Duration::from_secs;
        for _ in 0..3 {
            assert_eq!(throttle.take(address, s(10)), Ok(()));
        }
        assert_eq!(throttle.take(address, s(10)), Err(s(2)));
        assert_eq!(throttle.take(IpAddr::V4(Ipv4Addr::LOCALHOST), s(10)), Ok(()), "others are not slowed");
        assert_eq!(throttle.take(address, s(12)), Ok(()));
        assert_eq!(throttle.take(address, s(12)), Err(s(2)));
    }
}
