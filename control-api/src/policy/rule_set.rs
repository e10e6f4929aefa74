//! A compiled set of policies: the shipped ones and a site's own, and what they say of one case. The shipped ones see yes-or-no
//! facts alone, so that what they said of a case holds for every case with the same facts: it is remembered. A site's own may look
//! at values, and are asked each time. A policy that fails while it is asked counts as one that forbids.

use std::sync::Arc;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityId, EntityTypeName, EntityUid, PolicyId, PolicySet, Request,
    RestrictedExpression,
};
use parking_lot::RwLock;
use rustc_hash::FxHashMap;

use super::fact::{Fact, FactSet};
use super::rule::Rule;
use super::text::{self, PolicyFault, Texts};
use super::values::Values;
use crate::error::Code;
use crate::grants::Verb;

/// Answers that are remembered. A site in good order meets a few dozen kinds of case; past this many all are forgotten, so that
/// nobody grows it by asking oddly.
const REMEMBERED_MAX: usize = 4_096;

/// What is asked of the policies.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Who asks; empty for nobody.
    pub principal: &'a str,
    /// What is to be done.
    pub verb: Verb,
    /// Of which camera; empty for one that is not known.
    pub camera: &'a str,
    /// What holds.
    pub facts: FactSet,
    /// What a site's own policies may look at besides.
    pub values: &'a Values,
}

/// What the policies say. `None` where they permit, else the first rule that refuses.
pub type Verdict = Option<Arc<Rule>>;

/// All that is in force at one time.
pub struct RuleSet {
    texts: Texts,
    version: Arc<str>,
    /// What the policies' schema calls the facts, each with the fact that it is.
    names: Vec<(String, Option<Fact>)>,
    shipped: PolicySet,
    site: Option<PolicySet>,
    rules: FxHashMap<PolicyId, Arc<Rule>>,
    nothing_permits: Arc<Rule>,
    uids: Uids,
    authorizer: Authorizer,
    entities: Entities,
    remembered: RwLock<FxHashMap<(Verb, FactSet), Verdict>>,
}

/// The names of types, and the entities that stand for anybody and anything where a policy may not tell them apart.
struct Uids {
    user: EntityTypeName,
    camera: EntityTypeName,
    actions: Vec<(Verb, EntityUid)>,
    anybody: EntityUid,
    anything: EntityUid,
}

/// What can be asked, by the word that policies and the ledger have for it.
pub const ACTIONS: [(Verb, &str); 5] = [
    (Verb::Live, "live"),
    (Verb::Playback, "playback"),
    (Verb::Download, "download"),
    (Verb::Snapshot, "snapshot"),
    (Verb::Export, "export"),
];

impl RuleSet {
    /// Parses and checks `texts`, strictly. Every fault is told, with its file and line.
    pub fn compile(texts: Texts) -> Result<Self, Vec<PolicyFault>> {
        let compiled = text::compile(&texts)?;
        let rules = compiled.rules.into_iter().map(|rule| (PolicyId::new(&rule.id), Arc::new(rule))).collect();
        let nothing_permits = Rule {
            id: "nothing-permits".into(),
            code: Code::NoGrant,
            articles: Code::NoGrant.articles().iter().map(|a| (*a).to_owned()).collect(),
            order: u32::MAX,
            is_site: false,
        };
        Ok(Self {
            version: texts.version().into(),
            names: text::fact_names(&texts).into_iter().map(named).collect(),
            texts,
            shipped: compiled.shipped,
            site: compiled.site,
            rules,
            nothing_permits: Arc::new(nothing_permits),
            uids: Uids::new(),
            authorizer: Authorizer::new(),
            entities: Entities::empty(),
            remembered: RwLock::default(),
        })
    }

    /// Its version: the shipped policies', and a hash of the site's own.
    pub const fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// What it was compiled from.
    pub const fn texts(&self) -> &Texts {
        &self.texts
    }

    /// What answers where no policy permits.
    pub fn nothing_permits(&self) -> Arc<Rule> {
        Arc::clone(&self.nothing_permits)
    }

    /// Its refusals in their order.
    pub fn rules(&self) -> Vec<Arc<Rule>> {
        let mut rules: Vec<_> = self.rules.values().cloned().collect();
        rules.sort_unstable_by(|a, b| (a.order, &a.id).cmp(&(b.order, &b.id)));
        rules
    }

    /// What it says of a case.
    pub fn verdict(&self, asked: &Asked<'_>) -> Verdict {
        first(self.shipped_verdict(asked), self.site_rules(asked).into_iter().min_by_key(place))
    }

    /// Forgets what was remembered: for measuring what asking anew costs.
    pub fn forget(&self) {
        self.remembered.write().clear();
    }

    /// As [`Self::verdict`], but every rule that refuses, in order, and nothing remembered: for an explanation.
    pub fn all_refusals(&self, asked: &Asked<'_>, lacking: &[String]) -> Vec<Arc<Rule>> {
        let holds = |name: &str, _: Option<Fact>| !lacking.iter().any(|lacks| lacks == name);
        let context = self.context(holds, None);
        let mut rules = match context {
            Some(context) => self.ask(&self.shipped, &self.uids.anybody, asked.verb, &self.uids.anything, context),
            None => vec![Arc::clone(&self.nothing_permits)],
        };
        rules.extend(self.site_rules_where(asked, holds));
        rules.sort_by(|a, b| (a.order, &a.id).cmp(&(b.order, &b.id)));
        rules
    }

    fn shipped_verdict(&self, asked: &Asked<'_>) -> Verdict {
        let kind = (asked.verb, asked.facts);
        if let Some(known) = self.remembered.read().get(&kind) {
            return known.clone();
        }
        let verdict = self.shipped_now(asked);
        let mut remembered = self.remembered.write();
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        remembered.insert(kind, verdict.clone());
        verdict
    }

    fn shipped_now(&self, asked: &Asked<'_>) -> Verdict {
        let Some(context) = self.context(holding(asked.facts), None) else {
            return Some(Arc::clone(&self.nothing_permits));
        };
        let refusals = self.ask(&self.shipped, &self.uids.anybody, asked.verb, &self.uids.anything, context);
        refusals.into_iter().min_by_key(place)
    }

    fn site_rules(&self, asked: &Asked<'_>) -> Vec<Arc<Rule>> {
        self.site_rules_where(asked, holding(asked.facts))
    }

    fn site_rules_where(&self, asked: &Asked<'_>, holds: impl Fn(&str, Option<Fact>) -> bool) -> Vec<Arc<Rule>> {
        let Some(site) = &self.site else { return Vec::new() };
        let Some(context) = self.context(holds, Some(asked.values)) else {
            return vec![Arc::clone(&self.nothing_permits)];
        };
        let uid = |kind: &EntityTypeName, id: &str| EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id));
        let (who, what) = (uid(&self.uids.user, asked.principal), uid(&self.uids.camera, asked.camera));
        self.ask(site, &who, asked.verb, &what, context)
    }

    /// Every rule of `set` that refuses. Where none does and nothing permits, that.
    fn ask(&self, set: &PolicySet, who: &EntityUid, verb: Verb, what: &EntityUid, context: Context) -> Vec<Arc<Rule>> {
        let nothing = || vec![Arc::clone(&self.nothing_permits)];
        let Some((_, action)) = self.uids.actions.iter().find(|(known, _)| *known == verb) else { return nothing() };
        let Ok(request) = Request::new(who.clone(), action.clone(), what.clone(), context, None) else {
            return nothing();
        };
        let response = self.authorizer.is_authorized(&request, set, &self.entities);
        let diagnostics = response.diagnostics();
        let failed = diagnostics.errors().map(|error| match error {
            cedar_policy::AuthorizationError::PolicyEvaluationError(error) => error.policy_id(),
        });
        // An id that is no rule's is the permit's.
        let refusals = diagnostics.reason().chain(failed).filter_map(|id| self.rules.get(id)).cloned();
        let refusals: Vec<_> = refusals.collect();
        if refusals.is_empty() && response.decision() == Decision::Deny { nothing() } else { refusals }
    }

    /// The facts as policies see them. None only where Cedar refuses a plain record, which then forbids.
    fn context(&self, holds: impl Fn(&str, Option<Fact>) -> bool, values: Option<&Values>) -> Option<Context> {
        let said =
            |(name, fact): &(String, Option<Fact>)| (name.clone(), RestrictedExpression::new_bool(holds(name, *fact)));
        let facts = self.names.iter().map(said);
        let values = values.map(Values::pairs).unwrap_or_default();
        Context::from_pairs(facts.chain(values)).ok()
    }
}

/// The facts of a set. A name that is no fact's does not hold.
fn holding(facts: FactSet) -> impl Fn(&str, Option<Fact>) -> bool {
    move |_, fact| fact.is_some_and(|fact| facts.holds(fact))
}

fn named(name: String) -> (String, Option<Fact>) {
    let fact = Fact::ALL.iter().copied().find(|fact| fact.name() == name);
    (name, fact)
}

fn place(rule: &Arc<Rule>) -> (u32, bool) {
    (rule.order, rule.is_site)
}

fn first(one: Verdict, other: Verdict) -> Verdict {
    match (one, other) {
        (Some(one), Some(other)) => Some(if place(&other) < place(&one) { other } else { one }),
        (one, other) => one.or(other),
    }
}

impl Uids {
    fn new() -> Self {
        let named = |text: &str| text.parse::<EntityTypeName>().expect("a plain word names a type");
        let (user, camera, action) = (named("User"), named("Camera"), named("Action"));
        let uid = |kind: &EntityTypeName, id: &str| EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id));
        Self {
            actions: ACTIONS.iter().map(|(verb, word)| (*verb, uid(&action, word))).collect(),
            anybody: uid(&user, ""),
            anything: uid(&camera, ""),
            user,
            camera,
        }
    }
}
