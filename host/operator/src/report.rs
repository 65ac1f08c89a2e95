//! What the user sees: status and events.

use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, Patch, PatchParams, PostParams};
use opstack_core::answer::{Condition, Event, Phases};
use opstack_core::blame::Fault;
use opstack_core::conditions::{self, Standing};
use opstack_core::ids::{Gvk, ObjectKey};
use opstack_core::{document, hash, status};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tracing::warn;

use crate::apply::{api_of, fault_of};
use crate::context::Context;
use crate::fresh;

/// An object about which something is reported.
pub struct Subject<'a> {
    /// Which.
    pub key: &'a ObjectKey,
    /// Version in which its status is written.
    pub gvk: &'a Gvk,
    /// The object as observed.
    pub object: &'a Value,
    /// Field manager of the status.
    pub manager: &'a str,
}

/// What is reported.
pub struct Report<'a> {
    /// Where it stands.
    pub standing: &'a Standing,
    /// The plugin's own status and conditions, where it spoke.
    pub plugin: Option<(&'a Value, &'a [Condition])>,
    /// Words for `status.phase`.
    pub phases: Option<&'a Phases>,
    /// Digest of the baseline.
    pub applied: Option<&'a str>,
}

/// What became of a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reported {
    /// It says nothing new.
    Unchanged,
    /// It was written.
    Written,
    /// It has newer figures and nothing else, and the last ones are hardly read: to be written after so long.
    Later(Duration),
    /// The object has another status by now than the one that this was decided from. Nothing was written.
    Outdated,
}

/// What was written of one object.
struct Last {
    at: Instant,
    /// Newer figures that are not written yet.
    waiting: Option<Waiting>,
}

struct Waiting {
    /// Digest of the status in the API server.
    over: String,
    /// JSON text of the one that is to follow.
    status: Box<str>,
}

/// When statuses were written, by object, and what waits to be.
#[derive(Default)]
pub struct Written(Mutex<HashMap<ObjectKey, Last>>);

impl Written {
    fn lock(&self) -> MutexGuard<'_, HashMap<ObjectKey, Last>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn since(&self, key: &ObjectKey) -> Option<Duration> {
        self.lock().get(key).map(|last| last.at.elapsed())
    }

    fn note(&self, key: &ObjectKey) {
        self.lock().insert(key.clone(), Last { at: Instant::now(), waiting: None });
    }

    fn put_off(&self, key: &ObjectKey, over: &Value, status: &Value) {
        if let Some(last) = self.lock().get_mut(key) {
            let (over, status) = (hash::of_json(over), status.to_string().into_boxed_str());
            last.waiting = Some(Waiting { over, status });
        }
    }

    /// Whether figures are put off.
    pub fn waits(&self, key: &ObjectKey) -> bool {
        self.lock().get(key).is_some_and(|last| last.waiting.is_some())
    }

    /// Forgets what another replica may have written meanwhile.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// The status that an object would have if figures were not put off: what a plugin remembers must not be older than what it
    /// said last. Nothing where there is none, or where somebody else has changed the status.
    pub fn newer(&self, key: &ObjectKey, status: &Value) -> Option<Value> {
        let written = self.lock();
        let waiting = written.get(key)?.waiting.as_ref()?;
        if hash::of_json(status) != waiting.over {
            return None;
        }
        serde_json::from_str(&waiting.status).ok()
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, key: &ObjectKey) {
        self.lock().remove(key);
    }
}

/// Writes the status if it changed by more than time, and by more than figures if some were just written.
///
/// # Errors
/// What the API server says; an object that is gone is no error.
pub async fn report(cx: &Context, subject: &Subject<'_>, report: &Report<'_>) -> Result<Reported, Fault> {
    let mut conditions = conditions::of_standing(report.standing);
    if let Some((_, own)) = report.plugin {
        conditions.extend(own.iter().filter(|condition| !conditions::is_host(&condition.name)).cloned());
    }
    let now = now();
    let previous = &subject.object["status"];
    let phase = match (report.plugin, report.standing, report.phases) {
        (None, Standing::Waiting(_), Some(phases)) => Some(phases.waiting.as_str()),
        (None, Standing::Invalid(_) | Standing::Faulty { .. }, Some(phases)) => Some(phases.error.as_str()),
        _ => None,
    };
    let next = status::next(
        previous,
        &status::Report {
            plugin: report.plugin.map(|(status, _)| status),
            conditions: &conditions,
            phase,
            applied: report.applied,
            generation: subject.object["metadata"]["generation"].as_i64().unwrap_or(0),
            now: &now,
        },
    );
    let Some(next) = next else { return Ok(Reported::Unchanged) };
    let rest = status::rest(status::is_news(previous, &next), cx.written.since(subject.key));
    if !rest.is_zero() {
        cx.written.put_off(subject.key, previous, &next);
        return Ok(Reported::Later(rest));
    }
    let Some(version) = version(cx, subject) else { return Ok(Reported::Outdated) };
    match patch(cx, subject, next, Some(&version)).await {
        Err(fault) if fault.reason == CONFLICT => {
            // Somebody has written since. What that was is read at once: the watch may be behind.
            fresh::object(cx, subject.key).await?;
            Ok(Reported::Outdated)
        }
        Err(fault) => Err(fault),
        Ok(()) => {
            cx.written.note(subject.key);
            Ok(Reported::Written)
        }
    }
}

/// Reason of the fault when an object has another version than the one that was to be written over.
const CONFLICT: &str = "Conflict";

/// The version over which a status is written: that which it was decided from, or a later one with the same status, as after a
/// write of our own. A status that was decided from an older one, and was on its way when another replica took over,
/// must not undo what that has begun.
fn version(cx: &Context, subject: &Subject<'_>) -> Option<String> {
    let of = |object: &Value| object["metadata"]["resourceVersion"].as_str().map(ToString::to_string);
    let decided_from = of(subject.object);
    let known = cx.hub.cache.get(subject.key)?.parsed();
    let is_same =
        known["status"] == subject.object["status"] && known["metadata"]["uid"] == subject.object["metadata"]["uid"];
    if of(&known) == decided_from { decided_from } else { of(&known).filter(|_| is_same) }
}

/// Writes a status as it is, whatever was written since.
///
/// # Errors
/// What the API server says; an object that is gone is no error.
pub async fn write(cx: &Context, subject: &Subject<'_>, status: Value) -> Result<(), Fault> {
    patch(cx, subject, status, None).await
}

/// Writes a status, over one version of the object or over any.
async fn patch(cx: &Context, subject: &Subject<'_>, status: Value, version: Option<&str>) -> Result<(), Fault> {
    let mut patch = json!({
        "apiVersion": subject.gvk.api_version(),
        "kind": subject.gvk.group_kind.kind.as_ref(),
        "metadata": {"name": subject.key.name.as_ref(), "uid": subject.object["metadata"]["uid"]},
        "status": status,
    });
    if let Some(version) = version {
        document::set(&mut patch, &["metadata"], "resourceVersion", version);
    }
    let api = match subject.key.namespace.as_ref() {
        "" => {
            let served = cx.hub.kinds.get(subject.gvk);
            served.map(|served| Api::all_with(cx.hub.client.clone(), &served.resource))
        }
        namespace => Some(api_of(cx, subject.gvk, namespace)?),
    };
    let Some(api) = api else { return Ok(()) };
    let params = PatchParams::apply(subject.manager).force();
    let writing = cx.hub.writing(subject.key, Some(subject.key.clone()));
    let answer = cx
        .leader
        .during(api.patch_status(&subject.key.name, &params, &Patch::Apply(crate::apply::document(&patch))))
        .await?;
    cx.metrics.write("status", answer.is_ok());
    match answer {
        Ok(written) => {
            writing.answered_by_status(written.object);
            Ok(())
        }
        Err(kube::Error::Api(refused)) if refused.code == 404 => Ok(()),
        Err(error) => Err(fault_of(&error, &format!("failed to write the status of {}", subject.key))),
    }
}

/// The time for conditions: RFC 3339, in seconds.
pub fn now() -> String {
    Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default().to_string()
}

/// What of a standing is worth an event: what is waited for, trouble, and that the trouble that the status told of is over.
pub fn event_of(standing: &Standing, before: &Value) -> Option<Event> {
    let (warning, reason, message) = match standing {
        Standing::Waiting(what) => (false, conditions::WAITING.to_string(), format!("waiting for {what}")),
        Standing::Invalid(why) => (true, conditions::INVALID.to_string(), why.clone()),
        Standing::Faulty { fault, .. } => (true, format!("{}{}", fault.blame, fault.reason), fault.message.clone()),
        Standing::DeletionBlocked(why) => (true, conditions::DELETION_BLOCKED.to_string(), why.clone()),
        Standing::Ready | Standing::Progressing(..) => {
            let reason = conditions::trouble(before)?;
            (false, "Recovered".to_string(), format!("what Ready called {reason} is over"))
        }
        Standing::Paused => return None,
    };
    Some(Event { warning, reason, message })
}

/// Writes events on an object. They are for people: a failure is logged and nothing more.
pub async fn events(cx: &Context, subject: &Subject<'_>, events: &[Event]) {
    let namespace = if subject.key.namespace.is_empty() { "default" } else { &subject.key.namespace };
    let api = Api::<k8s_openapi::api::core::v1::Event>::namespaced(cx.hub.client.clone(), namespace);
    for event in events {
        let now = Timestamp::now();
        // One name for equal events of one generation: told once, however often it is found.
        let fingerprint = opstack_core::hash::of_parts([
            subject.object["metadata"]["uid"].as_str().unwrap_or_default(),
            &subject.object["metadata"]["generation"].to_string(),
            &event.reason,
            &event.message,
        ]);
        let object = json!({
            "metadata": {"name": format!("{}.{}", subject.key.name, fingerprint.get(..16).unwrap_or_default()), "namespace": namespace},
            "involvedObject": {
                "apiVersion": subject.gvk.api_version(),
                "kind": subject.gvk.group_kind.kind.as_ref(),
                "namespace": subject.key.namespace.as_ref(),
                "name": subject.key.name.as_ref(),
                "uid": subject.object["metadata"]["uid"],
            },
            "type": if event.warning { "Warning" } else { "Normal" },
            "reason": event.reason,
            "message": event.message.chars().take(1000).collect::<String>(),
            "source": {"component": "opstack"},
            "reportingComponent": "opstack",
            "reportingInstance": "opstack",
            "firstTimestamp": now.to_string(),
            "lastTimestamp": now.to_string(),
            "count": 1,
        });
        let Ok(object) = serde_json::from_value(object) else { continue };
        match cx.leader.during(api.create(&PostParams::default(), &object)).await {
            Ok(Ok(_)) => {}
            Err(fault) => warn!(%fault, object = %subject.key, "failed to write an event"),
            Ok(Err(kube::Error::Api(status))) if status.code == 409 || status.code == 404 => {}
            Ok(Err(error)) => warn!(%error, object = %subject.key, "failed to write an event"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_that_are_put_off_are_what_the_plugin_sees_next() {
        let (written, key) = (Written::default(), "OptimismNetwork.optimism.io/ns/net".parse().unwrap());
        let (told, newer) = (json!({"head": 100}), json!({"head": 105}));
        written.put_off(&key, &told, &newer);
        assert_eq!(written.newer(&key, &told), None, "nothing was written before: nothing is put off");
        written.note(&key);
        written.put_off(&key, &told, &newer);
        assert_eq!(written.newer(&key, &told), Some(newer));
        assert_eq!(written.newer(&key, &json!({"head": 90})), None, "somebody else has changed it");
        written.note(&key);
        assert_eq!(written.newer(&key, &told), None, "it was written");
    }
}
