//! The OpenAPI description of a register's calls, made from what the register declares: its fields, its states, and who may move a
//! record how.

use utoipa::PartialSchema;
use utoipa::ToSchema;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{ArrayBuilder, Object, ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{KnownFormat, PathItem, Ref, RefOr, Required, Response, ResponseBuilder, Schema};

use super::page::PageQuery;
use super::register_bodies::{Filed, StepBody};
use super::register_rules;
use crate::error::ErrorBody;
use crate::register::{Register, State, Who};
use crate::stamp::Stamp;

type Schemas = Vec<(String, RefOr<Schema>)>;

/// `training-records` as `TrainingRecords`.
fn title<R: Register>() -> String {
    let capital = |word: &str| {
        let mut chars = word.chars();
        chars.next().map(|first| first.to_ascii_uppercase().to_string() + chars.as_str()).unwrap_or_default()
    };
    R::NAME.split('-').map(capital).collect()
}

fn view_name<R: Register>() -> String {
    format!("{}View", title::<R>())
}

fn state_name<R: Register>() -> String {
    format!("{}State", title::<R>())
}

fn of_text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::Type(Type::String))
}

fn of_time() -> ObjectBuilder {
    of_text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
}

fn of_number() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::Type(Type::Integer)).minimum(Some(0))
}

/// The schemas that the calls name.
pub(super) fn schemas<R: Register>() -> Schemas {
    let mut all: Schemas = Vec::new();
    R::schemas(&mut all);
    R::State::schemas(&mut all);
    StepBody::schemas(&mut all);
    Filed::schemas(&mut all);
    ErrorBody::schemas(&mut all);
    Stamp::schemas(&mut all);
    all.push((R::name().into(), R::schema()));
    all.push((state_name::<R>(), states::<R>()));
    all.push((StepBody::name().into(), StepBody::schema()));
    all.push((Filed::name().into(), Filed::schema()));
    all.push((ErrorBody::name().into(), ErrorBody::schema()));
    all.push((view_name::<R>(), view::<R>().into()));
    all.push((format!("{}Page", title::<R>()), page(Ref::from_schema_name(view_name::<R>()).into()).into()));
    all.push((format!("{}Line", title::<R>()), line::<R>().into()));
    all.push((
        format!("{}History", title::<R>()),
        page(Ref::from_schema_name(format!("{}Line", title::<R>())).into()).into(),
    ));
    all
}

/// The states under the words they are written with.
fn states<R: Register>() -> RefOr<Schema> {
    let mut states = R::State::schema();
    if let RefOr::T(Schema::Object(states)) = &mut states {
        states.enum_values = Some(R::State::ALL.iter().map(|state| state.word().into()).collect());
    }
    states
}

/// What is known of a record beside its fields, and these: one object, since the form takes no member more than its own.
fn view<R: Register>() -> Schema {
    let mut about = about::<R>();
    if let RefOr::T(Schema::Object(fields)) = R::schema() {
        about.properties.extend(fields.properties);
        about.required.extend(fields.required);
    }
    Schema::Object(about)
}

fn about<R: Register>() -> Object {
    ObjectBuilder::new()
        .property("id", of_text().description(Some("Its id.")))
        .property("unit", of_text().description(Some("Whose it is.")))
        .property("state", Ref::from_schema_name(state_name::<R>()))
        .property("filed_by", of_text().description(Some("Who filed it; absent where the appliance did.")))
        .property("filed_at", of_time())
        .property("since", of_time().description(Some("Since when it stands where it stands.")))
        .property("due", of_time().description(Some("When time moves it on, or it is overdue.")))
        .property(
            "version",
            of_number().description(Some("Hand it back with a step, to be sure that nothing was changed.")),
        )
        .required("id")
        .required("unit")
        .required("state")
        .required("filed_at")
        .required("since")
        .required("version")
        .build()
}

fn line<R: Register>() -> Schema {
    let line = ObjectBuilder::new()
        .property("at", of_time())
        .property("by", of_text().description(Some("Who; absent where the appliance did it.")))
        .property("step", of_text().description(Some("`file`, `correct`, or a step.")))
        .property("to", Ref::from_schema_name(state_name::<R>()))
        .property("reason", of_text())
        .property("fields", Ref::from_schema_name(R::name()))
        .required("at")
        .required("step")
        .required("to");
    Schema::Object(line.build())
}

fn page(item: RefOr<Schema>) -> Schema {
    let next = ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null]));
    let page = ObjectBuilder::new()
        .property("items", ArrayBuilder::new().items(item))
        .property("next", next.description(Some("Hand it back as `cursor` for the next page; null at the end.")))
        .required("items")
        .required("next");
    Schema::Object(page.build())
}

fn id() -> Parameter {
    ParameterBuilder::new()
        .name("id")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .schema(Some(of_text()))
        .build()
}

fn query(name: &str, about: &str) -> Parameter {
    let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query).required(Required::False);
    parameter.description(Some(about)).schema(Some(of_text())).build()
}

fn order() -> Parameter {
    let order = of_text().enum_values(Some(["oldest", "newest"]));
    let parameter = ParameterBuilder::new().name("order").parameter_in(ParameterIn::Query).required(Required::False);
    parameter.description(Some("Which come first; the oldest where nothing is asked.")).schema(Some(order)).build()
}

fn paging() -> Vec<Parameter> {
    use utoipa::IntoParams;
    PageQuery::into_params(|| None)
}

fn json(about: &str, schema: impl Into<String>) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build();
    ResponseBuilder::new().description(about).content("application/json", content).build()
}

fn refusals(operation: OperationBuilder, known: &[(&str, &str)]) -> OperationBuilder {
    let always = [("401", ""), ("503", "AUDIT_UNAVAILABLE")];
    always
        .iter()
        .chain(known)
        .fold(operation, |operation, (status, about)| operation.response(*status, json(about, ErrorBody::name())))
}

fn operation<R: Register>(verb: &str, summary: &str, about: String) -> OperationBuilder {
    OperationBuilder::new()
        .tag(R::NAME)
        .operation_id(Some(format!("{verb}_{}", R::NAME.replace('-', "_"))))
        .summary(Some(summary))
        .description(Some(about))
}

fn who(who: &Who) -> String {
    let mut names: Vec<&str> = who.roles().map(crate::registers::Role::text).collect();
    if who.is_of_subject() {
        names.push("the person whom it is about");
    }
    if names.is_empty() { "the appliance, when its time comes".into() } else { names.join(", ") }
}

fn form<R: Register>() -> RequestBody {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(R::name()))).build();
    RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True)).build()
}

/// List and file.
pub(super) fn collection<R: Register>() -> PathItem {
    let list = operation::<R>(
        "list",
        R::ABOUT,
        format!("Articles: {}. As CSV with `Accept: text/csv`.", R::ARTICLES.join(", ")),
    )
    .parameters(Some(paging()))
    .parameter(query("unit", "Only of this unit."))
    .parameter(query("state", "Only in this state."))
    .parameter(query("user", "Only about this person."))
    .parameter(order())
    .extensions(Some(register_rules::extension::<R>()));
    let page = ContentBuilder::new().schema(Some(Ref::from_schema_name(format!("{}Page", title::<R>())))).build();
    let csv = ContentBuilder::new().schema(Some(of_text())).build();
    let answer =
        ResponseBuilder::new().description("").content("application/json", page).content("text/csv", csv).build();
    let list = refusals(list.response("200", answer), &[("403", "ROLE_FORBIDS"), ("422", "INVALID_FIELD")]);
    let file =
        operation::<R>("file", "File a record.", format!("By {}.", who(&R::FILING))).request_body(Some(form::<R>()));
    let file = refusals(
        file.response("201", json("", view_name::<R>())),
        &[
            ("400", "BAD_REQUEST"),
            ("403", "ROLE_FORBIDS"),
            ("404", "What it names is not there, or out of scope"),
            ("409", "CONFLICT"),
            ("413", "TOO_LARGE"),
            ("415", "UNSUPPORTED_MEDIA_TYPE"),
            ("422", "INVALID_FIELD"),
        ],
    );
    joined([(HttpMethod::Get, list.build()), (HttpMethod::Post, file.build())])
}

/// CSV in.
pub(super) fn import<R: Register>() -> PathItem {
    let columns: Vec<_> = R::COLUMNS.iter().map(|column| column.name).collect();
    let about = format!("By {}. UTF-8 CSV, all rows or none. Columns: {}.", who(&R::FILING), columns.join(", "));
    let content = ContentBuilder::new().schema(Some(of_text())).build();
    let body = RequestBodyBuilder::new().content("text/csv", content).required(Some(Required::True)).build();
    let operation = operation::<R>("import", "File records from a CSV file.", about).request_body(Some(body));
    let operation = refusals(
        operation.response("201", json("", Filed::name())),
        &[
            ("403", "ROLE_FORBIDS"),
            ("404", "What it names is not there, or out of scope"),
            ("409", "CONFLICT"),
            ("413", "TOO_LARGE"),
            ("415", "UNSUPPORTED_MEDIA_TYPE"),
            ("422", "INVALID_FIELD; `rows` has each fault"),
        ],
    );
    PathItem::new(HttpMethod::Post, operation.build())
}

/// Read and, where that is possible, correct.
pub(super) fn one<R: Register>() -> PathItem {
    let read = operation::<R>("read", "One record.", String::new()).parameter(id());
    let read = refusals(
        read.response("200", json("", view_name::<R>())),
        &[("403", "ROLE_FORBIDS"), ("404", "NOT_FOUND, also where it is out of scope")],
    );
    let read = (HttpMethod::Get, read.build());
    if R::CORRECTED_IN.is_empty() {
        return joined([read]);
    }
    let states: Vec<_> = R::CORRECTED_IN.iter().map(|state| state.word()).collect();
    let about = format!("By {}, while it is {}. What it was stays in the history.", who(&R::FILING), states.join(", "));
    let correct = operation::<R>("correct", "Correct a record.", about).parameter(id()).request_body(Some(form::<R>()));
    let correct = refusals(
        correct.response("200", json("", view_name::<R>())),
        &[
            ("400", "BAD_REQUEST"),
            ("403", "ROLE_FORBIDS"),
            ("404", "NOT_FOUND"),
            ("409", "CONFLICT: its state"),
            ("413", "TOO_LARGE"),
            ("415", "UNSUPPORTED_MEDIA_TYPE"),
            ("422", "INVALID_FIELD"),
        ],
    );
    joined([read, (HttpMethod::Put, correct.build())])
}

/// The steps; none where nobody but the appliance takes one.
pub(super) fn step<R: Register>() -> Option<PathItem> {
    let mut words: Vec<&str> = Vec::new();
    let mut about = String::new();
    for taken in R::MOVES.iter().filter(|taken| !taken.who.is_appliance()) {
        if !words.contains(&taken.step) {
            words.push(taken.step);
        }
        let from: Vec<_> = taken.from.iter().map(|state| state.word()).collect();
        let reason = if taken.needs_reason { ", with a reason" } else { "" };
        about +=
            &format!("`{}`: {} → {}, by {}{reason}. ", taken.step, from.join(", "), taken.to.word(), who(&taken.who));
    }
    if words.is_empty() {
        return None;
    }
    let step = of_text().enum_values(Some(words));
    let step = ParameterBuilder::new()
        .name("step")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .schema(Some(step));
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(StepBody::name()))).build();
    let body = RequestBodyBuilder::new().content("application/json", content).required(Some(Required::False)).build();
    let operation = operation::<R>("step", "Take a step.", about.trim().into()).parameter(id()).parameter(step.build());
    let operation = refusals(
        operation.request_body(Some(body)).response("200", json("", view_name::<R>())),
        &[
            ("400", "BAD_REQUEST"),
            ("403", "ROLE_FORBIDS, SECOND_PERSON_REQUIRED"),
            ("404", "NOT_FOUND"),
            ("409", "CONFLICT: its state or version"),
            ("413", "TOO_LARGE"),
            ("415", "UNSUPPORTED_MEDIA_TYPE"),
            ("422", "REASON_REQUIRED"),
        ],
    );
    Some(PathItem::new(HttpMethod::Post, operation.build()))
}

/// What became of a record.
pub(super) fn history<R: Register>() -> PathItem {
    let operation =
        operation::<R>("history_of", "A record's history, oldest first. No line of it is ever changed.", String::new());
    let operation = operation.parameters(Some(paging())).parameter(id());
    let operation = refusals(
        operation.response("200", json("", format!("{}History", title::<R>()))),
        &[("403", "ROLE_FORBIDS"), ("404", "NOT_FOUND"), ("422", "INVALID_FIELD")],
    );
    PathItem::new(HttpMethod::Get, operation.build())
}

fn joined<const N: usize>(operations: [(HttpMethod, Operation); N]) -> PathItem {
    let mut item = PathItem::default();
    for (method, operation) in operations {
        item.merge_operations(PathItem::new(method, operation));
    }
    item
}
