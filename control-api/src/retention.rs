//! How long recordings are kept: floor and ceiling of each class, and the rule that a camera's classes, today's and former,
//! make together. Deliberately absent: the deleting, which is the recorder's.

pub mod keeper;
pub mod metrics;

use std::time::Duration;

use jiff::tz::TimeZone;
use media::wall::Wall;

use crate::ports::KeepRule;
use crate::registers::RetentionClass;
use crate::registers::camera::Camera;

pub use keeper::{KeepError, Keeper};
pub use metrics::RetentionMetrics;

const DAY: Duration = Duration::from_secs(86_400);
/// The least that State Council Order 799, article 17, lets recordings of public places be kept.
pub const FLOOR_MIN: Duration = Duration::from_secs(30 * 86_400);
/// The least that the Anti-Terrorism Law, article 32, lets recordings of key targets be kept.
pub const KEY_TARGET_FLOOR_MIN: Duration = Duration::from_secs(90 * 86_400);

/// Settings of retention.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Nothing younger is deleted. 30 days (O-17).
    pub floor: Duration,
    /// What is older is deleted. 60 days: twice the floor, so that there is something to give when a volume fills.
    pub ceiling: Duration,
    /// The floor of key targets. 90 days (AT-32).
    pub key_target_floor: Duration,
    /// The ceiling of key targets. 120 days.
    pub key_target_ceiling: Duration,
    /// The ceiling of what is recorded of one's own accord; it has no floor. 30 days.
    pub voluntary_ceiling: Duration,
    /// How far a hold around an instant reaches to each side. 10 minutes (regulation, J-28).
    pub hold_margin: Duration,
    /// What a camera is taken to record before it was ever seen, in bits per second. 4 Mbit: a 1080p main stream.
    pub assumed_bits_per_second: u64,
    /// Floors below the law's are taken. For tests and demonstrations; told at each start.
    pub allow_unlawful_floors: bool,
    /// The site's time zone: days begin in it.
    pub zone: TimeZone,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            floor: FLOOR_MIN,
            ceiling: 60 * DAY,
            key_target_floor: KEY_TARGET_FLOOR_MIN,
            key_target_ceiling: 120 * DAY,
            voluntary_ceiling: 30 * DAY,
            hold_margin: Duration::from_secs(600),
            assumed_bits_per_second: 4_000_000,
            allow_unlawful_floors: false,
            zone: TimeZone::fixed(jiff::tz::offset(8)),
        }
    }
}

impl Settings {
    /// The rule of a class.
    pub const fn rule(&self, class: RetentionClass) -> KeepRule {
        match class {
            RetentionClass::Ordinary => KeepRule { floor: self.floor, ceiling: self.ceiling, statutory: true },
            RetentionClass::KeyTarget => {
                KeepRule { floor: self.key_target_floor, ceiling: self.key_target_ceiling, statutory: true }
            }
            RetentionClass::Voluntary => {
                KeepRule { floor: Duration::ZERO, ceiling: self.voluntary_ceiling, statutory: false }
            }
        }
    }

    /// The rule of a camera at `now`: that of its class, and of each class it left while something recorded under that one
    /// is still below its floor. The strictest of them holds for all, so that no change of class shortens what was promised.
    pub fn rule_at(&self, camera: &Camera, now: Wall) -> KeepRule {
        let promised = camera.former_classes.iter().filter_map(|(class, left)| {
            let rule = self.rule(*class);
            (now < *left + rule.floor).then_some(rule)
        });
        promised.fold(self.rule(camera.retention_class), |a, b| KeepRule {
            floor: a.floor.max(b.floor),
            ceiling: a.ceiling.max(b.ceiling),
            statutory: a.statutory || b.statutory,
        })
    }

    /// Since when nothing of a camera may be gone at `now`: as far back as its floor reaches, but not to what a class it left
    /// before had let go by then.
    pub fn promised_since(&self, camera: &Camera, now: Wall) -> Wall {
        let floor = now - self.rule_at(camera, now).floor;
        let Some((class, left)) = camera.former_classes.iter().max_by_key(|(_, left)| **left) else {
            return floor.max(camera.created_at);
        };
        let mut before = camera.clone();
        before.former_classes.remove(class);
        before.retention_class = *class;
        floor.max(*left - self.rule_at(&before, *left).floor)
    }

    /// True where a floor is below what the law wants.
    pub fn has_unlawful_floors(&self) -> bool {
        self.floor < FLOOR_MIN || self.key_target_floor < KEY_TARGET_FLOOR_MIN
    }

    /// The longest of the floors.
    pub fn floor_max(&self) -> Duration {
        self.floor.max(self.key_target_floor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::camera::{CameraForm, Enrolment};

    fn camera() -> Camera {
        let form = CameraForm {
            name: "门".into(),
            source: "rtsp://10.0.0.7/main".into(),
            resource_category: "治安".into(),
            location_name: "门".into(),
            camera_type: "球机".into(),
            construction_unit: "甲".into(),
            maintenance_unit: "甲".into(),
            contact: "0391".into(),
            ..CameraForm::default()
        };
        let enrolment = Enrolment {
            fallback_id: "cam-1".parse().unwrap(),
            fallback_area: "济源".parse().unwrap(),
            at: Wall::EPOCH,
            by: "u1".parse().unwrap(),
        };
        form.checked(enrolment).unwrap().0
    }

    #[test]
    fn a_class_that_was_left_is_kept_until_its_floor_is_over() {
        let (settings, mut camera) = (Settings::default(), camera());
        let left = Wall::EPOCH + 100 * DAY;
        camera.former_classes.insert(RetentionClass::KeyTarget, left);
        let rule = |class, days: u32| {
            let camera = Camera { retention_class: class, ..camera.clone() };
            settings.rule_at(&camera, left + days * DAY)
        };
        assert_eq!(rule(RetentionClass::Ordinary, 89), settings.rule(RetentionClass::KeyTarget));
        assert_eq!(rule(RetentionClass::Ordinary, 90), settings.rule(RetentionClass::Ordinary));
        assert_eq!(rule(RetentionClass::Voluntary, 89), settings.rule(RetentionClass::KeyTarget));
        assert_eq!(rule(RetentionClass::Voluntary, 90), settings.rule(RetentionClass::Voluntary));
    }

    #[test]
    fn a_floor_that_was_raised_promises_nothing_that_the_lower_one_had_let_go() {
        let (settings, mut camera) = (Settings::default(), camera());
        let enrolled = camera.created_at;
        assert_eq!(settings.promised_since(&camera, enrolled + 10 * DAY), enrolled);
        assert_eq!(settings.promised_since(&camera, enrolled + 50 * DAY), enrolled + 20 * DAY);
        let raised = enrolled + 100 * DAY;
        camera.former_classes.insert(RetentionClass::Ordinary, raised);
        camera.retention_class = RetentionClass::KeyTarget;
        assert_eq!(settings.promised_since(&camera, raised + DAY), raised - 30 * DAY);
        assert_eq!(settings.promised_since(&camera, raised + 70 * DAY), raised - 20 * DAY);
        // One that was lowered keeps its promise.
        camera.former_classes = [(RetentionClass::KeyTarget, raised)].into();
        camera.retention_class = RetentionClass::Ordinary;
        assert_eq!(settings.promised_since(&camera, raised + DAY), raised - 89 * DAY);
    }

    #[test]
    fn every_ceiling_is_above_its_floor_and_every_default_is_lawful() {
        let settings = Settings::default();
        for class in [RetentionClass::Ordinary, RetentionClass::KeyTarget, RetentionClass::Voluntary] {
            let rule = settings.rule(class);
            assert!(rule.floor <= rule.ceiling, "{class:?}");
        }
        assert!(!settings.has_unlawful_floors());
        assert!(Settings { floor: 29 * DAY, ..settings }.has_unlawful_floors());
    }
}
