//! Sessions as they are shown: what was permitted, with the relay's live figures while they run and the usage record after.
//! Who may see which is decided here, once.

use media::id::{CameraId, Profile};
use media::wall::Wall;
use relay::lease::{EndReason, Protocol, SessionId, Snapshot};
use serde::Serialize;

use super::SessionDesk;
use super::ending;
use super::hands::EndedBy;
use super::table::Open;
use crate::authn::Principal;
use crate::error::ApiError;
use crate::grants::{GrantId, Verb};
use crate::registers::{Role, user};
use crate::stamp::Stamp;
use crate::usage::{Medium, UsageRecord};

/// Roles that see everybody's sessions.
pub const OVERSEERS: [Role; 3] = [Role::BureauApprover, Role::SecurityAdmin, Role::AuditAdmin];

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// It has its lease, no media byte has left yet.
    Leased,
    /// Media flows, or has flowed.
    Active,
    /// It is over.
    Closed,
}

/// One session as the API shows it. Never the token.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct SessionView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: SessionId,
    /// Where it stands.
    pub state: SessionState,
    /// Whose.
    pub user: String,
    /// Their unit.
    pub unit: String,
    /// Which camera.
    #[schema(value_type = String)]
    pub camera: CameraId,
    /// What is done.
    pub verb: Verb,
    /// Which presentation.
    #[schema(value_type = String)]
    pub profile: Profile,
    /// What for.
    pub purpose: String,
    /// Why.
    pub reason: String,
    /// Beginning of the stretch that is played back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Stamp>,
    /// Its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Stamp>,
    /// The grant it stands on.
    pub grant: Option<GrantId>,
    /// The address it is watched from.
    pub terminal: String,
    /// Its mark.
    pub mark: Option<String>,
    /// When it was opened.
    pub opened_at: Stamp,
    /// When its lease runs out, while it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Stamp>,
    /// When the first media byte left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Stamp>,
    /// By which protocol.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub protocol: Option<Protocol>,
    /// Media bytes so far.
    pub bytes: u64,
    /// Connections at this moment.
    pub connections: usize,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Stamp>,
    /// Why it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub end_reason: Option<EndReason>,
    /// Whose hand ended it, for a while after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<EndedByView>,
}

/// Whose hand ended a session.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct EndedByView {
    /// User id.
    pub user: String,
    /// Name.
    pub name: String,
    /// Why, in their words; empty where they gave none.
    pub reason: String,
}

impl SessionDesk {
    /// Open sessions that the caller may see, in the order of their ids, after the id `after`, at most `limit`.
    pub fn list(&self, caller: &Principal, after: Option<&str>, limit: usize) -> Vec<SessionView> {
        let mut seen: Vec<_> = {
            let table = self.table.lock();
            let wanted = |id: &SessionId| after.is_none_or(|after| id.0.as_str() > after);
            let may_see = |open: &Open| sees(caller, open.permit.user().as_str(), open.permit.unit().as_str());
            let fits = table.iter().filter(|(id, open)| wanted(id) && may_see(open));
            fits.map(|(id, open)| (id.clone(), open.clone())).collect()
        };
        seen.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        seen.truncate(limit);
        seen.into_iter()
            .map(|(id, open)| SessionView::of_open(&id, &open, self.leases.snapshot(&id).as_ref()))
            .collect()
    }

    /// One session, open or over; none where there is no such one for this caller.
    pub fn show(&self, caller: &Principal, id: &SessionId) -> Result<Option<SessionView>, ApiError> {
        let open = self.table.lock().find(id).cloned();
        let view = match open {
            Some(open) => Some(SessionView::of_open(id, &open, self.leases.snapshot(id).as_ref())),
            None => {
                let record = self.register.find(id).map_err(|error| read_failed(&error))?;
                record.map(|record| SessionView { ended_by: self.ended_by(&record), ..SessionView::of_record(record) })
            }
        };
        Ok(view.filter(|view| sees(caller, &view.user, &view.unit)))
    }
}

impl SessionDesk {
    fn ended_by(&self, record: &UsageRecord) -> Option<EndedByView> {
        let by = self.hands.lock().find(&record.session).or_else(|| self.by_grant(record))?;
        // An account is never deleted; one that cannot be read is named by its id.
        let user = user::load(&self.store, &by.user).ok().flatten();
        let name = user.map_or_else(|| by.user.to_string(), |row| row.value.name);
        Some(EndedByView { user: by.user.to_string(), name, reason: by.reason })
    }
}

impl SessionDesk {
    /// Whose hand took the grant away from under the session: the last that was at the grant by then, if that ended it.
    fn by_grant(&self, record: &UsageRecord) -> Option<EndedBy> {
        let (closed_at, why) = (record.closed_at?, record.end_reason?);
        let grant = self.grants.find(&GrantId(record.grant.clone()?))?;
        let last = grant.history().iter().rfind(|change| change.at <= closed_at)?;
        let ended = ending::end_reason(last.to) == Some(why);
        let user = last.by.clone().filter(|_| ended)?;
        Some(EndedBy { user, reason: last.reason.clone().unwrap_or_default() })
    }
}

fn read_failed(error: &crate::usage::UsageError) -> ApiError {
    tracing::error!(%error, "the usage register could not be read");
    crate::error::Code::Internal.into()
}

/// Own ones, those of the unit for its principal, all for overseers.
fn sees(caller: &Principal, user: &str, unit: &str) -> bool {
    let of_own_unit = caller.has(Role::UnitPrincipal) && caller.unit().as_str() == unit;
    caller.user().as_str() == user || of_own_unit || caller.roles().has_any(&OVERSEERS)
}

impl SessionView {
    fn of_open(id: &SessionId, open: &Open, live: Option<&Snapshot>) -> Self {
        let permit = &open.permit;
        let range = permit.range();
        let started_at = live.and_then(|l| l.started_at);
        Self {
            id: id.clone(),
            state: if started_at.is_some() { SessionState::Active } else { SessionState::Leased },
            user: permit.user().to_string(),
            unit: permit.unit().to_string(),
            camera: permit.camera().clone(),
            verb: permit.verb(),
            profile: permit.profile(),
            purpose: permit.purpose().to_string(),
            reason: permit.reason().into(),
            from: range.map(|(from, _)| from.into()),
            to: range.map(|(_, to)| to.into()),
            grant: Some(permit.grant().clone()),
            terminal: open.terminal.to_string(),
            mark: Some(open.mark.to_string()),
            opened_at: open.opened_at.into(),
            expires_at: Some(open.expires_at.into()),
            started_at: started_at.map(Wall::into),
            protocol: live.and_then(|l| l.protocol),
            bytes: live.map_or(0, |l| l.bytes),
            connections: live.map_or(0, |l| l.connections),
            closed_at: None,
            end_reason: None,
            ended_by: None,
        }
    }

    /// A session that is over, or on its way there.
    fn of_record(record: UsageRecord) -> Self {
        let content = record.content;
        Self {
            id: record.session,
            state: SessionState::Closed,
            user: record.user,
            unit: record.unit,
            camera: content.camera,
            verb: match record.medium {
                Medium::LiveStream => Verb::Live,
                Medium::PlaybackStream => Verb::Playback,
                Medium::File => Verb::Download,
            },
            profile: content.profile,
            purpose: record.purpose,
            reason: record.reason,
            from: content.from,
            to: content.to,
            grant: record.grant.map(GrantId),
            terminal: record.terminal,
            mark: record.mark,
            opened_at: record.opened_at,
            expires_at: None,
            started_at: record.started_at,
            protocol: record.protocol,
            bytes: record.bytes,
            connections: 0,
            closed_at: record.closed_at,
            end_reason: record.end_reason,
            ended_by: None,
        }
    }
}
