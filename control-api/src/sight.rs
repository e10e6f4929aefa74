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
    /// Empty means the whole zone.
    jurisdiction: Vec<Area>,
}

impl<'a> Scope<'a> {
    /// Of `principal`, at this moment.
    pub fn of(store: &Store, grants: &'a GrantBook, now: Wall, principal: &'a Principal) -> Result<Self, StoreError> {
        let jurisdiction = unit::load(store, principal.unit())?.map(|row| row.value.areas).unwrap_or_default();
        Ok(Self { grants, now, principal, jurisdiction })
    }

    /// True where the catalogue shows them the camera. A grant that reaches past the jurisdiction shows no more than that.
    pub fn shows(&self, camera: &Camera) -> bool {
        let (unit, user, area) = (self.principal.unit(), self.principal.user(), camera.area.as_ref());
        let named = area.is_some_and(|place| self.jurisdiction.iter().any(|area| area.covers(place)));
        let within = named || self.jurisdiction.is_empty();
        self.principal.roles().has_any(SEE_ALL)
            || camera.owner.as_ref() == Some(unit)
            || named && self.principal.roles().has_any(SEE_JURISDICTION)
            || within && self.grants.shows(self.now, unit, user, &camera.id, area)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::registers::unit;
    use crate::scene::{Scene, terms};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_grant_past_the_jurisdiction_shows_nothing_there() {
        let scene = Scene::new().await;
        scene.granted(terms()).await;
        let listed = async || scene.read("li", "/api/v1/cameras").await.body["items"].as_array().map(Vec::len);
        let police = "gaj".parse().unwrap();
        let mut row = unit::load(&scene.deps.store, &police).unwrap().unwrap().value;
        for (areas, shown) in [(&[][..], 1), (&["济源/沁园"], 1), (&["济源/天坛"], 0)] {
            row.areas = areas.iter().map(|area| area.parse().unwrap()).collect();
            scene.deps.store.put_json(&unit::key(&police), &row).unwrap();
            assert_eq!(listed().await, Some(shown), "{areas:?}");
            for path in ["", "/timeline"] {
                let read = scene.read("li", &format!("/api/v1/cameras/cam-1{path}")).await;
                assert_eq!(read.status.is_success(), shown == 1, "{areas:?}{path}: {}", read.text);
            }
            let seen = json!({"camera": "cam-1", "at": "2026-06-01T09:50:00+08:00", "event": "火情", "what": "烟"});
            let filed = scene.post("li", "/api/v1/incidents", seen).await;
            assert_eq!(filed.code() == "CAMERA_UNKNOWN", shown == 0, "{areas:?}: {}", filed.text);
        }
    }
}
