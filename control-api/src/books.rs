//! The registers that the regulation wants kept, one file each and one line here. What every register can do is in `register`;
//! a file says what its records hold, how they stand, who moves them, and what hangs on them.

use futures_util::future::BoxFuture;

use crate::error::ApiError;
use crate::register::desk::Desk;
use crate::register::{Record, RecordId, Register, Touch};

/// A register, for what is done to all of them.
pub struct Book {
    /// Its word.
    pub name: &'static str,
    /// Takes the step that is due on a record, if it still is.
    pub take_due: for<'a> fn(&'a Desk, &'a RecordId) -> BoxFuture<'a, Result<bool, ApiError>>,
    /// The sessions that hang on a stored record.
    pub touches: fn(&[u8]) -> Vec<Touch>,
}

impl Book {
    const fn of<R: Register>() -> Self {
        Self {
            name: R::NAME,
            take_due: |desk, id| Box::pin(desk.take_due::<R>(id)),
            // What cannot be read may have been anything.
            touches: |bytes| {
                serde_json::from_slice::<Record<R>>(bytes)
                    .map_or_else(|_| vec![Touch::Everything], |record| R::touches(&record))
            },
        }
    }
}

/// Visits each register by its type.
pub trait Visitor {
    /// One of them.
    fn visit<R: Register>(&mut self);
}

macro_rules! books {
    ($($module:ident::$name:ident;)*) => {
        $(pub mod $module;)*

        /// All registers.
        pub const BOOKS: &[Book] = &[$(Book::of::<$module::$name>(),)*];

        /// Visits all registers.
        pub fn each(visitor: &mut impl Visitor) {
            $(visitor.visit::<$module::$name>();)*
        }
    };
}

mod term;

books! {
    statement_text::StatementText;
    unit_statement::UnitStatement;
    staff_statement::StaffStatement;
    training::Training;
    unit_suspension::UnitSuspension;
    network_zone::NetworkZone;
    terminal::Terminal;
    site_purpose::SitePurpose;
    calendar_day::CalendarDay;
    duty_shift::DutyShift;
    duty_log::DutyLog;
    finding::Finding;
    disposal_plan::DisposalPlan;
    point_review::PointReview;
    connection_point::ConnectionPoint;
    incident::Incident;
    emergency::Emergency;
    suspension::Suspension;
    police_filing::PoliceFiling;
}

/// The register of this word.
pub fn find(name: &str) -> Option<&'static Book> {
    BOOKS.iter().find(|book| book.name == name)
}

#[cfg(test)]
mod tests;
