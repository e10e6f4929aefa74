//! What a check will cost, in words before it begins, and how far it is, as a bar on a terminal.

use std::io::IsTerminal;
use std::time::Duration;

use media::wall::Clock;
use recorder::check::{Depth, Progress};

use crate::clock::SystemClock;

/// What a hard disk reads one after the other in a second.
const STREAMED_BYTES: u64 = 100 << 20;
/// What it reads in a second where it looks for each piece anew: a hundred pieces of some KiB.
const SCATTERED_BYTES: u64 = 100 * 12_288;

/// The bar.
pub(super) struct Bar {
    depth: Depth,
    /// A terminal is there to draw on.
    drawn: bool,
    /// The price is to be told.
    priced: bool,
    clock: SystemClock,
    /// In thousandths; nothing is written again that did not change.
    last: u64,
}

impl Bar {
    /// Cells of the bar.
    const CELLS: u64 = 30;

    /// Silent where what is found is told to a program.
    pub(super) fn new(depth: Depth, silent: bool) -> Self {
        let drawn = std::io::stderr().is_terminal() && !silent;
        Self { depth, drawn, priced: !silent, clock: SystemClock::start(), last: u64::MAX }
    }

    /// It is so far. The first time nothing is done yet.
    pub(super) fn show(&mut self, at: Progress) {
        if std::mem::take(&mut self.priced) {
            eprintln!("{}", price(self.depth, &at));
        }
        let (done, all) = if at.bytes_all > 0 { (at.bytes, at.bytes_all) } else { (at.files, at.files_all) };
        let part = done.saturating_mul(1000) / all.max(1);
        if !self.drawn || std::mem::replace(&mut self.last, part) == part {
            return;
        }
        let full = (part * Self::CELLS / 1000).min(Self::CELLS) as usize;
        let (full, rest) = ("#".repeat(full), "-".repeat(Self::CELLS as usize - full));
        let left = match part {
            0 => String::new(),
            _ => format!(
                ", {} left",
                rough(self.clock.monotonic().mul_f64((1000 - part.min(1000)) as f64 / part as f64))
            ),
        };
        let read =
            if at.bytes_all > 0 { format!(", {} of {}", size(at.bytes), size(at.bytes_all)) } else { String::new() };
        eprint!("\r[{full}{rest}] {} of {} recordings{read}{left}   ", at.files, at.files_all);
    }

    pub(super) fn end(&self) {
        if self.drawn {
            eprintln!();
        }
    }
}

/// What is looked at and read, and how long a hard disk takes for it.
fn price(depth: Depth, at: &Progress) -> String {
    let files = at.files_all;
    let seconds = |bytes_per_second: u64| rough(Duration::from_secs(at.bytes_all / bytes_per_second));
    let bytes = size(at.bytes_all);
    match depth {
        Depth::Presence => format!("looks for {files} recordings in their folders; opens none"),
        Depth::Size => format!("looks at the length of {files} recordings; reads none"),
        Depth::Structure => {
            format!("reads about {bytes} of {files} recordings: some {} on one hard disk", seconds(SCATTERED_BYTES))
        }
        Depth::Hash => {
            format!("reads all {files} recordings, {bytes}: some {} on one hard disk", seconds(STREAMED_BYTES))
        }
    }
}

fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB")];
    let unit = UNITS.into_iter().find(|(unit, _)| bytes >= 10 * unit);
    let (unit, name) = unit.unwrap_or((1 << 10, "KiB"));
    format!("{} {name}", bytes.div_ceil(unit))
}

/// To a digit or two: it is an estimate.
fn rough(time: Duration) -> String {
    match time.as_secs().max(1) {
        seconds @ ..100 => format!("{seconds} s"),
        seconds @ ..6_000 => format!("{} min", seconds.div_ceil(60)),
        seconds => format!("{} h", seconds.div_ceil(3_600)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_says_what_is_read_and_how_long_it_takes() {
        let at = |files_all, bytes_all| Progress { files: 0, files_all, bytes: 0, bytes_all };
        assert_eq!(price(Depth::Presence, &at(7, 0)), "looks for 7 recordings in their folders; opens none");
        assert_eq!(
            price(Depth::Structure, &at(1_000, 1_200_000_000)),
            "reads about 1145 MiB of 1000 recordings: some 17 min on one hard disk"
        );
        assert_eq!(
            price(Depth::Hash, &at(8_640_000, 300 << 40)),
            "reads all 8640000 recordings, 300 TiB: some 874 h on one hard disk"
        );
        assert_eq!(price(Depth::Hash, &at(1, 5_000)), "reads all 1 recordings, 5 KiB: some 1 s on one hard disk");
    }
}
