//! Between the contract's records and the core's types. Numbers and names that a guest chose are checked here.

use opstack_core::answer::{
    Answer, Child, Children, ClientManifest, Condition, Event, Failure, FieldError, Finalized, GeneratedSecret,
    Manifest, Phases, Policy, Recipe, Request, Resource, Truth,
};
use opstack_core::blame::Fault;
use opstack_core::ids::{Gvk, ObjectKey};
use opstack_core::probe::{
    Action, ActionOutcome, Observation, Precondition, Probe, Question, RpcCall, SecretKey, Target,
};
use opstack_core::readiness::Readiness;
use serde_json::Value;
use std::time::Duration;

use crate::contract::{client_plugin, log, probes, types, workload};
use crate::host::LogLevel;

pub(crate) fn gvk(kind: &types::KindRef) -> Gvk {
    Gvk::new(&kind.group, &kind.version, &kind.kind)
}

pub(crate) fn level(level: log::Level) -> LogLevel {
    match level {
        log::Level::Trace => LogLevel::Trace,
        log::Level::Debug => LogLevel::Debug,
        log::Level::Info => LogLevel::Info,
        log::Level::Warn => LogLevel::Warn,
        log::Level::Error => LogLevel::Error,
    }
}

pub(crate) fn failure(failure: types::Failure) -> Failure {
    match failure {
        types::Failure::Invalid(errors) => {
            Failure::Invalid(errors.into_iter().map(|e| FieldError { path: e.path, message: e.message }).collect())
        }
        types::Failure::Waiting(what) => Failure::Waiting(what),
        types::Failure::Other(why) => Failure::Other(why),
    }
}

pub(crate) fn failure_to_guest(failure: Failure) -> types::Failure {
    match failure {
        Failure::Invalid(errors) => types::Failure::Invalid(
            errors.into_iter().map(|e| types::FieldError { path: e.path, message: e.message }).collect(),
        ),
        Failure::Waiting(what) => types::Failure::Waiting(what),
        Failure::Other(why) => types::Failure::Other(why),
    }
}

fn json(text: &str, what: &str) -> Result<Value, Fault> {
    serde_json::from_str(text).map_err(|error| Fault::plugin("InvalidAnswer", format!("{what} is not JSON: {error}")))
}

pub(crate) fn manifest(manifest: workload::Manifest) -> Result<Manifest, Fault> {
    Ok(Manifest {
        name: manifest.name,
        version: manifest.version,
        crd: json(&manifest.crd, "the manifest's crd")?,
        served_version: manifest.served_version,
        reads: manifest.reads.iter().map(gvk).collect(),
        owns: manifest.owns.iter().map(gvk).collect(),
        rpc_methods: manifest.rpc_methods,
        phases: manifest.phases.map(|phases| Phases { waiting: phases.waiting, error: phases.error }),
    })
}

pub(crate) fn client_manifest(
    manifest: client_plugin::exports::opstack::plugin::execution_client::ClientManifest,
) -> ClientManifest {
    ClientManifest { name: manifest.name, version: manifest.version, data_format: manifest.data_format }
}

pub(crate) fn request(request: &Request) -> workload::Request {
    workload::Request {
        object: request.object.to_string(),
        children: request.children.iter().map(child).collect(),
        observations: request.observations.iter().map(observation).collect(),
        outcomes: request.outcomes.iter().map(outcome).collect(),
        facts: workload::Facts {
            cluster_domain: request.facts.cluster_domain.clone(),
            operator_namespace: request.facts.operator_namespace.clone(),
            host_version: request.facts.host_version.clone(),
            api_groups: request.facts.api_groups.clone(),
            host_image: request.facts.host_image.clone(),
        },
        configuration: request.configuration.to_string(),
    }
}

fn child(child: &Child) -> workload::Child {
    workload::Child {
        ref_: types::ObjectRef {
            kind: types::KindRef {
                group: child.key.kind.group.to_string(),
                version: child.version.clone(),
                kind: child.key.kind.kind.to_string(),
            },
            namespace: Some(child.key.namespace.to_string()).filter(|namespace| !namespace.is_empty()),
            name: child.key.name.to_string(),
        },
        readiness: match &child.readiness {
            Readiness::Ready => workload::Readiness::Ready,
            Readiness::Progressing(what) => workload::Readiness::Progressing(what.clone()),
            Readiness::Failed(why) => workload::Readiness::Failed(why.clone()),
            Readiness::Terminating => workload::Readiness::Terminating,
        },
        status: child.status.clone(),
    }
}

fn observation(observation: &Observation) -> probes::Observation {
    probes::Observation {
        probe: observation.probe.clone(),
        pod: observation.pod.clone(),
        measured_at: observation.measured_at,
        stale: observation.stale,
        answer: observation.answer.as_ref().map(ToString::to_string).map_err(Clone::clone),
    }
}

fn outcome(outcome: &ActionOutcome) -> probes::ActionOutcome {
    probes::ActionOutcome { id: outcome.id.clone(), at: outcome.at, outcome: outcome.outcome.clone() }
}

pub(crate) fn answer(response: workload::Response) -> Result<Answer, Fault> {
    let status = json(&response.status, "the answer's status")?;
    if !status.is_object() && !status.is_null() {
        return Err(Fault::plugin("InvalidAnswer", "the answer's status is neither an object nor null"));
    }
    Ok(Answer {
        children: match response.children {
            workload::Children::Keep(why) => Children::Keep(why),
            workload::Children::Apply(all) => Children::Apply(all.into_iter().map(resource).collect()),
        },
        secrets: response.secrets.into_iter().map(secret).collect(),
        probes: response.probes.into_iter().map(probe).collect::<Result<_, _>>()?,
        actions: response.actions.into_iter().map(action).collect::<Result<_, _>>()?,
        status,
        conditions: response.conditions.into_iter().map(condition).collect(),
        events: response
            .events
            .into_iter()
            .map(|e| Event { warning: e.warning, reason: e.reason, message: e.message })
            .collect(),
        requeue_after: response.requeue_after_ms.map(|ms| Duration::from_millis(ms.into())),
    })
}

pub(crate) fn finalized(finalized: workload::Finalized) -> Finalized {
    match finalized {
        workload::Finalized::Proceed => Finalized::Proceed,
        workload::Finalized::Blocked(why) => Finalized::Blocked(why),
    }
}

fn resource(resource: workload::Resource) -> Resource {
    let policy = match resource.policy {
        workload::Policy::Delete => Policy::Delete,
        workload::Policy::Retain => Policy::Retain,
        workload::Policy::Patch => Policy::Patch,
    };
    Resource { object: resource.object, policy }
}

fn secret(secret: workload::GeneratedSecret) -> GeneratedSecret {
    let recipe = |recipe| match recipe {
        workload::Recipe::Hex32 => Recipe::Hex32,
        workload::Recipe::Secp256k1 => Recipe::Secp256k1,
    };
    GeneratedSecret {
        namespace: secret.namespace,
        name: secret.name,
        labels: secret.labels,
        entries: secret.entries.into_iter().map(|(key, how)| (key, recipe(how))).collect(),
    }
}

fn condition(condition: types::Condition) -> Condition {
    let status = match condition.status {
        types::ConditionStatus::Yes => Truth::True,
        types::ConditionStatus::No => Truth::False,
        types::ConditionStatus::Unknown => Truth::Unknown,
    };
    Condition { name: condition.name, status, reason: condition.reason, message: condition.message }
}

fn probe(probe: probes::Probe) -> Result<Probe, Fault> {
    let question = match probe.question {
        probes::Question::JsonRpc(calls) => Question::JsonRpc(calls.into_iter().map(call).collect::<Result<_, _>>()?),
        probes::Question::HttpGet => Question::HttpGet,
        probes::Question::Metrics(names) => Question::Metrics(names),
    };
    Ok(Probe {
        id: probe.id,
        target: target(probe.target),
        question,
        interval: Duration::from_millis(probe.interval_ms.into()),
        timeout: Duration::from_millis(probe.timeout_ms.into()),
        wake_on: probe.wake_on,
    }
    .clamped())
}

fn target(target: probes::Target) -> Target {
    match target {
        probes::Target::Url(url) => Target::Url(url),
        probes::Target::SecretUrl(key) => {
            Target::SecretUrl(SecretKey { namespace: key.namespace, name: key.name, key: key.key })
        }
        probes::Target::Service(service) => {
            Target::Service { namespace: service.namespace, name: service.name, port: service.port, path: service.path }
        }
        probes::Target::Pods(pods) => {
            let workload = pods.workload;
            let kind = gvk(&workload.kind).group_kind;
            let namespace = workload.namespace.unwrap_or_default();
            Target::Pods {
                workload: ObjectKey::new(kind, &namespace, &workload.name),
                port: pods.port,
                path: pods.path,
            }
        }
    }
}

fn call(call: probes::RpcCall) -> Result<RpcCall, Fault> {
    Ok(RpcCall { params: json(&call.params, "the params of a JSON-RPC call")?, method: call.method })
}

fn action(action: probes::Action) -> Result<Action, Fault> {
    let condition = action.precondition;
    Ok(Action {
        id: action.id,
        target: target(action.target),
        pod: action.pod,
        call: call(action.call)?,
        precondition: Precondition {
            call: call(condition.call)?,
            pointer: condition.pointer,
            equals: json(&condition.equals, "the precondition of an action")?,
        },
        timeout: Duration::from_millis(action.timeout_ms.into()),
    })
}
