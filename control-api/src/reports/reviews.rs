//! Approvals due for review: the grants whose time ends within the days that are asked for.

use std::time::Duration;

use super::names::Names;
use super::{Asked, Cell, Part, READERS, Report, Takes, Words, column};
use crate::error::ApiError;
use crate::grants::{Grant, GrantState};
use crate::registers::Role;
use crate::store::StoreError;

const DAY: Duration = Duration::from_secs(86_400);

/// The report.
pub(super) const REPORT: Report = Report {
    name: "approvals-due",
    title: Words { zh: "待复核授权", en: "Approvals due" },
    articles: &["J-7"],
    columns: &[
        column("kind", "类别"),
        column("id", "编号"),
        column("unit", "单位"),
        column("approver", "批准人员"),
        column("state", "状态"),
        column("ends_at", "到期时间"),
        column("days_left", "剩余天数"),
    ],
    takes: &[Takes::Days, Takes::Unit],
    readers: READERS,
    own_unit: &[Role::UnitPrincipal, Role::UnitAdmin],
    read,
};

/// In the order of ids, so that pages fit together.
fn read(asked: &Asked, place: Option<&str>, limit: usize) -> Result<Part, ApiError> {
    let until = asked.now + asked.days * DAY;
    let due = |grant: &Grant| {
        let runs = !matches!(grant.state_at(asked.now), GrantState::Expired | GrantState::Revoked);
        runs && grant.terms().valid_to.0 <= until && asked.unit.as_ref().is_none_or(|unit| grant.unit() == unit)
    };
    let grants = asked.deps.grants.list(due, place, limit);
    let next = grants.last().filter(|_| grants.len() >= limit).map(|grant| grant.id().0.clone());
    let mut names = Names::of(asked);
    let rows = grants.iter().map(|grant| row(asked, &mut names, grant)).collect::<Result<_, _>>()?;
    Ok(Part { rows, next })
}

fn row(asked: &Asked, names: &mut Names<'_>, grant: &Grant) -> Result<Vec<Cell>, StoreError> {
    let ends = grant.terms().valid_to.0;
    Ok(vec![
        Cell::Word(Words { zh: "授权", en: "grant" }),
        Cell::Text(grant.id().0.clone()),
        names.unit(grant.unit().as_str())?,
        names.user(grant.approver().as_str())?,
        Cell::Word(state(grant.state_at(asked.now))),
        Cell::At(ends),
        Cell::Count(ends.since(asked.now).as_secs() / DAY.as_secs()),
    ])
}

const fn state(state: GrantState) -> Words {
    match state {
        GrantState::Pending => Words { zh: "未生效", en: "pending" },
        GrantState::Active => Words { zh: "有效", en: "active" },
        GrantState::Suspended => Words { zh: "暂停", en: "suspended" },
        GrantState::Expired => Words { zh: "已到期", en: "expired" },
        GrantState::Revoked => Words { zh: "已撤销", en: "revoked" },
    }
}
