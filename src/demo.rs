//! What a demo is seeded with: two units, an account for each role, and a grant by area, made over the API like everybody's
//! (application, endorsement, submission, acceptance, approval). Passwords are random and live in `demo.json`, readable by
//! its owner alone. A second start seeds nothing and only points the demo's cameras at where they are now.
#![allow(clippy::print_stdout, reason = "what a command says is its standard output")]

mod client;
mod order;

use std::collections::BTreeMap;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use control_api::authn::otp;
use control_api::bootstrap::{BootstrapError, first_account};
use control_api::ledger::Ledger;
use control_api::registers::Role;
use control_api::store::Store;
use media::wall::Clock;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::appliance::Reached;
use crate::clock::SystemClock;
use crate::config::Config;
use client::Client;

/// The department of the demo: public security has live, playback, download and raw on everything.
const UNIT: &str = "gaj";
/// One of its purposes: traffic order, accidents, fires, disasters (J-14(3)).
const PURPOSE: &str = "GA-3";
/// How long the demo's grant holds.
const GRANT_DAYS: i64 = 365;
const DAY_MICROS: i64 = 86_400_000_000;

/// One account as `demo.json` names it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Account {
    user: String,
    password: String,
    /// The secret of the second factor, base 32, for those who sign in with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    otp_secret: Option<String>,
}

/// What a start knows before it serves.
pub(crate) struct Seeds {
    accounts: BTreeMap<String, Account>,
    /// The first security administrator's one-time secret; none where a start before this one has used it.
    one_time: Option<String>,
}

/// Before the appliance runs: reads what an earlier start left, or makes the first account.
pub(crate) fn prepare(data: &Path, config: &Config) -> anyhow::Result<Seeds> {
    let kept = data.join("accounts.json");
    let ready = data.join("demo.json");
    if ready.exists() {
        // It says that the appliance answers, which is not so yet.
        std::fs::remove_file(&ready).with_context(|| format!("cannot remove {}", ready.display()))?;
    }
    if kept.exists() {
        let text = std::fs::read_to_string(&kept).with_context(|| format!("cannot read {}", kept.display()))?;
        let accounts = serde_json::from_str(&text)
            .with_context(|| format!("{} is damaged; remove the demo's folder to begin anew", kept.display()))?;
        return Ok(Seeds { accounts, one_time: None });
    }
    let clock = std::sync::Arc::new(SystemClock::start());
    for folder in [&config.state_path, &config.ledger_path] {
        crate::appliance::private_folder(folder)?;
    }
    let store = Store::open(&config.state_path.join("store"))?;
    let ledger = Ledger::open(&config.ledger_path, clock.clone(), &prometheus::Registry::new())?;
    let login = demo_login("security_admin").parse()?;
    let first = first_account(&store, &ledger, &config.api.settings, clock.wall(), login);
    ledger.close();
    match first {
        Ok(first) => Ok(Seeds { accounts: BTreeMap::new(), one_time: Some(first.secret) }),
        Err(BootstrapError::Done) => anyhow::bail!(
            "{} holds an appliance without accounts.json: an earlier seeding was cut off; remove the folder to begin anew",
            data.display()
        ),
        Err(error) => Err(error.into()),
    }
}

/// Once the appliance answers: seeds it, writes `demo.json`, prints what to open and `ready`.
pub(crate) async fn seed(data: PathBuf, seeds: Seeds, reached: Reached, sources: Vec<String>) -> anyhow::Result<()> {
    let accounts = match seeds.one_time {
        Some(secret) => seed_accounts(&reached, &secret, &data).await?,
        None => seeds.accounts,
    };
    let cameras = place_cameras(&reached, &accounts, &sources).await?;
    let demo = json!({
        "api": reached.api_url(), "trust": reached.trust, "rtsp": format!("rtsp://{}", reached.rtsp),
        "rtsps": reached.rtsps.map(|address| format!("rtsps://{address}")), "whep": reached.whep,
        "metrics": format!("http://{}/metrics", reached.metrics),
        "cameras": cameras, "purpose": PURPOSE, "accounts": accounts,
    });
    write_private(&data.join("demo.json"), &serde_json::to_vec_pretty(&demo)?)?;
    announce(&data, &reached, &accounts, &cameras);
    Ok(())
}

fn announce(data: &Path, reached: &Reached, accounts: &BTreeMap<String, Account>, cameras: &[String]) {
    let api = reached.api_url();
    println!("Sluice demo, everything under {}", data.display());
    match web::file("index.html") {
        Some(_) => println!("  console    {api}/   in a browser, with an account from below"),
        None => println!("  console    not built in: Node.js and npm were not there (make web)"),
    }
    println!("  API        {api}/api/v1      described at {api}/openapi.json");
    println!("  RTSP       rtsp://{}/s/TOKEN   a session gives the token", reached.rtsp);
    println!("  metrics    http://{}/metrics", reached.metrics);
    println!("  cameras    {}", cameras.join(" "));
    for (role, account) in accounts {
        let otp = account.otp_secret.as_ref().map(|secret| format!(" otp {secret}")).unwrap_or_default();
        println!("  {role:<20} {} {}{otp}", account.user, account.password);
    }
    println!("  The three with `otp` give a code with each sign-in: oathtool --totp -b SECRET, or any authenticator.");
    let operator = accounts.get("operator").map_or(("", ""), |a| (a.user.as_str(), a.password.as_str()));
    println!("Watch one (a session per viewing; every viewing is on the ledger):");
    println!(
        "  TOKEN=$(curl -s {api}/api/v1/login -H 'content-type: application/json' -d '{{\"user\":\"{}\",\"password\":\"{}\"}}' | grep -o '\"token\": *\"[^\"]*' | cut -d'\"' -f4)",
        operator.0, operator.1
    );
    println!(
        "  curl -s {api}/api/v1/sessions -H \"authorization: Bearer $TOKEN\" -H 'content-type: application/json' -d '{{\"camera\":\"{}\",\"verb\":\"live\",\"purpose\":\"{PURPOSE}\",\"reason\":\"a look\"}}'",
        cameras.first().map_or("CAMERA", String::as_str)
    );
    println!("  ffplay -rtsp_transport tcp URL     the URL is in the answer, at urls.rtsp");
    println!("ready");
}

/// The unit each role's account belongs to, for the roles that a person signs in with.
fn unit_of(role: Role) -> String {
    if role.is_bureau() { control_api::bootstrap::bureau().to_string() } else { UNIT.to_owned() }
}

fn demo_login(role: &str) -> String {
    role.replace('_', "-")
}

async fn seed_accounts(reached: &Reached, one_time: &str, data: &Path) -> anyhow::Result<BTreeMap<String, Account>> {
    let mut security = new_account("security_admin")?;
    let first = Client::login(reached, &security.user, one_time).await?;
    first.post("/api/v1/me/password", &json!({"old": one_time, "new": security.password})).await?;
    let keeper = Client::login(reached, &security.user, &security.password).await?;
    security.otp_secret = Some(enrol(&keeper).await.context("second factor of security_admin")?);
    let mut accounts = BTreeMap::from([(Role::SecurityAdmin.text().to_owned(), security)]);
    for role in Role::ALL.into_iter().filter(|role| *role != Role::SecurityAdmin) {
        let mut account = new_account(role.text())?;
        let user = json!({
            "user": account.user, "name": format!("Demo {}", role.text()), "staff_no": "000000", "unit": unit_of(role),
            "roles": [role.text()], "password": account.password, "must_change_password": false, "state": "approved",
        });
        keeper.post("/api/v1/users", &user).await.with_context(|| format!("account of {}", role.text()))?;
        if Role::SEPARATED.contains(&role) {
            let own = Client::login(reached, &account.user, &account.password).await?;
            let enrolled = enrol(&own).await;
            account.otp_secret = Some(enrolled.with_context(|| format!("second factor of {}", role.text()))?);
        }
        accounts.insert(role.text().to_owned(), account);
    }
    order::put_in_order(reached, &accounts, &keeper).await.context("what the rules want in order")?;
    grant_everything(reached, &accounts).await.context("the demo's grant")?;
    write_private(&data.join("accounts.json"), &serde_json::to_vec_pretty(&accounts)?)?;
    Ok(accounts)
}

fn new_account(role: &str) -> anyhow::Result<Account> {
    Ok(Account { user: demo_login(role), password: password()?, otp_secret: None })
}

/// Enrols a second factor for whoever is signed in, as an authenticator would; gives its secret.
async fn enrol(client: &Client) -> anyhow::Result<String> {
    let begun = client.post("/api/v1/me/otp", &json!({})).await?;
    let secret = begun.get("secret").and_then(Value::as_str).context("an enrolment gives a secret")?.to_owned();
    let code = otp::code(&secret, SystemClock::start().wall()).context("the secret makes codes")?;
    client.post("/api/v1/me/otp/confirm", &json!({"otp": code})).await?;
    Ok(secret)
}

/// The way of every grant: filed by the unit, endorsed by its head, decided by the Bureau.
async fn grant_everything(reached: &Reached, accounts: &BTreeMap<String, Account>) -> anyhow::Result<()> {
    let login = |role: Role| sign_in(reached, accounts, role);
    let now = SystemClock::start().wall().micros();
    let time = |micros: i64| jiff::Timestamp::from_microsecond(micros).map(|t| t.to_string());
    let form = json!({
        "responsible_person": "Demo unit_principal", "contact": "demo 0000",
        "narrative": "Demonstration: every camera of the site, live and recorded.",
        "terms": {
            "areas": [control_api::config::Config::default().site_area], "purposes": purposes(reached, accounts).await?,
            "verbs": ["live", "playback", "download", "raw"], "profile": "main",
            "valid_from": time(now - 60_000_000)?, "valid_to": time(now + GRANT_DAYS * DAY_MICROS)?,
        },
    });
    let (unit_admin, principal, bureau) =
        (login(Role::UnitAdmin).await?, login(Role::UnitPrincipal).await?, login(Role::BureauApprover).await?);
    let filed = unit_admin.post("/api/v1/applications/resource", &form).await?;
    let id = filed.get("id").and_then(Value::as_str).context("an application has an id")?.to_owned();
    let steps = [(&principal, "endorse"), (&unit_admin, "submit"), (&bureau, "accept"), (&bureau, "approve")];
    for (who, step) in steps {
        let path = format!("/api/v1/applications/resource/{id}/{step}");
        who.post(&path, &json!({"reason": "demonstration"})).await.with_context(|| step.to_owned())?;
    }
    Ok(())
}

/// All purposes of the demo's unit.
async fn purposes(reached: &Reached, accounts: &BTreeMap<String, Account>) -> anyhow::Result<Value> {
    let client = sign_in(reached, accounts, Role::UnitAdmin).await?;
    let unit = client.get(&format!("/api/v1/units/{UNIT}")).await?;
    unit.get("purposes").cloned().context("a unit has purposes")
}

async fn sign_in(reached: &Reached, accounts: &BTreeMap<String, Account>, role: Role) -> anyhow::Result<Client> {
    let account = accounts.get(role.text()).with_context(|| format!("no account of {}", role.text()))?;
    Client::login(reached, &account.user, &account.password).await
}

/// Adds the demo's cameras, or points those of an earlier start at where they are now.
async fn place_cameras(
    reached: &Reached,
    accounts: &BTreeMap<String, Account>,
    sources: &[String],
) -> anyhow::Result<Vec<String>> {
    if sources.is_empty() {
        return Ok(Vec::new());
    }
    let keeper = sign_in(reached, accounts, Role::CatalogueAdmin).await?;
    let mut ids = Vec::new();
    for (number, source) in (1..).zip(sources) {
        let id = format!("demo-{number}");
        let path = format!("/api/v1/cameras/{id}");
        if keeper.get(&path).await.is_ok() {
            keeper.patch(&path, &json!({"source": source})).await?;
        } else {
            keeper.post("/api/v1/cameras", &camera(&id, number, source)).await?;
        }
        ids.push(id);
    }
    Ok(ids)
}

fn camera(id: &str, number: usize, source: &str) -> Value {
    json!({
        "id": id, "name": format!("模拟摄像机 {number}"), "source": source, "resource_category": "道路",
        "location_name": format!("演示路口 {number}"), "camera_type": "固定枪机", "construction_unit": "演示",
        "maintenance_unit": "演示", "contact": "演示 0000",
    })
}

/// 120 random bits as 20 characters.
fn password() -> anyhow::Result<String> {
    let token = control_api::mint::Token::fresh()?;
    Ok(token.text.chars().take(20).collect())
}

fn write_private(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    use std::io::Write;
    let temporary = path.with_extension("tmp");
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.create(true).write(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path).with_context(|| format!("cannot write {}", path.display()))
}
