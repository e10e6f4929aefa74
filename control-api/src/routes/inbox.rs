//! What waits for whoever asks: each thing once, whatever in their roles it waits for.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa_axum::routes;

use super::Calls;
use crate::authn::Principal;
use crate::deps::Deps;
use crate::error::{ApiError, Code, ErrorBody};
use crate::register::inbox::{Task, Waiter};

/// Tasks of one inbox at most; whoever has more has them in order of age, the oldest here.
const TASKS_MAX: usize = 1_000;

/// The calls of this file.
pub(super) fn calls() -> Calls {
    Calls::new().routes(routes!(inbox))
}

/// A task as it is shown.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct TaskView {
    #[serde(flatten)]
    task: Task,
    /// Its time is over.
    overdue: bool,
}

/// What waits for the caller.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Inbox {
    /// The overdue first, then what has to be done soonest, then the oldest; at most 1,000.
    items: Vec<TaskView>,
}

/// Who must act: what waits for the caller, as a person, for their unit, or in their role.
#[utoipa::path(get, path = "/inbox", tag = "inbox", responses(
    (status = 200, body = Inbox), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
async fn inbox(State(deps): State<Arc<Deps>>, by: Principal) -> Result<Json<Inbox>, ApiError> {
    let read = tokio::task::spawn_blocking(move || {
        let now = deps.now();
        let mut tasks = BTreeMap::new();
        for waiter in Waiter::of(&by) {
            for (_, row) in deps.store.range_json::<Task>(&waiter.prefix(), None, TASKS_MAX)? {
                let task = row.value;
                tasks.insert((task.register.clone(), task.id.clone()), task);
            }
        }
        let mut items: Vec<_> =
            tasks.into_values().map(|task| TaskView { overdue: task.is_overdue(now), task }).collect();
        items.sort_by_key(|item| (!item.overdue, item.task.due.is_none(), item.task.due, item.task.since));
        items.truncate(TASKS_MAX);
        Ok(Inbox { items })
    });
    read.await.map_err(|_| ApiError::new(Code::Internal))?.map(Json)
}
