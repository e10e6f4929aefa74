//! Which grants speak of a camera for a unit, found without a walk over all of them. Rebuilt from the store at start and
//! kept by each commit; the store is the truth.

use std::collections::HashMap;
use std::sync::Arc;

use media::id::CameraId;

use crate::grants::{Grant, GrantId};
use crate::registers::{Area, UnitId, UserId};

/// All grants, by id and by what they cover.
#[derive(Default)]
pub(crate) struct GrantIndex {
    grants: HashMap<GrantId, Arc<Grant>>,
    units: HashMap<UnitId, UnitGrants>,
}

/// One unit's grants by what they cover. Areas are keyed by their path, so that a camera's place finds those above it.
#[derive(Default)]
struct UnitGrants {
    by_camera: HashMap<CameraId, Vec<GrantId>>,
    by_area: HashMap<String, Vec<GrantId>>,
}

impl GrantIndex {
    /// Puts a grant in, or a newer state of one. What a grant covers never changes, so only a new one is keyed.
    pub(crate) fn put(&mut self, grant: Grant) {
        // Who commits and who follows the store both bring it, in whatever order: a step that was taken is never untaken.
        let is_older = |kept: &Arc<Grant>| grant.history().len() < kept.history().len();
        if self.grants.get(grant.id()).is_some_and(is_older) {
            return;
        }
        let grant = Arc::new(grant);
        if self.grants.insert(grant.id().clone(), Arc::clone(&grant)).is_some() {
            return;
        }
        let unit = self.units.entry(grant.unit().clone()).or_default();
        for camera in &grant.terms().cameras {
            unit.by_camera.entry(camera.clone()).or_default().push(grant.id().clone());
        }
        for area in &grant.terms().areas {
            unit.by_area.entry(area.as_str().into()).or_default().push(grant.id().clone());
        }
    }

    /// One grant.
    pub(crate) fn by_id(&self, id: &GrantId) -> Option<Arc<Grant>> {
        self.grants.get(id).cloned()
    }

    /// Every grant, whatever its state, that covers the camera for this user.
    pub(crate) fn covering(
        &self,
        unit: &UnitId,
        user: &UserId,
        camera: &CameraId,
        area: Option<&Area>,
    ) -> Vec<Arc<Grant>> {
        let Some(unit) = self.units.get(unit) else { return Vec::new() };
        let by_name = unit.by_camera.get(camera).into_iter().flatten();
        let by_place = area.into_iter().flat_map(|a| upwards(a.as_str())).filter_map(|path| unit.by_area.get(path));
        let mut ids: Vec<_> = by_name.chain(by_place.flatten()).collect();
        ids.sort_unstable();
        ids.dedup();
        let found = ids.into_iter().filter_map(|id| self.grants.get(id));
        found.filter(|grant| grant.terms().are_for(user)).cloned().collect()
    }

    /// All grants, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Grant>> {
        self.grants.values()
    }
}

/// An area's path and those above it: `a/b/c`, `a/b`, `a`.
fn upwards(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |at| at.rsplit_once('/').map(|(above, _)| above))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grants::{GrantStep, sample};
    use media::wall::Wall;

    fn found(index: &GrantIndex, unit: &str, user: &str, camera: &str, area: Option<&str>) -> Vec<String> {
        let area = area.map(|a| a.parse().unwrap());
        let (unit, user, camera) = (unit.parse().unwrap(), user.parse().unwrap(), camera.parse().unwrap());
        index.covering(&unit, &user, &camera, area.as_ref()).iter().map(|g| g.id().0.clone()).collect()
    }

    #[test]
    fn a_camera_is_found_by_name_by_place_and_by_any_place_above() {
        let mut index = GrantIndex::default();
        index.put(sample("g1", |_| ()));
        index.put(sample("g2", |t| {
            t.cameras.clear();
            t.areas.insert("济源".parse().unwrap());
        }));
        index.put(sample("g3", |t| {
            t.cameras.clear();
            t.areas.insert("济源/沁园/东街".parse().unwrap());
        }));
        assert_eq!(found(&index, "u1", "li", "cam-1", Some("济源/沁园")), ["g1", "g2"]);
        assert_eq!(found(&index, "u1", "li", "cam-2", Some("济源/沁园/东街")), ["g2", "g3"]);
        assert!(found(&index, "u1", "li", "cam-2", None).is_empty());
        assert!(found(&index, "u2", "li", "cam-1", Some("济源")).is_empty(), "another unit");
    }

    #[test]
    fn a_grant_for_named_users_is_for_them_only() {
        let mut index = GrantIndex::default();
        index.put(sample("g1", |t| {
            t.users.insert("li".parse().unwrap());
        }));
        assert_eq!(found(&index, "u1", "li", "cam-1", None), ["g1"]);
        assert!(found(&index, "u1", "wang", "cam-1", None).is_empty());
    }

    #[test]
    fn a_newer_state_replaces_the_older() {
        let mut index = GrantIndex::default();
        let grant = sample("g1", |_| ());
        index.put(grant.clone());
        let now = Wall::from_micros(1_600_000_000);
        index.put(grant.after(GrantStep::Revoke, now, None, Some("misuse")).unwrap());
        assert_eq!(found(&index, "u1", "li", "cam-1", None), ["g1"]);
        assert_eq!(index.by_id(grant.id()).unwrap().history().len(), 2);
        index.put(grant.clone());
        assert_eq!(index.by_id(grant.id()).unwrap().history().len(), 2, "what comes late changes nothing");
    }
}
