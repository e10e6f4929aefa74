//! The sections `[policy]` and `[clock]`: what a site adds to the rules, and what is asked of the clock.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use control_api::clock_trust::{self, Synchronisation};

use super::reader::Section;

/// Below is no error a daemon over a network can promise, above no register.
const ERRORS: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(60);
/// Below is what daemons do all day, above is a clock that was set.
const STEPS: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(60);

/// Reads `[policy]`. Gives the folder of the site's own policies.
pub(super) fn policy(s: &mut Section<'_, '_>, to: &mut control_api::sessions::Settings) -> Option<PathBuf> {
    to.non_security_sub_stream = s.flag("non_security_sub_stream", to.non_security_sub_stream);
    to.terminals_registered = s.choice("terminals", to.terminals_registered, &[("any", false), ("registered", true)]);
    s.path_optional("path")
}

/// Reads `[clock]`.
pub(super) fn clock(s: &mut Section<'_, '_>) -> clock_trust::Settings {
    let mut to = clock_trust::Settings::default();
    to.error_max = s.duration("error_max", to.error_max, ERRORS);
    to.step_back_max = s.duration("step_back_max", to.step_back_max, STEPS);
    to.ask = s.flag("require_synchronised", true).then_some(Arc::new(ask_kernel) as _);
    to
}

fn ask_kernel() -> Option<Synchronisation> {
    let state = uring::clock_state().ok()?;
    Some(Synchronisation { synchronised: state.synchronised, error_max: state.error_max })
}
