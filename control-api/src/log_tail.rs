//! The newest lines of the log, for whoever operates the appliance from the console. The binary writes them as it writes them elsewhere;
//! nothing is in them that is not in the log.

use std::collections::VecDeque;

use parking_lot::Mutex;

/// Lines kept.
const LINES_MAX: usize = 1_000;
/// A longer line is cut: a fault must not fill the memory.
const LINE_BYTES_MAX: usize = 2_000;

/// The newest lines, each with its number since the start.
#[derive(Default)]
pub struct LogTail(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    lines: VecDeque<String>,
    /// Number of the line behind the newest one.
    end: u64,
}

impl LogTail {
    /// Adds a line.
    pub fn push(&self, line: &str) {
        let cut = (0..=LINE_BYTES_MAX.min(line.len())).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
        let line = line.get(..cut).unwrap_or_default().trim_end().to_owned();
        let mut kept = self.0.lock();
        if kept.lines.len() >= LINES_MAX {
            kept.lines.pop_front();
        }
        kept.lines.push_back(line);
        kept.end += 1;
    }

    /// Lines from this number on that are still kept, and the number to go on from.
    pub fn after(&self, number: u64) -> (Vec<String>, u64) {
        let kept = self.0.lock();
        let begin = kept.end - kept.lines.len() as u64;
        let skip = usize::try_from(number.saturating_sub(begin)).unwrap_or(usize::MAX);
        (kept.lines.iter().skip(skip).cloned().collect(), kept.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lines_are_kept_and_numbered() {
        let tail = LogTail::default();
        (0..LINES_MAX + 5).for_each(|n| tail.push(&format!("line {n}\n")));
        let (lines, end) = tail.after(0);
        assert_eq!((lines.len(), lines[0].as_str(), end), (LINES_MAX, "line 5", LINES_MAX as u64 + 5));
        tail.push(&"长".repeat(LINE_BYTES_MAX));
        let (lines, _) = tail.after(end);
        assert!(lines.len() == 1 && lines[0].len() <= LINE_BYTES_MAX && lines[0].starts_with('长'));
        assert!(tail.after(u64::MAX).0.is_empty());
    }
}
