//! What a trace says: for people a block a session, and the same as data.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use control_api::ledger::search::{Searched, Standing};
use control_api::stamp::Stamp;
use control_api::usage::{Opening, Openings, UsageRecord};
use media::id::Profile;
use media::trace::Place;
use serde::Serialize;

use super::evidence::{Evidence, Marks};
use super::person::Person;

/// The findings of a trace.
#[derive(Serialize)]
pub(super) struct Report {
    file: PathBuf,
    /// What the file was taken for.
    kind: String,
    bytes: u64,
    /// There are marks, and nothing about them is in doubt.
    pub(super) good: bool,
    /// In the order of their first marks in the file.
    sessions: Vec<Session>,
    /// The users in the sessions, by id, as the register has them now.
    people: BTreeMap<String, Person>,
    refused: Refused,
    /// The ledger that was searched.
    ledger: PathBuf,
    searched: Searched,
}

/// A session whose copy this is, or is a part of it.
#[derive(Serialize)]
struct Session {
    /// The session's name in its marks.
    mark: String,
    marks: u64,
    first_place: Where,
    /// Earliest and latest instant of the pictures behind the marks.
    first_time: Stamp,
    last_time: Stamp,
    /// None if the ledger does not know it.
    opening: Option<Opening>,
}

/// Marks that are held against nobody.
#[derive(Serialize)]
struct Refused {
    marks: u64,
    /// The first of them.
    places: Vec<Where>,
}

/// A place in the file.
#[derive(Serialize)]
struct Where {
    byte: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    packet: Option<u64>,
}

impl From<Place> for Where {
    fn from(place: Place) -> Self {
        Self { byte: place.at, packet: place.packet }
    }
}

impl Report {
    pub(super) fn new(
        file: &Path,
        ledger: &Path,
        evidence: Evidence,
        mut openings: Openings,
        people: BTreeMap<String, Person>,
    ) -> Self {
        let mut found: Vec<_> = evidence.sessions.into_iter().collect();
        found.sort_by_key(|(_, marks)| marks.place);
        let session = |(mark, marks): (_, Marks)| Session {
            marks: marks.count,
            first_place: marks.place.into(),
            first_time: Stamp(marks.times.0),
            last_time: Stamp(marks.times.1),
            opening: openings.found.remove(&mark),
            mark: mark.to_string(),
        };
        let sessions: Vec<Session> = found.into_iter().map(session).collect();
        let places = evidence.refused_places.into_iter().map(Where::from).collect();
        Self {
            file: file.to_owned(),
            kind: evidence.kind.map_or_else(String::new, |kind| kind.to_string()),
            bytes: evidence.bytes,
            good: !sessions.is_empty() && evidence.refused == 0 && sessions.iter().all(Session::is_proven),
            sessions,
            people,
            refused: Refused { marks: evidence.refused, places },
            ledger: ledger.to_owned(),
            searched: openings.searched,
        }
    }

    fn fmt_ledger(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(first), false) = (self.searched.findings.first(), self.good) else { return Ok(()) };
        let count = self.searched.findings.len() as u64 + self.searched.findings_not_shown;
        writeln!(
            f,
            "\nThe ledger is not whole: {count} findings, the first is {first}. What is missing here may have been there; \
             `sluice ledger verify {}` tells more.",
            self.ledger.display()
        )
    }
}

impl Session {
    fn is_proven(&self) -> bool {
        self.opening.as_ref().is_some_and(|opening| opening.standing != Standing::Unproven)
    }

    fn fmt(&self, f: &mut fmt::Formatter<'_>, people: &BTreeMap<String, Person>) -> fmt::Result {
        match &self.opening {
            Some(opening) => fmt_record(f, &opening.record, people.get(&opening.record.user))?,
            None => {
                row(f, "session", "not in the ledger, though the marks are this appliance's own: that is an alarm")?;
            }
        }
        row(f, "mark", &self.mark)?;
        row(f, "marks", &format!("{}, from {} to {}", self.marks, self.first_time, self.last_time))?;
        row(f, "first at", &self.first_place.to_string())?;
        let Some(opening) = &self.opening else { return Ok(()) };
        let standing = match opening.standing {
            Standing::Signed => "under the signed checkpoint",
            Standing::Newer => "newer than the signed checkpoint",
            Standing::Unproven => {
                "NOT PROVEN: the signed checkpoint does not cover it as it is; it may have been planted"
            }
        };
        row(f, "ledger", &format!("entry {}, {standing}", opening.entry))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let marks: u64 = self.sessions.iter().map(|session| session.marks).sum();
        let (file, kind, sessions) = (self.file.display(), &self.kind, self.sessions.len());
        writeln!(f, "{file}: {kind}, {} bytes; marks {marks}, sessions {sessions}", self.bytes)?;
        for session in &self.sessions {
            writeln!(f)?;
            session.fmt(f, &self.people)?;
        }
        write!(f, "{}", self.refused)?;
        if marks == 0 && self.refused.marks == 0 {
            writeln!(f, "\nNo mark: it was never marked, or it was encoded anew or filmed off a screen.")?;
        }
        self.fmt_ledger(f)
    }
}

fn fmt_record(f: &mut fmt::Formatter<'_>, record: &UsageRecord, person: Option<&Person>) -> fmt::Result {
    let session = &record.session.0;
    match &record.export {
        Some(id) if id != session => row(f, "export", &format!("{id}, rendered as session {session}")),
        Some(id) => row(f, "snapshot", id),
        None => row(f, "session", session),
    }?;
    match person {
        Some(Person { login, name, staff_no }) => {
            let staff_no = staff_no.as_deref().map(|number| format!(", staff number {number}")).unwrap_or_default();
            row(f, "user", &format!("{login}: {name}{staff_no} (id {})", record.user))?;
        }
        None => row(f, "user", &format!("id {}", record.user))?,
    }
    row(f, "unit", &record.unit)?;
    let profile = match record.content.profile {
        Profile::Main => "main",
        Profile::Sub => "sub",
    };
    row(f, "camera", &format!("{}, {profile} stream", record.content.camera))?;
    if let (Some(from), Some(to)) = (record.content.from, record.content.to) {
        row(f, "recorded", &format!("from {from} to {to}"))?;
    }
    row(f, "purpose", &record.purpose)?;
    row(f, "reason", &record.reason)?;
    row(f, "opened", &record.opened_at.to_string())?;
    row(f, "terminal", &record.terminal)
}

/// A line of a block. What somebody typed must not steer the terminal.
fn row(f: &mut fmt::Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    let shown: String = value.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect();
    writeln!(f, "{name:<10}{shown}")
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.marks == 0 {
            return Ok(());
        }
        writeln!(f, "\nrefused   {}: a mark that this appliance did not make, or that was changed", self.marks)?;
        self.places.iter().try_for_each(|place| row(f, "at", &place.to_string()))?;
        let more = self.marks - self.places.len() as u64;
        if more > 0 { row(f, "", &format!("and {more} more")) } else { Ok(()) }
    }
}

impl fmt::Display for Where {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}", self.byte)?;
        self.packet.map_or(Ok(()), |packet| write!(f, ", in packet {packet}"))
    }
}
