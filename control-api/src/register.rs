//! The shape of a register: a typed record with a state machine, a history that is never overwritten, and a permission per
//! transition. A register is one file that implements [`Register`] and one line in `books`; everything else is made from that
//! here and in `routes::register`. Deliberately absent: any register.

pub mod csv;
pub mod desk;
pub mod inbox;
pub mod rows;
pub mod who;

use std::fmt;
use std::time::Duration;

use jiff::tz::TimeZone;
use media::id::CameraId;
use media::wall::Wall;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authn::Principal;
use crate::error::{ApiError, Code};
use crate::registers::{UnitId, UserId, user};
use crate::stamp::Stamp;
use crate::store::{Batch, Store};
pub use who::{Reading, Who};

/// A record's id: sortable by the time of its filing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct RecordId(pub String);

impl std::str::FromStr for RecordId {
    type Err = crate::registers::BadId;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<UnitId>().map(|_| Self(text.into()))
    }
}

/// Where a record stands: a plain enum, written in `snake_case`.
pub trait State: Copy + Eq + fmt::Debug + Serialize + DeserializeOwned + ToSchema + Send + Sync + 'static {
    /// All states, in the order of a record's life.
    const ALL: &'static [Self];
    /// The state as it is written.
    fn word(self) -> &'static str;
}

/// Declares the states of a register, each with its word and its doc.
macro_rules! states {
    ($(#[$doc:meta])* $name:ident { $($(#[$state_doc:meta])* $state:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        pub enum $name {
            $($(#[$state_doc])* #[serde(rename = $word)] $state,)+
        }

        impl $crate::register::State for $name {
            const ALL: &'static [Self] = &[$(Self::$state,)+];
            fn word(self) -> &'static str {
                match self { $(Self::$state => $word,)+ }
            }
        }
    };
}

pub(crate) use states;

/// One transition.
#[derive(Debug)]
pub struct Move<S: 'static> {
    /// Its word in the path and on the ledger.
    pub step: &'static str,
    /// Where it can be taken.
    pub from: &'static [S],
    /// Where it leads.
    pub to: S,
    /// Who may take it.
    pub who: Who,
    /// True where it is worth nothing without a reason.
    pub needs_reason: bool,
}

/// A column of the register's CSV file.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// The field's name.
    pub name: &'static str,
    /// How it stands in a cell.
    pub cell: Cell,
}

/// How a field stands in a cell. An empty cell is a field that is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// As it is.
    Text,
    /// A number or `true` and `false`.
    Plain,
    /// Several, separated by `;`.
    List,
}

/// A column of text.
pub const fn text(name: &'static str) -> Column {
    Column { name, cell: Cell::Text }
}

/// A column of numbers or truth values.
pub const fn plain(name: &'static str) -> Column {
    Column { name, cell: Cell::Plain }
}

/// A column of several texts.
pub const fn list(name: &'static str) -> Column {
    Column { name, cell: Cell::List }
}

/// A session that has to be decided about anew when a record changes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Touch {
    /// Those of a user.
    User(UserId),
    /// Those of a unit's users.
    Unit(UnitId),
    /// All.
    Everything,
}

/// A step that the appliance takes when its time comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// When.
    pub at: Wall,
    /// Which.
    pub step: &'static str,
}

/// What a form is checked with.
pub struct Filing<'a> {
    /// The registers.
    pub store: &'a Store,
    /// Who files or corrects it.
    pub by: &'a Principal,
    /// When.
    pub now: Wall,
    /// The site's time zone.
    pub zone: &'a TimeZone,
    /// Whether they may see a camera.
    pub sees: &'a dyn Fn(&CameraId) -> Result<bool, ApiError>,
}

impl Filing<'_> {
    /// `CAMERA_UNKNOWN` where a camera is named that is not there, or that they may not see.
    pub fn must_see(&self, camera: Option<&CameraId>) -> Result<(), ApiError> {
        let Some(camera) = camera else { return Ok(()) };
        if (self.sees)(camera)? { Ok(()) } else { Err(ApiError::new(Code::CameraUnknown).at("camera")) }
    }
}

/// A change that is about to be committed.
pub struct Change<'a, R: Register> {
    /// The record as it was; none where it is filed.
    pub before: Option<&'a Record<R>>,
    /// The record as it will be.
    pub after: &'a Record<R>,
    /// The step; none for filing.
    pub step: Option<&'static str>,
    /// The registers.
    pub store: &'a Store,
    /// When.
    pub now: Wall,
    /// How far a hold around an instant reaches to each side.
    pub hold_margin: Duration,
}

/// A register, implemented by the fields of its records.
pub trait Register:
    Clone + fmt::Debug + PartialEq + Serialize + DeserializeOwned + ToSchema + Send + Sync + 'static
{
    /// Its word in paths, keys and on the ledger, in the plural: `training-records`.
    const NAME: &'static str;
    /// What it is for, in a sentence.
    const ABOUT: &'static str;
    /// The articles it carries out.
    const ARTICLES: &'static [&'static str];
    /// Where a record stands.
    type State: State;
    /// Where a record begins.
    const FIRST: Self::State;
    /// Who files records, and corrects them where `CORRECTED_IN` lets them.
    const FILING: Who;
    /// Who reads them.
    const READING: Reading;
    /// The state machine.
    const MOVES: &'static [Move<Self::State>];
    /// The states in which its fields can be corrected; what they were stays in the history.
    const CORRECTED_IN: &'static [Self::State] = &[];
    /// Its CSV file.
    const COLUMNS: &'static [Column];

    /// The fields with their texts trimmed, or a refusal that names the first bad one.
    fn checked(self, filing: &Filing<'_>) -> Result<Self, ApiError>;

    /// Whose record it is, where it is not the unit's of who files it: of one about a person, that person's.
    fn unit(&self, store: &Store) -> Result<Option<UnitId>, ApiError> {
        let Some(user) = self.subject() else { return Ok(None) };
        let row = user::load(store, user)?;
        let row = row.ok_or_else(|| ApiError::field("user", "没有该用户。", "There is no such user."))?;
        Ok(Some(row.value.unit))
    }

    /// The person it is about.
    fn subject(&self) -> Option<&UserId> {
        None
    }

    /// What it can be looked up by while it stands as it does: `unit/ID`, `user/ID`.
    fn keys(_record: &Record<Self>) -> Vec<String> {
        Vec::new()
    }

    /// Which sessions hang on it.
    fn touches(_record: &Record<Self>) -> Vec<Touch> {
        Vec::new()
    }

    /// What time does to it.
    fn due(_record: &Record<Self>) -> Option<Due> {
        None
    }

    /// In whose inbox it lies.
    fn waits_for(_record: &Record<Self>) -> Vec<inbox::Waiter> {
        Vec::new()
    }

    /// What else is committed with a change, or why it cannot be made.
    fn with(batch: Batch, _change: &Change<'_, Self>) -> Result<Batch, ApiError> {
        Ok(batch)
    }
}

/// A record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Record<R: Register> {
    /// Its id.
    pub id: RecordId,
    /// Whose it is.
    pub unit: UnitId,
    /// Where it stands.
    pub state: R::State,
    /// Who filed it; none where the appliance did.
    pub filed_by: Option<UserId>,
    /// When.
    pub filed_at: Stamp,
    /// Since when it stands where it stands.
    pub since: Stamp,
    /// Who has acted on it, in order, each once.
    pub hands: Vec<UserId>,
    /// Lines of its history.
    pub lines: u32,
    /// Its fields.
    pub fields: R,
}

impl<R: Register> Record<R> {
    /// True where it stands in one of `states`.
    pub fn is_in(&self, states: &[R::State]) -> bool {
        states.contains(&self.state)
    }

    /// A user as a key to look up by.
    pub fn user_key(user: &UserId) -> String {
        format!("user/{user}")
    }

    /// A unit as a key to look up by.
    pub fn unit_key(unit: &UnitId) -> String {
        format!("unit/{unit}")
    }
}

/// One line of a record's history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Line<R: Register> {
    /// When.
    pub at: Stamp,
    /// Who; none where the appliance did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<UserId>,
    /// What was done: `file`, `correct`, or a step.
    pub step: String,
    /// Where it led.
    pub to: R::State,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The fields from then on, where they were given or corrected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<R>,
}
