//! Who may see which camera of the catalogue: by role, ownership, jurisdiction or grant (J-25).

use media::wall::Wall;

use crate::authn::Principal;
use crate::grants::GrantBook;
use crate::registers::camera::Camera;
use crate::registers::{Area, Role, unit};
use crate::store::{Store, StoreError};

/// Who sees the whole catalogue.
const SEE_ALL: &[Role] = &[Role::CatalogueAdmin, Role::BureauApprover];
/// Who sees what lies in their unit's jurisdiction, so as to apply for it.
const SEE_JURISDICTION: &[Role] = &[Role::UnitAdmin, Role::UnitPrincipal];

/// What one principal may see of the catalogue.
pub struct Scope<'a> {
    grants: &'a GrantBook,
    now: Wall,
    principal: &'a Principal,
    jurisdiction: Vec<Area>,
}

impl<'a> Scope<'a> {
    /// Of `principal`, at this moment.
    pub fn of(store: &Store, grants: &'a GrantBook, now: Wall, principal: &'a Principal) -> Result<Self, StoreError> {
        let jurisdiction = if principal.roles().has_any(SEE_JURISDICTION) {
            unit::load(store, principal.unit())?.map(|row| row.value.areas).unwrap_or_default()
        } else {
            Vec::new()
        };
        Ok(Self { grants, now, principal, jurisdiction })
    }

    /// True where the catalogue shows them the camera.
    pub fn shows(&self, camera: &Camera) -> bool {
        let owns = camera.owner.as_ref() == Some(self.principal.unit());
        let within = |place: &Area| self.jurisdiction.iter().any(|area| area.covers(place));
        let (unit, user) = (self.principal.unit(), self.principal.user());
        self.principal.roles().has_any(SEE_ALL)
            || owns
            || camera.area.as_ref().is_some_and(within)
            || self.grants.shows(self.now, unit, user, &camera.id, camera.area.as_ref())
    }
}
