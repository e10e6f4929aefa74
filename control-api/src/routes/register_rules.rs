//! What a register declares, for programs that make its pages and forms from the description (`x-register` at its list): its
//! states, its steps, who takes them and who reads. The words for people stand in the operations themselves.

use serde_json::{Value, json};
use utoipa::openapi::extensions::Extensions;

use crate::register::{Cell, Register, State, Who};
use crate::registers::Role;

/// The rules of `R`.
pub(super) fn extension<R: Register>() -> Extensions {
    Extensions::from_iter([("x-register", rules::<R>())])
}

fn rules<R: Register>() -> Value {
    let moves = R::MOVES.iter().map(|step| {
        json!({
            "step": step.step, "from": words(step.from), "to": step.to.word(), "who": who(&step.who),
            "needs_reason": step.needs_reason,
        })
    });
    let columns = R::COLUMNS.iter().map(|column| json!({"name": column.name, "cell": cell(column.cell)}));
    json!({
        "form": R::name(), "articles": R::ARTICLES, "states": words(R::State::ALL), "first": R::FIRST.word(),
        "filing": who(&R::FILING), "corrected_in": words(R::CORRECTED_IN), "moves": moves.collect::<Vec<_>>(),
        "reading": {
            "all": roles(R::READING.all.iter()), "own": roles(R::READING.own.iter()), "subject": R::READING.subject,
        },
        "columns": columns.collect::<Vec<_>>(),
    })
}

fn words<S: State>(states: &[S]) -> Vec<&'static str> {
    states.iter().map(|state| state.word()).collect()
}

fn roles<'a>(roles: impl Iterator<Item = &'a Role>) -> Vec<&'static str> {
    roles.map(|role| role.text()).collect()
}

fn who(who: &Who) -> Value {
    json!({
        "own": roles(who.own_unit().iter()), "any": roles(who.any_unit().iter()), "subject": who.is_of_subject(), "apart": who.is_apart(),
    })
}

const fn cell(cell: Cell) -> &'static str {
    match cell {
        Cell::Text => "text",
        Cell::Plain => "plain",
        Cell::List => "list",
    }
}
