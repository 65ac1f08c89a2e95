//! A fresh look at what an act rests on.
//!
//! What the cache holds may be minutes old: a watch that tells nothing can't be told from one in which nothing happens. A child that is
//! applied by an old picture is applied again; an act can't be undone. So before an act that is new, the object and all
//! that was looked up for it are read from the API server's own store, and the plugin is asked again.

use futures::FutureExt;
use kube::api::{Api, ListParams};
use opstack_core::answer::Answer;
use opstack_core::blame::Fault;
use opstack_core::ids::ObjectKey;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tracing::warn;

use crate::apply::{self, fault_of};
use crate::cache::{Entry, Selector, Watched, selection};
use crate::context::Context;
use crate::deps::{Listing, Lookup};
use crate::plugins::Serving;
use crate::render;

/// All is read within so long, or nothing is done.
const READ_WITHIN: Duration = Duration::from_secs(10);
/// An answer that looks elsewhere each time is asked no more often than this.
const ATTEMPTS: usize = 3;

/// What a fresh look came to.
pub enum Fresh {
    /// This answer rests on it, or has no new act in it.
    Answer(Box<Answer>),
    /// The object itself is another one by now.
    Outdated,
}

/// Makes sure that new acts of an answer rest on a fresh picture. Where that can't be had they are left out, and tried again with
/// the next look at the object.
///
/// # Errors
/// As [`render::reconcile`], which is called again; a failure of the plugin keeps the first answer without its new acts.
pub async fn acting(cx: &Context, serving: &Arc<Serving>, entry: &Entry, mut answer: Answer) -> Result<Fresh, Fault> {
    let mut read = HashSet::new();
    for _ in 0..ATTEMPTS {
        let is_known = |id: &str| cx.chain.knows(&entry.key, id);
        if answer.actions.iter().all(|action| is_known(&action.id)) {
            return Ok(Fresh::Answer(Box::new(answer)));
        }
        let lookups = cx.hub.deps.of(&entry.key);
        if lookups.is_subset(&read) && !read.is_empty() {
            return Ok(Fresh::Answer(Box::new(answer)));
        }
        match timeout(READ_WITHIN, look(cx, &entry.key, &lookups)).await {
            Ok(Ok(())) => read = lookups,
            Ok(Err(fault)) => return Ok(withheld(cx, entry, answer, &fault.message)),
            Err(_) => return Ok(withheld(cx, entry, answer, "the API server took too long")),
        }
        let now = cx.hub.cache.get(&entry.key);
        if now.is_none_or(|now| now.live.uid != entry.live.uid || now.resource_version != entry.resource_version) {
            return Ok(Fresh::Outdated);
        }
        answer = match render::reconcile(cx, serving, entry).await? {
            Ok(answer) => answer,
            Err(_) => return Ok(withheld(cx, entry, answer, "the plugin gave no second answer")),
        };
    }
    Ok(withheld(cx, entry, answer, "what it looks up changes with each answer"))
}

/// The answer without the acts that are new.
fn withheld(cx: &Context, entry: &Entry, mut answer: Answer, why: &str) -> Fresh {
    warn!(object = %entry.key, why, "acts are withheld: what they rest on could not be read afresh");
    answer.actions.retain(|action| cx.chain.knows(&entry.key, &action.id));
    Fresh::Answer(Box::new(answer))
}

/// Reads the object and what was looked up for it into the cache.
async fn look(cx: &Context, key: &ObjectKey, lookups: &HashSet<Lookup>) -> Result<(), Fault> {
    cx.leader.check()?;
    let own = Lookup::Object(key.clone());
    apply::all(lookups.iter().chain([&own]).map(|lookup| read(cx, lookup).boxed()).collect()).await
}

async fn read(cx: &Context, lookup: &Lookup) -> Result<(), Fault> {
    match lookup {
        Lookup::Object(key) | Lookup::Version(key) => object(cx, key).await,
        Lookup::List(listing) => list(cx, listing).await,
        // What is in service is known here; intents concern the loading of plugins alone.
        Lookup::Client(_) | Lookup::Intents(_) => Ok(()),
    }
}

/// Reads one object: without a version in the question the API server answers from its own store. By a list of one name, for which
/// the right to list is enough; Secrets are read by [`crate::named`].
///
/// # Errors
/// What the API server says.
pub async fn object(cx: &Context, key: &ObjectKey) -> Result<(), Fault> {
    let Some(api) = api(cx, key, Some(&key.namespace)) else { return Ok(()) };
    let known = cx.hub.cache.get(key);
    let one = ListParams::default().fields(&format!("metadata.name={}", key.name));
    let listed = api.list(&one).await.map_err(|error| fault_of(&error, &format!("failed to read {key}")))?;
    match listed.items.into_iter().next() {
        Some(read) => cx.hub.was_read(&key.kind, read.object),
        None => known.iter().for_each(|known| cx.hub.lose(known)),
    }
    Ok(())
}

/// Lists what a selector selects, as far as the API server can select.
async fn list(cx: &Context, listing: &Listing) -> Result<(), Fault> {
    let Listing { kind, namespace, selector } = listing;
    let place = ObjectKey::new(kind.clone(), namespace.as_deref().unwrap_or_default(), "");
    let Some(api) = api(cx, &place, namespace.as_deref()) else { return Ok(()) };
    let parsed = Selector::parse(selector);
    let known = cx.hub.cache.select(kind, namespace.as_deref(), &parsed);
    // Fields of the spec are ours to compare.
    let labels = selector.split(',').map(str::trim).filter(|term| !term.is_empty() && !term.starts_with('.'));
    let watched = selection(kind);
    let labels: Vec<_> = labels.chain(watched.label_selector.as_deref()).collect();
    let mut params = ListParams::default().limit(500).labels(&labels.join(","));
    params.field_selector = watched.field_selector.clone();
    let mut listed = vec![];
    loop {
        let page = api.list(&params).await;
        let page = page.map_err(|error| fault_of(&error, &format!("failed to list {kind}")))?;
        listed.extend(page.items.into_iter().map(|item| item.object));
        match page.metadata.continue_.filter(|next| !next.is_empty()) {
            Some(next) => params = params.continue_token(&next),
            None => break,
        }
    }
    cx.hub.was_listed(kind, &known, listed);
    Ok(())
}

/// Nothing where the kind is not watched: then nothing was found of it either.
fn api(cx: &Context, key: &ObjectKey, namespace: Option<&str>) -> Option<Api<Watched>> {
    let resource = cx.hub.resource_of(&key.kind)?;
    let client = cx.hub.client.clone();
    Some(match namespace.filter(|namespace| !namespace.is_empty()) {
        Some(namespace) => Api::namespaced_with(client, namespace, &resource),
        None => Api::all_with(client, &resource),
    })
}
