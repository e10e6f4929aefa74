//! Who is behind an id: the names of people, for whoever reads a form or a register in which their ids stand. No login name, no
//! role and no staff number is told here; those are `users`'.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa_axum::routes;

use super::Calls;
use super::extract::Asked;
use crate::authn::Principal;
use crate::deps::Deps;
use crate::error::{ApiError, Code, ErrorBody};
use crate::registers::user::{self, User};
use crate::registers::{Role, UnitId, UserId};
use crate::store::{RANGE_ROWS_MAX, Store, StoreError};

/// Ids of one question at most: two pages of a register, each with who filed it.
const IDS_MAX: usize = 200;
/// Matches of one search at most: what a list to choose from can show.
const MATCHES_MAX: usize = 20;
/// Who looks for people of all units; others look in their own.
const SEEKERS: &[Role] = &[Role::BureauApprover, Role::SecurityAdmin, Role::AuditAdmin];
/// Whose accounts read no forms.
const MACHINES: &[Role] = &[Role::Service, Role::MetricsReader];

/// The calls of this file.
pub(super) fn calls() -> Calls {
    Calls::new().routes(routes!(list))
}

/// A person.
#[derive(Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
struct Person {
    /// Their id.
    id: UserId,
    /// Their name.
    name: String,
    /// The unit they act for.
    unit: UnitId,
}

impl From<User> for Person {
    fn from(user: User) -> Self {
        Self { id: user.id, name: user.name, unit: user.unit }
    }
}

/// The people that were asked for.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct People {
    /// Those that there are; an id that nobody has is left out.
    items: Vec<Person>,
}

/// Which people.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct PeopleQuery {
    /// These ids, separated by commas, at most 200.
    ids: Option<String>,
    /// Those whose name or login name contains it, at most 20: one's own unit's, or of all units for those who decide or oversee.
    q: Option<String>,
}

/// The names behind ids, or the people to choose from.
#[utoipa::path(get, path = "/people", tag = "users", params(PeopleQuery), responses(
    (status = 200, body = People), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: not for accounts of machines"),
    (status = 422, body = ErrorBody)))]
async fn list(
    State(deps): State<Arc<Deps>>,
    by: Principal,
    Asked(asked): Asked<PeopleQuery>,
) -> Result<Json<People>, ApiError> {
    if by.roles().has_any(MACHINES) {
        return Err(Code::RoleForbids.into());
    }
    let items = match (asked.ids, asked.q) {
        (Some(ids), None) => named(&deps.store, &ids)?,
        (None, Some(words)) => {
            let found = tokio::task::spawn_blocking(move || matching(&deps.store, &by, &words)).await;
            found.map_err(|_| ApiError::new(Code::Internal))??
        }
        _ => return Err(ApiError::field("ids", "请填写 ids 或 q 之一。", "Give either `ids` or `q`.")),
    };
    Ok(Json(People { items }))
}

fn named(store: &Store, ids: &str) -> Result<Vec<Person>, ApiError> {
    let ids: Vec<&str> = ids.split(',').filter(|id| !id.is_empty()).collect();
    if ids.len() > IDS_MAX {
        return Err(ApiError::field("ids", "最多200个。", "Give at most 200."));
    }
    let mut people = Vec::new();
    for id in ids.into_iter().filter_map(|id| id.parse::<UserId>().ok()) {
        people.extend(user::load(store, &id)?.map(|row| row.value.into()));
    }
    Ok(people)
}

fn matching(store: &Store, by: &Principal, words: &str) -> Result<Vec<Person>, StoreError> {
    let (words, all) = (words.trim().to_lowercase(), by.roles().has_any(SEEKERS));
    let fits = |user: &User| {
        (all || user.unit == *by.unit())
            && !user.roles.has_any(MACHINES)
            && (user.name.to_lowercase().contains(&words) || user.login.as_str().contains(&words))
    };
    let (mut found, mut after) = (Vec::new(), None::<String>);
    while found.len() < MATCHES_MAX {
        let rows = store.range_json::<User>(user::USERS, after.as_deref(), RANGE_ROWS_MAX)?;
        let Some((last, _)) = rows.last() else { break };
        after = Some(last.clone());
        found.extend(rows.into_iter().map(|(_, row)| row.value).filter(fits).map(Person::from));
    }
    found.truncate(MATCHES_MAX);
    Ok(found)
}
