//! The call into the sandbox: what the plugin is told, and what it looked up meanwhile.
//!
//! An answer leaves here only if the plugin is still in service as it was when it was called, and asks for no call that it is not
//! granted.

use opstack_core::answer::{Answer, Child, Failure, Finalized, Request};
use opstack_core::blame::{Blame, Fault};
use opstack_core::document;
use opstack_core::ids::ObjectKey;
use opstack_core::policy;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use tokio::task::spawn_blocking;
use tracing::Span;

use crate::apply;
use crate::cache::Entry;
use crate::context::Context;
use crate::deps::Lookup;
use crate::hub::Texts;
use crate::lookups::Lookups;
use crate::named;
use crate::plugins::Serving;
use crate::secrets;

/// Reason of a fault: the plugin is not in service any more, or not as it was.
pub const PLUGIN_CHANGED: &str = "PluginChanged";

/// `workload.reconcile`.
///
/// # Errors
/// The plugin's fault, or the host's where the plugin went out of service meanwhile.
pub async fn reconcile(cx: &Context, serving: &Arc<Serving>, entry: &Entry) -> Result<Result<Answer, Failure>, Fault> {
    judged(cx, serving, entry, |_| vec![]).await
}

/// The same of an object that nobody has looked at yet. Secrets that the answer wants made are taken not to be there, and not read:
/// whoever makes them learns whether that is so, and asks again.
///
/// # Errors
/// As [`reconcile`].
pub async fn first(cx: &Context, serving: &Arc<Serving>, entry: &Entry) -> Result<Result<Answer, Failure>, Fault> {
    judged(cx, serving, entry, |answer| answer.secrets.iter().map(secrets::key_of).collect()).await
}

/// `assumed` names Secrets that need not be read for an answer.
async fn judged(
    cx: &Context,
    serving: &Arc<Serving>,
    entry: &Entry,
    assumed: fn(&Answer) -> Vec<ObjectKey>,
) -> Result<Result<Answer, Failure>, Fault> {
    let function: Function<_> = |serving, lookups, request| serving.plugin.reconcile(lookups, request);
    let assumed = |answer: &Result<Answer, Failure>| answer.as_ref().map(assumed).unwrap_or_default();
    let answer = call(cx, serving, entry, function, assumed).await?;
    if let Ok(answer) = &answer {
        policy::check_calls(answer, &serving.grants)?;
    }
    still_serves(cx, serving)?;
    Ok(answer)
}

/// Whether a plugin is in service as it was: with this component and these grants.
///
/// # Errors
/// When it is not; its objects were woken then, and are looked at again.
pub fn still_serves(cx: &Context, serving: &Arc<Serving>) -> Result<(), Fault> {
    if cx.registry.get(&serving.name).is_some_and(|now| Arc::ptr_eq(&now, serving)) {
        return Ok(());
    }
    let message = format!("plugin {} was taken out of service or changed while it was at work", serving.title());
    Err(Fault::new(Blame::Host, PLUGIN_CHANGED, message))
}

/// `workload.finalize`.
///
/// # Errors
/// The plugin's fault.
pub async fn finalize(
    cx: &Context,
    serving: &Arc<Serving>,
    entry: &Entry,
) -> Result<Result<Finalized, Failure>, Fault> {
    let function: Function<_> = |serving, lookups, request| serving.plugin.finalize(lookups, request);
    call(cx, serving, entry, function, |_| vec![]).await
}

/// A function of a plugin.
type Function<T> = fn(&Serving, Box<Lookups>, &Request) -> Result<T, Fault>;

/// A call may look up objects of which only outlines are known, and Secrets that were never read. They are read, and the call is
/// made again with them, which may look up others; not more often than this.
const CALLS: usize = 8;
/// Objects that are read for one reconcile.
const LOOKUPS: usize = 256;
/// Secrets that one call may look up.
const NAMES: usize = 64;

/// Calls the plugin until all that it looks up has been read, but for what is `assumed`: what was never read would pass for what is
/// not there.
async fn call<T: Send + 'static>(
    cx: &Context,
    serving: &Arc<Serving>,
    entry: &Entry,
    function: Function<T>,
    assumed: impl Fn(&T) -> Vec<ObjectKey>,
) -> Result<T, Fault> {
    let mut texts = Texts::new();
    for _ in 0..CALLS {
        let (answer, missing, recorded) = call_once(cx, serving, entry, function, Arc::new(texts.clone())).await;
        if texts.len() + missing.len() > LOOKUPS || named::names(&recorded).count() > NAMES {
            let message = format!(
                "plugin {} looks up more than {LOOKUPS} ConfigMaps or {NAMES} Secrets in one call",
                serving.title()
            );
            return Err(Fault::plugin("LookupLimit", message));
        }
        // Asked after it is recorded: a name that nobody seemed to look at may just have been forgotten.
        let mut unread = cx.hub.unread(&recorded);
        if let Ok(answer) = &answer {
            let assumed = assumed(answer);
            unread.retain(|name| !assumed.contains(name));
        }
        if missing.is_empty() && unread.is_empty() {
            return answer;
        }
        cx.hub.named.read(&cx.hub, &unread).await?;
        // The call was told that they are not there, and so it is.
        if missing.is_empty() && unread.iter().all(|name| cx.hub.cache.get(name).is_none()) {
            return answer;
        }
        let read = cx.hub.read(&entry.key, missing).await;
        texts.extend(read.map_err(|error| apply::fault_of(&error, "failed to read what the plugin looks up"))?);
    }
    let message = format!("plugin {} looks up ever further objects, {CALLS} times in a row", serving.title());
    Err(Fault::plugin("LookupLimit", message))
}

/// The answer, what has to be read before it counts, and all that was looked up.
async fn call_once<T: Send + 'static>(
    cx: &Context,
    serving: &Arc<Serving>,
    entry: &Entry,
    function: Function<T>,
    texts: Arc<Texts>,
) -> (Result<T, Fault>, BTreeSet<ObjectKey>, HashSet<Lookup>) {
    let request = request(cx, serving, entry);
    let lookups = Lookups::new(serving.clone(), cx.hub.cache.clone(), cx.registry.clone(), entry.key.clone());
    let lookups = lookups.with(texts);
    let recorded = lookups.recorded();
    let (plugin, span) = (serving.clone(), Span::current());
    let timer = cx.metrics.render(serving.name.as_str());
    let answer = spawn_blocking(move || span.in_scope(|| function(&plugin, Box::new(lookups), &request))).await;
    drop(timer);
    // Even a call that failed depends on what it had asked by then.
    let looked_up = recorded.take();
    cx.hub.deps.record(&entry.key, looked_up.clone());
    let answer = match answer {
        Ok(answer) => {
            answer.map_err(|fault| Fault { message: format!("plugin {}: {}", serving.title(), fault.message), ..fault })
        }
        Err(error) => Err(Fault::new(Blame::Host, "RenderTask", format!("failed to run the plugin: {error}"))),
    };
    (answer, recorded.missing(), looked_up)
}

fn request(cx: &Context, serving: &Serving, entry: &Entry) -> Request {
    Request {
        object: object(cx, entry),
        children: children(cx, &entry.key),
        observations: cx.chain.observations(&entry.key),
        outcomes: cx.chain.outcomes(&entry.key),
        facts: cx.facts.clone(),
        configuration: serving.configuration.clone(),
    }
}

/// The object, with the figures that its status would have if they were not put off.
fn object(cx: &Context, entry: &Entry) -> Arc<str> {
    let text = entry.text().unwrap_or_else(|| "null".into());
    if !cx.written.waits(&entry.key) {
        return text;
    }
    let mut object = entry.parsed();
    match cx.written.newer(&entry.key, &object["status"]) {
        Some(status) => {
            document::set(&mut object, &[], "status", status);
            object.to_string().into()
        }
        None => text,
    }
}

fn children(cx: &Context, owner: &ObjectKey) -> Vec<Child> {
    let inventory = cx.hub.cache.inventory(owner, []);
    inventory
        .into_iter()
        .map(|(key, live)| {
            let status = live.status.as_deref().unwrap_or("null");
            let readiness = live.readiness(&key.kind.kind);
            let version = cx.hub.gvk_of(&key.kind).map(|gvk| gvk.version.to_string()).unwrap_or_default();
            Child { status: status.into(), readiness, version, key }
        })
        .collect()
}
