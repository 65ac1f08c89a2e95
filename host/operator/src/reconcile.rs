//! One reconcile, stage by stage. Level-triggered: it never learns why it runs, and looks at everything anew.
//!
//! ```text
//! observe (memory) ─► render (sandbox) ─► policy, plan (core) ─► apply (API server) ─► act ─► report (API server)
//!                        ▲      │ with a new act
//!                        └──────┴─► read afresh what it rests on (API server)
//! ```

use opstack_core::answer::{Answer, Children, Failure, Finalized, Phases};
use opstack_core::blame::{Blame, Fault};
use opstack_core::conditions::{NAMESPACE_NOT_GRANTED, Standing, UNAVAILABLE, Withdrawn};
use opstack_core::ids::{Gvk, ObjectKey, PluginName};
use opstack_core::policy::{self, Owner};
use opstack_core::requeue::{self, Requeue};
use opstack_core::status;
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::warn;

use crate::cache::Entry;
use crate::context::Context;
use crate::fresh::{self, Fresh};
use crate::plugins::Serving;
use crate::report::{self, Report, Reported, Subject};
use crate::{children, finalizer, render, secrets};

/// An act is handed over so soon after what it rests on was read, or not at all.
const ACTED_WITHIN: Duration = Duration::from_secs(10);

/// A kind whose objects are reconciled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedKind {
    /// The kind, in the version that its plugin reads.
    pub gvk: Gvk,
    /// The plugin that serves it, loaded or not.
    pub plugin: PluginName,
    /// Kinds that its objects may have made; for teardown without the plugin.
    pub owns: Vec<Gvk>,
    /// Kinds that are looked up.
    pub reads: Vec<Gvk>,
}

/// What a reconcile came to.
struct Outcome {
    standing: Standing,
    /// The plugin's answer, where it gave one and it was carried out.
    answer: Option<Answer>,
    /// Digest of the baseline.
    applied: Option<String>,
    /// Something was written beside the status.
    wrote: bool,
    /// What was written lets more be written.
    again: bool,
    /// The object is another one by now: nothing is reported, and it is looked at again.
    outdated: bool,
}

impl Outcome {
    fn of(standing: Standing) -> Self {
        Self { standing, answer: None, applied: None, wrote: false, again: false, outdated: false }
    }
}

/// Brings one object to where its spec wants it, while so many others stand in line. Says when to look again.
pub async fn reconcile(cx: &Context, served: &ServedKind, key: &ObjectKey, in_line: usize) -> Requeue {
    let Some(entry) = cx.hub.cache.get(key) else {
        cx.forget(key);
        return Requeue::Await;
    };
    let object = entry.parsed();
    let serving = cx.registry.workload(&key.kind);
    let outcome = if entry.live.terminating {
        let blocked = tear_down(cx, served, serving.as_ref(), &entry, &object).await;
        match blocked {
            None => return Requeue::Await,
            Some(standing) => Outcome::of(standing),
        }
    } else {
        match advance(cx, served, serving.as_ref(), &entry, &object).await {
            Ok(outcome) => outcome,
            // That is nothing to tell: the one that serves now speaks next.
            Err(fault) if fault.reason == render::PLUGIN_CHANGED => return Requeue::Behind,
            Err(fault) => Outcome::of(faulty(fault)),
        }
    };
    match outcome.standing.withdraws() {
        Withdrawn::Nothing => {}
        Withdrawn::Acts => cx.chain.act(key, &[]),
        Withdrawn::All => cx.chain.forget(key),
    }
    if outcome.outdated || requeue::yields(outcome.wrote, in_line) {
        return Requeue::Behind;
    }
    let again = outcome.again;
    let next = conclude(cx, served, serving.as_deref(), &entry, &object, outcome).await;
    if again { Requeue::Behind } else { next }
}

fn faulty(fault: Fault) -> Standing {
    let retried = requeue::retried(fault.blame);
    Standing::Faulty { fault, retried }
}

/// All stages but the report.
async fn advance(
    cx: &Context,
    served: &ServedKind,
    serving: Option<&Arc<Serving>>,
    entry: &Arc<Entry>,
    object: &Value,
) -> Result<Outcome, Fault> {
    let key = &entry.key;
    let Some(serving) = serving else {
        let message =
            format!("plugin {} is not loaded; its Plugin object says why. What exists is left as it is", served.plugin);
        return Ok(Outcome::of(Standing::Faulty { fault: Fault::plugin(UNAVAILABLE, message), retried: false }));
    };
    if object["spec"]["paused"] == true {
        return Ok(Outcome::of(Standing::Paused));
    }
    if !serving.grants.allows_namespace(&key.namespace) {
        let message = format!("plugin {} is not granted the namespace {}", serving.name, key.namespace);
        return Ok(Outcome::of(Standing::Faulty {
            fault: Fault::new(Blame::Cluster, NAMESPACE_NOT_GRANTED, message),
            retried: false,
        }));
    }
    finalizer::add(cx, served, entry, object).await?;
    let is_new = object["status"].is_null();
    let rendered = match is_new {
        true => render::first(cx, serving, entry).await?,
        false => render::reconcile(cx, serving, entry).await?,
    };
    let mut answer = match rendered {
        Ok(answer) => answer,
        Err(failure) => return Ok(Outcome::of(standing_of(failure))),
    };
    answer = match fresh::acting(cx, serving, entry, answer).await? {
        Fresh::Answer(answer) => *answer,
        Fresh::Outdated => {
            // Nothing of it is told.
            return Ok(Outcome { outdated: true, ..Outcome::of(Standing::Ready) });
        }
    };
    let read = Instant::now();
    cx.budgets.claim(key, &answer)?;
    let mut wrote = false;
    if secrets::ensure(cx, key, &serving.name, &answer.secrets, is_new).await? {
        // The answer may depend on facts of what was just made; rendering again now spares the pods a restart.
        wrote = true;
        let known: Vec<_> = answer.actions.drain(..).map(|action| action.id).collect();
        answer = match render::reconcile(cx, serving, entry).await? {
            Ok(answer) => answer,
            Err(failure) => return Ok(Outcome::of(standing_of(failure))),
        };
        answer.actions.retain(|action| known.contains(&action.id));
        cx.budgets.claim(key, &answer)?;
        // The second call has put its own lookups in the place of the first one's.
        secrets::follow(cx, key, &answer.secrets);
    }
    let mut again = false;
    let (standing, applied) = match &answer.children {
        Children::Keep(why) => (kept(why, &answer), None),
        Children::Apply(resources) => {
            let owner = Owner {
                key: key.clone(),
                uid: entry.live.uid.to_string(),
                api_version: served.gvk.api_version(),
                spec: &object["spec"],
            };
            let desired = policy::check(resources, &owner, &serving.name, &serving.grants, cx.hub.kinds.as_ref())?;
            let carried = children::carry_out(cx, serving, key, object, desired).await?;
            wrote |= carried.wrote;
            again = carried.again;
            (carried.standing, Some(carried.digest))
        }
    };
    // Applying may have taken long.
    render::still_serves(cx, serving)?;
    cx.chain.declare(key, &answer.probes);
    if read.elapsed() > ACTED_WITHIN {
        // The children took their time; what the acts rest on is read again with the next look.
        answer.actions.retain(|action| cx.chain.knows(key, &action.id));
    }
    cx.chain.act(key, &answer.actions);
    let standing = match cx.chain.over_budget(key) {
        Some(fault) => Standing::Faulty { fault, retried: false },
        None => with_opinion(standing, &answer),
    };
    Ok(Outcome { standing, answer: Some(answer), applied, wrote, again, outdated: false })
}

/// Where an object stands whose children the plugin leaves as they are: by its own `Ready=False`, if it says so.
fn kept(why: &str, answer: &Answer) -> Standing {
    match with_opinion(Standing::Ready, answer) {
        Standing::Ready => Standing::Progressing("Kept".into(), why.into()),
        told => told,
    }
}

/// The plugin may know more than the children tell: its `Ready=False` counts.
fn with_opinion(standing: Standing, answer: &Answer) -> Standing {
    let opinion = answer.conditions.iter().find(|condition| condition.name == opstack_core::conditions::READY);
    match (standing, opinion) {
        (Standing::Ready, Some(own)) if own.status != opstack_core::answer::Truth::True => {
            Standing::Progressing(own.reason.clone(), own.message.clone())
        }
        (standing, _) => standing,
    }
}

fn standing_of(failure: Failure) -> Standing {
    match failure {
        Failure::Waiting(what) => Standing::Waiting(what),
        Failure::Invalid(errors) => {
            let lines: Vec<_> = errors.iter().map(|error| format!("{}: {}", error.path, error.message)).collect();
            Standing::Invalid(lines.join("; "))
        }
        Failure::Other(why) => Standing::Faulty { fault: Fault::plugin("Failed", why), retried: true },
    }
}

/// Takes down what the object made. Gives a standing only while something holds it up.
async fn tear_down(
    cx: &Context,
    served: &ServedKind,
    serving: Option<&Arc<Serving>>,
    entry: &Arc<Entry>,
    object: &Value,
) -> Option<Standing> {
    if !finalizer::is_set(served, object) {
        return None;
    }
    if let Some(serving) = serving.filter(|serving| serving.grants.allows_namespace(&entry.key.namespace)) {
        match render::finalize(cx, serving, entry).await {
            Ok(Ok(Finalized::Blocked(why))) => return Some(Standing::DeletionBlocked(why)),
            Ok(Ok(Finalized::Proceed)) => {}
            Ok(Err(failure)) => warn!(?failure, "the plugin's finalize failed; deletion goes on without it"),
            Err(fault) => warn!(%fault, "the plugin's finalize failed; deletion goes on without it"),
        }
    }
    cx.chain.forget(&entry.key);
    match finalizer::tear_down(cx, served, entry, object).await {
        Ok(()) => {
            cx.forget(&entry.key);
            None
        }
        Err(fault) => Some(faulty(fault)),
    }
}

/// Whether the status stands that was written before this process began: it says what was measured then, and not all of it
/// was measured again yet. To say in between that nothing is known would be two writes for each object and each restart.
fn stands(cx: &Context, key: &ObjectKey, object: &Value, outcome: &Outcome) -> bool {
    let status = &object["status"];
    let is_current = status["observedGeneration"] == object["metadata"]["generation"]
        && outcome.applied.as_deref() == status[status::APPLIED].as_str();
    is_current && outcome.answer.is_some() && !outcome.wrote && !cx.chain.is_measured(key)
}

/// Reports, and says when to look again.
async fn conclude(
    cx: &Context,
    served: &ServedKind,
    serving: Option<&Serving>,
    entry: &Entry,
    object: &Value,
    outcome: Outcome,
) -> Requeue {
    let manager = served.plugin.field_manager();
    let subject = Subject { key: &entry.key, gvk: &served.gvk, object, manager: &manager };
    let phases: Option<&Phases> = serving.and_then(Serving::manifest).and_then(|manifest| manifest.phases.as_ref());
    let plugin = outcome.answer.as_ref().map(|answer| (&answer.status, answer.conditions.as_slice()));
    let report = Report { standing: &outcome.standing, plugin, phases, applied: outcome.applied.as_deref() };
    cx.metrics.standing(served.plugin.as_str(), &outcome.standing);
    if stands(cx, &entry.key, object, &outcome) {
        return requeue::of(&outcome.standing, outcome.answer.and_then(|answer| answer.requeue_after));
    }
    let reported = match report::report(cx, &subject, &report).await {
        Err(fault) => {
            warn!(%fault, "failed to report");
            return Requeue::Backoff;
        }
        // Decided from a status that is no longer there: events and all else are the next look's.
        Ok(Reported::Outdated) => return Requeue::Behind,
        Ok(reported) => reported,
    };
    let changed = reported == Reported::Written;
    if changed || outcome.wrote {
        let mut events = outcome.answer.as_ref().map(|answer| answer.events.clone()).unwrap_or_default();
        events.extend(changed.then(|| report::event_of(&outcome.standing, &object["status"])).flatten());
        report::events(cx, &subject, &cx.budgets.events(&entry.key, events)).await;
    }
    let asked: Option<Duration> = outcome.answer.and_then(|answer| answer.requeue_after);
    let next = requeue::of(&outcome.standing, asked);
    match reported {
        Reported::Later(rest) => requeue::within(next, rest),
        _ => next,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opstack_core::answer::{Condition, Truth};

    #[test]
    fn why_children_are_kept_is_told_in_the_words_of_the_plugin() {
        let answer = |conditions: Vec<Condition>| Answer {
            children: Children::Keep("why".into()),
            secrets: vec![],
            probes: vec![],
            actions: vec![],
            status: Value::Null,
            conditions,
            events: vec![],
            requeue_after: None,
        };
        let progressing = |reason: &str, message: &str| Standing::Progressing(reason.into(), message.into());
        let refused = Condition::new("Ready", Truth::False, "ReferenceNotPermitted", "spec.ref names another's");
        let told = kept("why", &answer(vec![refused]));
        assert_eq!(told, progressing("ReferenceNotPermitted", "spec.ref names another's"));
        let other = Condition::new("L1Connected", Truth::False, "Timeout", "");
        let ready = Condition::new("Ready", Truth::True, "Ready", "");
        assert_eq!(kept("why", &answer(vec![other, ready])), progressing("Kept", "why"));
    }
}
