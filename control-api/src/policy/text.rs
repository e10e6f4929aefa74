//! Policy texts and what they must be: parsed, annotated, and valid against the schema in strict mode. A site's own may only
//! forbid, by a code of the shipped ones. A fault names its file, its line and what to do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use cedar_policy::{Effect, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use miette::Diagnostic;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::rule::Rule;
use crate::error::Code;

/// The shipped policies' version. A test holds it against a hash of their texts: who changes one gives it a new version.
pub const SHIPPED_VERSION: &str = "2026-11-2";
/// Hex digits of the site's hash in a version: 64 bits tell any two sets of one site apart.
const SITE_HASH_CHARS: usize = 16;

/// The shipped texts, by file.
const SHIPPED: [(&str, &str); 10] = [
    ("appliance.cedar", include_str!("../../policy/appliance.cedar")),
    ("bounds.cedar", include_str!("../../policy/bounds.cedar")),
    ("carrying.cedar", include_str!("../../policy/carrying.cedar")),
    ("conduct.cedar", include_str!("../../policy/conduct.cedar")),
    ("grant.cedar", include_str!("../../policy/grant.cedar")),
    ("person.cedar", include_str!("../../policy/person.cedar")),
    ("place.cedar", include_str!("../../policy/place.cedar")),
    ("purpose.cedar", include_str!("../../policy/purpose.cedar")),
    ("unit.cedar", include_str!("../../policy/unit.cedar")),
    ("viewing.cedar", include_str!("../../policy/viewing.cedar")),
];

/// The texts of one set of policies, whole: what is kept of it for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Texts {
    /// The version of the shipped ones.
    pub shipped_version: String,
    /// What a shipped policy may look at.
    pub facts_schema: String,
    /// What a site's own may look at.
    pub site_schema: String,
    /// The shipped policies by file.
    pub shipped: BTreeMap<String, String>,
    /// The site's own by file.
    pub site: BTreeMap<String, String>,
}

/// What is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PolicyFault {
    /// The file, without its folder.
    pub file: String,
    /// The line, from 1; 0 for the file as a whole.
    pub line: usize,
    /// What is wrong, and what to do.
    pub reason: String,
}

impl fmt::Display for PolicyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.reason)
    }
}

/// What the texts compile to.
pub(super) struct Compiled {
    pub(super) shipped: PolicySet,
    pub(super) site: Option<PolicySet>,
    pub(super) rules: Vec<Rule>,
}

impl Texts {
    /// The shipped policies with a site's own.
    pub fn with_site(site: BTreeMap<String, String>) -> Self {
        Self {
            shipped_version: SHIPPED_VERSION.into(),
            facts_schema: include_str!("../../policy/facts.cedarschema").into(),
            site_schema: include_str!("../../policy/site.cedarschema").into(),
            shipped: SHIPPED.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect(),
            site,
        }
    }

    /// The shipped policies alone.
    pub fn shipped() -> Self {
        Self::with_site(BTreeMap::new())
    }

    /// The shipped version, and where there are others a hash of those.
    pub fn version(&self) -> String {
        if self.site.is_empty() {
            return self.shipped_version.clone();
        }
        let hash = hex::encode(Sha256::digest(serde_json::to_vec(&self.site).expect("texts make JSON")));
        let short: String = hash.chars().take(SITE_HASH_CHARS).collect();
        format!("{}+{short}", self.shipped_version)
    }
}

/// The names of the facts that `texts` know, in the schema's order.
pub(super) fn fact_names(texts: &Texts) -> Vec<String> {
    let code = texts.facts_schema.lines().map(|line| line.split("//").next().unwrap_or_default());
    let fields = code.filter_map(|line| line.trim().strip_suffix(": Bool,"));
    fields.map(str::to_owned).collect()
}

/// Compiles the texts, or tells every fault.
pub(super) fn compile(texts: &Texts) -> Result<Compiled, Vec<PolicyFault>> {
    let mut faults = Vec::new();
    let mut rules: Vec<Rule> = Vec::new();
    let shipped = gather(&texts.shipped, &mut faults, |policy| shipped_rule(policy).map(|rule| rules.extend(rule)));
    check(&texts.facts_schema, &shipped, &texts.shipped, &mut faults);
    let taken: BTreeSet<String> = shipped.policies().map(|policy| policy.id().to_string()).collect();
    let orders: BTreeMap<Code, u32> = rules.iter().map(|rule| (rule.code, rule.order)).collect();
    let mut own = Vec::new();
    let mut site = gather(&texts.site, &mut faults, |policy| {
        own.push(site_rule(policy, &taken, &orders)?);
        Ok(())
    });
    check(&texts.site_schema, &site, &texts.site, &mut faults);
    rules.extend(own);
    let site = (!texts.site.is_empty()).then(|| {
        // They can only take away: what the shipped ones permit is the shipped ones' to say.
        let everything = Policy::parse(Some(PolicyId::new(EVERYTHING)), "permit (principal, action, resource);");
        if let Ok(permit) = everything {
            // No other policy is called so, as `is_name` sees to.
            drop(site.add(permit));
        }
        site
    });
    if faults.is_empty() { Ok(Compiled { shipped, site, rules }) } else { Err(faults) }
}

/// The permit that a site's own policies are asked beside; no policy of a file may be called so.
const EVERYTHING: &str = "everything";

/// The policies of all files under their own names.
fn gather(
    files: &BTreeMap<String, String>,
    faults: &mut Vec<PolicyFault>,
    mut take: impl FnMut(&Policy) -> Result<(), String>,
) -> PolicySet {
    let mut all = PolicySet::new();
    for (file, text) in files {
        let set = match PolicySet::from_str(text) {
            Ok(set) => set,
            Err(errors) => {
                let fault = |error: &cedar_policy::ParseError| PolicyFault {
                    file: file.clone(),
                    line: line_of(
                        text,
                        error.labels().and_then(|mut labels| labels.next()).map(|label| label.offset()),
                    ),
                    reason: error.to_string(),
                };
                faults.extend(errors.iter().map(fault));
                continue;
            }
        };
        if set.templates().next().is_some() {
            let reason = "a policy with `?principal` or `?resource` is a template; write it for all or by name".into();
            faults.push(PolicyFault { file: file.clone(), line: 0, reason });
        }
        for policy in set.policies() {
            let at = policy.annotation("id").map_or(0, |id| line_of_id(text, id));
            let mut fault = |reason: String| faults.push(PolicyFault { file: file.clone(), line: at, reason });
            let Some(id) = policy.annotation("id").filter(|id| is_name(id)) else {
                fault("each policy needs @id(\"a-name\") of a-z, 0-9 and -".into());
                continue;
            };
            let named = policy.new_id(PolicyId::new(id));
            if let Err(reason) = take(&named) {
                fault(reason);
            } else if all.add(named).is_err() {
                fault(format!("another policy has the id {id}"));
            }
        }
    }
    all
}

fn is_name(id: &str) -> bool {
    !id.is_empty() && id != EVERYTHING && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Its rule; none for what permits.
fn shipped_rule(policy: &Policy) -> Result<Option<Rule>, String> {
    if policy.effect() == Effect::Permit {
        return Ok(None);
    }
    let code = code(policy)?;
    let articles = articles(policy);
    if articles != code.articles() {
        return Err(format!("@article must be as the code's: {}", code.articles().join(", ")));
    }
    let order = policy.annotation("order").and_then(|text| text.parse().ok()).ok_or("@order must be a number")?;
    Ok(Some(Rule { id: policy.id().to_string().into(), code, articles, order, is_site: false }))
}

fn site_rule(policy: &Policy, taken: &BTreeSet<String>, orders: &BTreeMap<Code, u32>) -> Result<Rule, String> {
    let id = policy.id().to_string();
    if policy.effect() == Effect::Permit {
        return Err("a site's policy may only forbid; what is permitted is the shipped policies' to say".into());
    }
    if taken.contains(&id) {
        return Err(format!("a shipped policy has the id {id}"));
    }
    let code = code(policy)?;
    let order = *orders.get(&code).ok_or_else(|| format!("{} is no code of this decision", code.text()))?;
    if policy.annotation("order").is_some() {
        return Err("a site's policy stands where its code does; leave @order out".into());
    }
    Ok(Rule { id: id.into(), code, articles: articles(policy), order, is_site: true })
}

fn code(policy: &Policy) -> Result<Code, String> {
    let text =
        policy.annotation("code").ok_or("each forbid needs @code(\"…\"), a code of the rules such as NO_GRANT")?;
    let known = Code::ALL.iter().copied().find(|code| code.text() == text && code.is_denial());
    known.ok_or_else(|| format!("{text} is no code of the rules"))
}

fn articles(policy: &Policy) -> Vec<String> {
    let text = policy.annotation("article").unwrap_or_default();
    text.split(',').map(|article| article.trim().to_owned()).filter(|article| !article.is_empty()).collect()
}

/// Strictly against the schema. A warning, such as of a policy that can never apply, is a fault too: whoever wrote it meant more.
fn check(schema: &str, set: &PolicySet, files: &BTreeMap<String, String>, faults: &mut Vec<PolicyFault>) {
    let schema = match Schema::from_cedarschema_str(schema) {
        Ok((schema, _)) => schema,
        Err(error) => {
            faults.push(PolicyFault { file: "schema".into(), line: 0, reason: error.to_string() });
            return;
        }
    };
    let result = Validator::new(schema).validate(set, ValidationMode::Strict);
    let errors = result.validation_errors().map(|error| (error.policy_id().to_string(), error.to_string()));
    let warnings = result.validation_warnings().map(|warning| (warning.policy_id().to_string(), warning.to_string()));
    for (id, reason) in errors.chain(warnings) {
        let place = files.iter().map(|(file, text)| (file, line_of_id(text, &id))).find(|(_, line)| *line > 0);
        let (file, line) = place.map_or_else(|| ("?".to_owned(), 0), |(file, line)| (file.clone(), line));
        faults.push(PolicyFault { file, line, reason });
    }
}

/// The line of an offset, from 1.
fn line_of(text: &str, offset: Option<usize>) -> usize {
    offset
        .and_then(|offset| text.as_bytes().get(..offset))
        .map_or(0, |before| 1 + before.iter().filter(|b| **b == b'\n').count())
}

fn line_of_id(text: &str, id: &str) -> usize {
    line_of(text, text.find(&format!("@id(\"{id}\")")))
}
