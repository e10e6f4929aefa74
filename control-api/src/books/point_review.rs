//! 点位核查: whether a camera's place is what the catalogue says and of use to the unit (J-5), for the keeper of the catalogue.

use media::id::CameraId;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::register::inbox::Waiter;
use crate::register::{Column, Filing, Move, Reading, Record, Register, Who, plain, text};
use crate::registers::Role;
use crate::registers::field::prose;

/// A review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PointReview {
    /// The camera.
    #[schema(value_type = String)]
    pub camera: CameraId,
    /// The catalogue is right about it.
    pub accurate: bool,
    /// It is of use to the unit.
    pub useful: bool,
    /// What is wrong with it, or what would be better.
    #[schema(min_length = 1, max_length = 2000)]
    pub remarks: String,
}

crate::register::states! {
    /// Where a review stands.
    ReviewState {
        /// The keeper of the catalogue has yet to look.
        Filed = "filed",
        /// The catalogue or the camera was put right, or needed nothing.
        Settled = "settled",
        /// It was not followed.
        Dismissed = "dismissed",
    }
}

impl Register for PointReview {
    const NAME: &'static str = "point-reviews";
    const ABOUT: &'static str = "Whether the cameras' places are accurate and useful.";
    const ARTICLES: &'static [&'static str] = &["J-5"];
    type State = ReviewState;
    const FIRST: ReviewState = ReviewState::Filed;
    const FILING: Who = Who::own(&[Role::Operator, Role::UnitAdmin, Role::OwnerMaintainer]);
    const READING: Reading = Reading {
        all: &[Role::BureauApprover, Role::AuditAdmin, Role::CatalogueAdmin],
        own: &[Role::UnitPrincipal, Role::UnitAdmin, Role::Operator, Role::OwnerMaintainer],
        subject: false,
    };
    const MOVES: &'static [Move<ReviewState>] = &[
        Move {
            step: "settle",
            from: &[ReviewState::Filed],
            to: ReviewState::Settled,
            who: Who::any(&[Role::CatalogueAdmin]),
            needs_reason: true,
        },
        Move {
            step: "dismiss",
            from: &[ReviewState::Filed],
            to: ReviewState::Dismissed,
            who: Who::any(&[Role::CatalogueAdmin]),
            needs_reason: true,
        },
    ];
    const COLUMNS: &'static [Column] = &[text("camera"), plain("accurate"), plain("useful"), text("remarks")];

    fn checked(self, filing: &Filing<'_>) -> Result<Self, ApiError> {
        filing.must_see(Some(&self.camera))?;
        Ok(Self { remarks: prose("remarks", &self.remarks)?, ..self })
    }

    fn waits_for(record: &Record<Self>) -> Vec<Waiter> {
        let keeper = Waiter::Role(Role::CatalogueAdmin);
        record.is_in(&[ReviewState::Filed]).then_some(keeper).into_iter().collect()
    }
}
