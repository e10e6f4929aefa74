//! Approvals due for review: the grants, statements and trainings whose time ends within the days that are asked for.

use std::time::Duration;

use media::wall::Wall;
use serde_json::json;

use super::names::Names;
use super::{Asked, Cell, Part, READERS, Report, Takes, Words, column};
use crate::books::staff_statement::{StaffStatement, StaffStatementState};
use crate::books::training::{Training, TrainingState};
use crate::books::unit_statement::{StatementState, UnitStatement};
use crate::error::ApiError;
use crate::grants::{Grant, GrantState};
use crate::register::{Record, Register, rows};
use crate::registers::Role;
use crate::store::StoreError;

const DAY: Duration = Duration::from_secs(86_400);
/// Records read at a time.
const RECORDS_FETCHED: usize = 500;

/// The report.
pub(super) const REPORT: Report = Report {
    name: "approvals-due",
    title: Words { zh: "到期待复核", en: "Approvals due" },
    articles: &["J-7", "J-9", "J-22", "J-24(2)"],
    columns: &[
        column("kind", "类别"),
        column("id", "编号"),
        column("unit", "单位"),
        column("user", "人员"),
        column("ends_at", "到期时间"),
        column("days_left", "剩余天数"),
    ],
    takes: &[Takes::Days, Takes::Unit],
    readers: READERS,
    own_unit: &[Role::UnitPrincipal, Role::UnitAdmin],
    read,
};

/// Reads one kind from a place on.
type Step = fn(&Asked, &mut Names<'_>, Option<&str>, usize) -> Result<Part, ApiError>;

/// The kinds in their order; a place names one by its number.
const KINDS: [Step; 4] = [grants, unit_statements, staff_statements, trainings];

fn read(asked: &Asked, place: Option<&str>, limit: usize) -> Result<Part, ApiError> {
    let (kind, place) = place.and_then(|place| place.split_once(' ')).unwrap_or(("0", ""));
    let kind: usize = kind.parse().unwrap_or(KINDS.len());
    let Some(step) = KINDS.get(kind) else { return Ok(Part::default()) };
    let place = Some(place).filter(|place| !place.is_empty());
    let part = step(asked, &mut Names::of(asked), place, limit)?;
    let after = || (kind + 1 < KINDS.len()).then(|| format!("{} ", kind + 1));
    let next = part.next.map(|next| format!("{kind} {next}")).or_else(after);
    Ok(Part { rows: part.rows, next })
}

/// True where it ends within the days.
fn is_due(asked: &Asked, ends: Wall) -> bool {
    asked.now < ends && ends <= asked.now + asked.days * DAY
}

fn grants(asked: &Asked, names: &mut Names<'_>, place: Option<&str>, limit: usize) -> Result<Part, ApiError> {
    let due = |grant: &Grant| {
        !matches!(grant.state_at(asked.now), GrantState::Expired | GrantState::Revoked)
            && is_due(asked, grant.terms().valid_to.0)
            && asked.unit.as_ref().is_none_or(|unit| grant.unit() == unit)
    };
    let grants = asked.deps.grants.list(due, place, limit);
    let next = grants.last().filter(|_| grants.len() >= limit).map(|grant| grant.id().0.clone());
    let mut rows = Vec::new();
    for grant in grants {
        let (unit, users) = (names.unit(grant.unit().as_str())?, &grant.terms().users);
        let users = if users.is_empty() {
            Cell::Empty
        } else {
            let named: Vec<_> = users.iter().map(ToString::to_string).collect();
            Cell::Nested(json!(named), named.join("; "))
        };
        let kind = Words { zh: "资源授权", en: "grant" };
        rows.push(row(asked, kind, grant.id().0.clone(), unit, users, grant.terms().valid_to.0));
    }
    Ok(Part { rows, next })
}

fn unit_statements(asked: &Asked, names: &mut Names<'_>, place: Option<&str>, limit: usize) -> Result<Part, ApiError> {
    let kind = Words { zh: "单位责任书", en: "unit_statement" };
    records::<UnitStatement>(asked, names, (place, limit), kind, &|record| {
        record.is_in(&[StatementState::Signed]).then_some(record.fields.valid_to.0)
    })
}

fn staff_statements(asked: &Asked, names: &mut Names<'_>, place: Option<&str>, limit: usize) -> Result<Part, ApiError> {
    let kind = Words { zh: "个人责任书", en: "staff_statement" };
    records::<StaffStatement>(asked, names, (place, limit), kind, &|record| {
        record.is_in(&[StaffStatementState::InForce]).then_some(record.fields.valid_to.0)
    })
}

fn trainings(asked: &Asked, names: &mut Names<'_>, place: Option<&str>, limit: usize) -> Result<Part, ApiError> {
    let kind = Words { zh: "培训", en: "training" };
    records::<Training>(asked, names, (place, limit), kind, &|record| {
        record.is_in(&[TrainingState::InForce]).then_some(record.fields.valid_to.0)
    })
}

/// Records of a register that are in force and end in time.
fn records<R: Register>(
    asked: &Asked,
    names: &mut Names<'_>,
    (place, limit): (Option<&str>, usize),
    kind: Words,
    ends: &dyn Fn(&Record<R>) -> Option<Wall>,
) -> Result<Part, ApiError> {
    let fetched = limit.min(RECORDS_FETCHED);
    let found = asked.deps.store.range_json::<Record<R>>(&rows::prefix::<R>(), place, fetched)?;
    let next = found.last().filter(|_| found.len() >= fetched).map(|(key, _)| key.clone());
    let mut rows = Vec::new();
    for (_, record) in found {
        let record = record.value;
        let fits = asked.unit.as_ref().is_none_or(|unit| record.unit == *unit);
        let Some(ends) = ends(&record).filter(|ends| fits && is_due(asked, *ends)) else { continue };
        let unit = names.unit(record.unit.as_str())?;
        let user = person(names, &record)?;
        rows.push(row(asked, kind, record.id.0, unit, user, ends));
    }
    Ok(Part { rows, next })
}

fn person<R: Register>(names: &mut Names<'_>, record: &Record<R>) -> Result<Cell, StoreError> {
    record.fields.subject().map_or(Ok(Cell::Empty), |user| names.user(user.as_str()))
}

fn row(asked: &Asked, kind: Words, id: String, unit: Cell, user: Cell, ends: Wall) -> Vec<Cell> {
    let days_left = ends.since(asked.now).as_secs() / DAY.as_secs();
    vec![Cell::Word(kind), Cell::Text(id), unit, user, Cell::At(ends), Cell::Count(days_left)]
}
