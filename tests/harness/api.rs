//! The control API as a script sees it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use media::wall::Wall;
use serde_json::{Value, json};
use ureq::tls::TlsConfig;

use super::eventually;

/// Two steps of a second factor: by then there is a code that nobody has shown.
const OTP_PATIENCE: Duration = Duration::from_secs(70);

/// One login.
#[derive(Clone)]
pub(crate) struct Client {
    agent: ureq::Agent,
    base: String,
    token: Option<String>,
}

/// Status and body of an answer; `Null` where the body is no JSON.
pub(crate) type Answer = (u16, Value);

impl Client {
    /// Nobody yet.
    pub(crate) fn new(base: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(std::time::Duration::from_secs(30)))
            // Whether the certificate is right is asked where that is the question.
            .tls_config(
                TlsConfig::builder()
                    .disable_verification(true)
                    .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                    .build(),
            )
            .build();
        Self { agent: config.into(), base: base.to_owned(), token: None }
    }

    /// The same, logged in.
    pub(crate) fn login(base: &str, user: &str, password: &str) -> Self {
        let mut client = Self::new(base);
        let body = serde_json::json!({"user": user, "password": password});
        let (status, answer) = client.post("/api/v1/login", &body);
        assert_eq!(status, 200, "login of {user}: {answer}");
        client.token = Some(answer["token"].as_str().expect("a token").to_owned());
        client
    }

    /// The same with the second factor whose secret this is. A code serves once, so where this one and the next were shown
    /// already it takes until there is a fresh one.
    pub(crate) fn login_with_otp(base: &str, user: &str, password: &str, secret: &str) -> Self {
        let mut client = Self::new(base);
        let mut shown = HashSet::new();
        client.token = Some(eventually(&format!("a fresh code of {user}"), OTP_PATIENCE, || {
            // Each is tried once: more would count towards a lock.
            let fresh = otp_codes(secret).into_iter().find(|otp| shown.insert(otp.clone()))?;
            let body = serde_json::json!({"user": user, "password": password, "otp": fresh});
            let (status, answer) = client.post("/api/v1/login", &body);
            assert!(status == 200 || answer["code"] == "MFA_REQUIRED", "login of {user}: {status} {answer}");
            answer["token"].as_str().map(str::to_owned)
        }));
        client
    }

    /// The same login where the API is now.
    pub(crate) fn at(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    fn url(&self, path: &str) -> String {
        if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) }
    }

    fn bearer(&self) -> String {
        self.token.as_ref().map(|t| format!("Bearer {t}")).unwrap_or_default()
    }

    /// GET.
    pub(crate) fn get(&self, path: &str) -> Answer {
        answer(self.agent.get(self.url(path)).header("authorization", self.bearer()).call())
    }

    /// GET of bytes.
    pub(crate) fn bytes(&self, path: &str) -> (u16, Vec<u8>) {
        bytes(self.agent.get(self.url(path)).call())
    }

    /// GET of bytes, logged in.
    pub(crate) fn download(&self, path: &str) -> (u16, Vec<u8>) {
        bytes(self.agent.get(self.url(path)).header("authorization", self.bearer()).call())
    }

    /// POST of JSON that is answered with bytes.
    pub(crate) fn post_for_bytes(&self, path: &str, body: &Value) -> (u16, Vec<u8>) {
        bytes(self.agent.post(self.url(path)).header("authorization", self.bearer()).send_json(body))
    }

    /// POST of JSON.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        answer(self.agent.post(self.url(path)).header("authorization", self.bearer()).send_json(body))
    }

    /// Any method; with an empty object where it has a body. In Chinese where `chinese`.
    pub(crate) fn call(&self, method: &str, path: &str, chinese: bool) -> Answer {
        let request = ureq::http::Request::builder().method(method).uri(self.url(path));
        // A server that refuses before it has read the body may close: each call has a connection of its own.
        let request = request.header("authorization", self.bearer()).header("connection", "close");
        let request = request.header("accept-language", if chinese { "zh-CN" } else { "en" });
        if matches!(method, "POST" | "PUT" | "PATCH") {
            let request = request.header("content-type", "application/json");
            return answer(self.agent.run(request.body("{}").expect("a request")));
        }
        answer(self.agent.run(request.body(()).expect("a request")))
    }

    /// Every call that the description names, but those that ask for no sign-in, as method and path with each id filled in.
    pub(crate) fn described_calls(&self) -> Vec<(String, String)> {
        let (status, document) = self.get("/openapi.json");
        assert_eq!(status, 200);
        let paths = document["paths"].as_object().expect("paths");
        let of_path = paths.iter().flat_map(|(path, item)| {
            let methods = item.as_object().expect("an object").iter();
            let closed = methods.filter(|(_, call)| call["responses"].is_object() && call["security"] != json!([{}]));
            closed.map(move |(method, _)| (method.to_uppercase(), filled_in(path)))
        });
        of_path.collect()
    }

    /// Who is signed in, by id.
    pub(crate) fn own_id(&self) -> String {
        self.get("/api/v1/me").1["id"].as_str().expect("an id").to_owned()
    }

    /// What of that register lies in the inbox.
    pub(crate) fn inbox(&self, register: &str) -> Vec<Value> {
        let (status, inbox) = self.get("/api/v1/inbox");
        assert_eq!(status, 200, "{inbox}");
        let tasks = inbox["items"].as_array().expect("items").iter();
        tasks.filter(|task| task["register"] == register).cloned().collect()
    }

    /// All events of the ledger, in order; for the auditor.
    pub(crate) fn ledger(&self) -> Vec<Value> {
        let (mut events, mut from) = (Vec::new(), "0".to_owned());
        loop {
            let (status, page) = self.get(&format!("/api/v1/ledger?limit=500&from={from}"));
            assert_eq!(status, 200, "{page}");
            events.extend(page["items"].as_array().expect("items").iter().map(|item| item["event"].clone()));
            match page["next"].as_str() {
                Some(next) => from = next.to_owned(),
                None => return events,
            }
        }
    }

    /// POST of CSV.
    pub(crate) fn post_csv(&self, path: &str, body: &str) -> Answer {
        let request = self.agent.post(self.url(path)).header("authorization", self.bearer());
        answer(request.header("content-type", "text/csv").send(body))
    }

    /// PATCH of JSON.
    pub(crate) fn patch(&self, path: &str, body: &Value) -> Answer {
        answer(self.agent.patch(self.url(path)).header("authorization", self.bearer()).send_json(body))
    }

    /// DELETE.
    pub(crate) fn delete(&self, path: &str) -> Answer {
        answer(self.agent.delete(self.url(path)).header("authorization", self.bearer()).call())
    }

    /// PATCH that must succeed.
    #[track_caller]
    pub(crate) fn change(&self, path: &str, body: &Value) -> Value {
        let request = self.agent.patch(self.url(path)).header("authorization", self.bearer());
        let (status, answer) = answer(request.send_json(body));
        assert_eq!(status, 200, "PATCH {path} {body}: {answer}");
        answer
    }

    /// A step of a record, which must succeed.
    #[track_caller]
    pub(crate) fn step(&self, register: &str, record: &Value, step: &str) -> Value {
        let id = record["id"].as_str().expect("a record has an id");
        self.create(&format!("/api/v1/{register}/{id}/{step}"), &json!({"reason": "journey"}))
    }

    /// POST that must succeed with 200 or 201.
    #[track_caller]
    pub(crate) fn create(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.post(path, body);
        assert!((200..300).contains(&status), "POST {path} {body}: {status} {answer}");
        answer
    }
}

/// A path with `1` for each id in it.
fn filled_in(path: &str) -> String {
    let part = |part: &str| if part.starts_with('{') { "1".to_owned() } else { part.to_owned() };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// The time so many seconds from now, as the API takes it.
#[expect(clippy::disallowed_methods, reason = "the appliance goes by real time")]
pub(crate) fn from_now(seconds: f64) -> jiff::Timestamp {
    jiff::Timestamp::try_from(SystemTime::now()).expect("a time of this age")
        + jiff::SignedDuration::from_secs_f64(seconds)
}

/// The codes that an authenticator with this secret shows now and in the next half minute.
#[expect(clippy::disallowed_methods, reason = "an authenticator goes by real time")]
fn otp_codes(secret: &str) -> [String; 2] {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    [now, now + Duration::from_secs(30)].map(|at| {
        let at = Wall::from_micros(i64::try_from(at.as_micros()).expect("before the year 294,247"));
        control_api::authn::otp::code(secret, at).expect("demo.json has secrets in base 32")
    })
}

fn bytes(result: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> (u16, Vec<u8>) {
    let mut response = result.expect("an HTTP answer");
    let body = response.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap_or_default();
    (response.status().as_u16(), body)
}

fn answer(result: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Answer {
    let mut response = result.expect("an HTTP answer");
    let status = response.status().as_u16();
    (status, response.body_mut().read_json().unwrap_or(Value::Null))
}
