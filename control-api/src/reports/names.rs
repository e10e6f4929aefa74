//! The names behind ids, looked up once for each part of a report. What has left its register is printed by its id.

use std::collections::HashMap;

use media::id::CameraId;

use super::{Asked, Cell};
use crate::registers::{UnitId, UserId, camera, purpose, unit, user};
use crate::store::StoreError;

/// Names by kind and id.
pub(super) struct Names<'a> {
    asked: &'a Asked,
    known: HashMap<(Kind, String), String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    User,
    Unit,
    Camera,
    Purpose,
}

impl<'a> Names<'a> {
    pub(super) fn of(asked: &'a Asked) -> Self {
        Self { asked, known: HashMap::new() }
    }

    /// A user.
    pub(super) fn user(&mut self, id: &str) -> Result<Cell, StoreError> {
        self.named(Kind::User, id)
    }

    /// A unit.
    pub(super) fn unit(&mut self, id: &str) -> Result<Cell, StoreError> {
        self.named(Kind::Unit, id)
    }

    /// A purpose, with the regulation's words.
    pub(super) fn purpose(&mut self, code: &str) -> Result<Cell, StoreError> {
        self.named(Kind::Purpose, code)
    }

    /// A camera's name.
    pub(super) fn camera(&mut self, id: &str) -> Result<String, StoreError> {
        self.name(Kind::Camera, id)
    }

    fn named(&mut self, kind: Kind, id: &str) -> Result<Cell, StoreError> {
        Ok(Cell::Named { name: self.name(kind, id)?, id: id.into() })
    }

    fn name(&mut self, kind: Kind, id: &str) -> Result<String, StoreError> {
        if let Some(name) = self.known.get(&(kind, id.to_owned())) {
            return Ok(name.clone());
        }
        let name = self.looked_up(kind, id)?.unwrap_or_default();
        self.known.insert((kind, id.to_owned()), name.clone());
        Ok(name)
    }

    fn looked_up(&self, kind: Kind, id: &str) -> Result<Option<String>, StoreError> {
        let store = &self.asked.deps.store;
        Ok(match kind {
            Kind::User => {
                let Ok(id) = id.parse::<UserId>() else { return Ok(None) };
                user::load(store, &id)?.map(|row| row.value.name)
            }
            Kind::Unit => {
                let Ok(id) = id.parse::<UnitId>() else { return Ok(None) };
                unit::load(store, &id)?.map(|row| row.value.name)
            }
            Kind::Camera => {
                let Ok(id) = id.parse::<CameraId>() else { return Ok(None) };
                camera::load(store, &id)?.map(|row| row.value.name)
            }
            Kind::Purpose => id.parse().ok().and_then(|code| purpose::find(&code)).map(|purpose| purpose.zh.into()),
        })
    }
}
