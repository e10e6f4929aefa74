//! The open sessions in memory, by id and by what each hangs on: grant, user, unit, camera, API key. A map, no lock and no IO.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::net::IpAddr;

use media::id::CameraId;
use media::mark::SessionMark;
use media::wall::Wall;
use relay::lease::SessionId;

use crate::grants::GrantId;
use crate::policy::Permit;
use crate::registers::{LoginId, UnitId, UserId};

/// One open session.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    /// What it rests on.
    pub(crate) permit: Permit,
    /// The address it was opened from.
    pub(crate) terminal: IpAddr,
    /// The API key it was opened with, if it was.
    pub(crate) key: Option<LoginId>,
    /// Its mark.
    pub(crate) mark: SessionMark,
    /// When it was opened.
    pub(crate) opened_at: Wall,
    /// When its lease runs out.
    pub(crate) expires_at: Wall,
}

/// What a session can hang on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Peg {
    /// The grant it was opened under.
    Grant(GrantId),
    /// Its user.
    User(UserId),
    /// Its user's unit.
    Unit(UnitId),
    /// Its camera.
    Camera(CameraId),
    /// The API key it was opened with.
    Key(LoginId),
}

/// All open sessions.
#[derive(Default)]
pub(crate) struct Table {
    open: HashMap<SessionId, Open>,
    by_peg: HashMap<Peg, BTreeSet<SessionId>>,
}

impl Table {
    /// Takes a session in, or gives one a new permit and expiry.
    pub(crate) fn put(&mut self, id: SessionId, session: Open) {
        self.remove(&id);
        for peg in pegs(&session) {
            self.by_peg.entry(peg).or_default().insert(id.clone());
        }
        self.open.insert(id, session);
    }

    /// Forgets a session.
    pub(crate) fn remove(&mut self, id: &SessionId) -> Option<Open> {
        let session = self.open.remove(id)?;
        for peg in pegs(&session) {
            if let Some(ids) = self.by_peg.get_mut(&peg) {
                ids.remove(id);
                if ids.is_empty() {
                    self.by_peg.remove(&peg);
                }
            }
        }
        Some(session)
    }

    /// One session.
    pub(crate) fn find(&self, id: &SessionId) -> Option<&Open> {
        self.open.get(id)
    }

    /// What hangs on `peg`.
    pub(crate) fn hanging_on(&self, peg: &Peg) -> Vec<(SessionId, Open)> {
        let ids = self.by_peg.get(peg).into_iter().flatten();
        ids.filter_map(|id| self.open.get(id).map(|session| (id.clone(), session.clone()))).collect()
    }

    /// How many hang on `peg`, `except` not counted.
    pub(crate) fn count_on(&self, peg: &Peg, except: Option<&SessionId>) -> u32 {
        let Some(ids) = self.by_peg.get(peg) else { return 0 };
        let excepted = except.is_some_and(|id| ids.contains(id));
        u32::try_from(ids.len()).unwrap_or(u32::MAX) - u32::from(excepted)
    }

    /// All of them, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&SessionId, &Open)> {
        self.open.iter()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }
}

fn pegs(session: &Open) -> Vec<Peg> {
    let permit = &session.permit;
    let mut pegs = vec![
        Peg::Grant(permit.grant().clone()),
        Peg::User(permit.user().clone()),
        Peg::Unit(permit.unit().clone()),
        Peg::Camera(permit.camera().clone()),
    ];
    pegs.extend(session.key.clone().map(Peg::Key));
    pegs
}
