//! What the kernel says of the system clock: whether anything keeps it synchronised, and how far it may be off. Reads only.

use std::io;
use std::time::Duration;

/// How the clock stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockState {
    /// A time daemon keeps it synchronised.
    pub synchronised: bool,
    /// The largest error that the daemon admits; it grows by itself while nobody corrects the clock.
    pub error_max: Duration,
}

/// Asks the kernel (adjtimex(2)). An error where it does not answer, as behind some sandboxes.
pub fn clock_state() -> io::Result<ClockState> {
    // SAFETY: `timex` is a plain C struct of integers, for which all zeros are a value; `modes` 0 asks and sets nothing.
    let mut answer: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a `timex` that lives and is exclusively ours for the length of the call.
    let state = unsafe { libc::adjtimex(&raw mut answer) };
    if state < 0 {
        return Err(io::Error::last_os_error());
    }
    let unsynchronised = state == libc::TIME_ERROR || answer.status & libc::STA_UNSYNC != 0;
    let micros = u64::try_from(answer.maxerror).unwrap_or(u64::MAX);
    Ok(ClockState { synchronised: !unsynchronised, error_max: Duration::from_micros(micros) })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_kernel_answers_and_says_the_same_again() {
        let Ok(first) = super::clock_state() else { return };
        let second = super::clock_state().unwrap();
        assert_eq!(first.synchronised, second.synchronised);
        // An error bound beyond a day is what an unset clock has, if it has any.
        assert!(!second.synchronised || second.error_max < std::time::Duration::from_secs(86_400));
    }
}
