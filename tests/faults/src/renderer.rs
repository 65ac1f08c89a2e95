//! The plugins behind the engine, and a world in which what the examples refer to is there. No cluster.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use anyhow::{Context as _, Result, anyhow};
use opstack_core::{
    answer::{Answer, Children, Condition, Facts as ClusterFacts, Failure, GeneratedSecret, Policy, Request},
    asks,
    blame::Blame,
    ids::{Gvk, ObjectKey},
    policy::{self, Owner},
};
use opstack_engine::{Engine, EngineConfig};
use opstack_operator::{
    cache::{Cache, Keep, facts::Facts},
    cli::offline,
    lookups::Lookups,
    plugins::{Registry, Serving, loader},
};
use serde::Deserialize as _;
use serde_json::{Value, json};

/// Namespace of the objects that are rendered.
pub const NAMESPACE: &str = "here";

/// What a spec led to.
#[derive(Debug)]
pub enum Outcome {
    /// The plugin says what is wrong or missing.
    Refused(String),
    /// What the host would apply.
    Rendered(Rendered),
}

/// What the host would apply.
#[derive(Debug)]
pub struct Rendered {
    /// Children with the host's marks, and generated Secrets.
    pub objects: Vec<Value>,
    /// What the plugin says of itself.
    pub status: Value,
    /// Its conditions.
    pub conditions: Vec<Condition>,
}

/// The plugins, and what they can look up.
pub struct Renderer {
    registry: Arc<Registry>,
    cache: Arc<Cache>,
    facts: Arc<ClusterFacts>,
}

impl Renderer {
    /// Loads what is in a directory. Tells what is not there or can't be loaded: it is not for this crate to judge that.
    pub fn load(directory: &Path, names: &[&str]) -> Result<Self> {
        let engine = Engine::new(EngineConfig { cache_dir: offline::cache_dir(), ..EngineConfig::default() })?;
        let registry = Registry::default();
        for name in names {
            let path = directory.join(format!("{name}.wasm"));
            let loaded = fs::read(&path)
                .map_err(anyhow::Error::from)
                .and_then(|bytes| loader::trusted(&engine, &bytes).map_err(anyhow::Error::from));
            match loaded {
                Ok(serving) => _ = registry.insert(serving),
                Err(error) => println!("skipped: {}: {error:#}", path.display()),
            }
        }
        let facts = ClusterFacts {
            cluster_domain: "cluster.local".into(),
            operator_namespace: "opstack-system".into(),
            host_version: "0.1.0".into(),
            api_groups: vec![],
            host_image: "opstack:0.1.0".into(),
        };
        Ok(Self { registry: Arc::new(registry), cache: Arc::default(), facts: Arc::new(facts) })
    }

    /// Plugins that serve a kind.
    pub fn workloads(&self) -> Vec<Arc<Serving>> {
        self.registry.all().into_iter().filter(|serving| serving.kind().is_some()).collect()
    }

    /// Puts an object into the world.
    pub fn know(&self, object: &Value) {
        let key = key_of(object);
        let keep = Keep { body: true, status: true };
        self.cache.put(self.cache.entry(&key.kind, object.clone(), keep, &Facts::offline()));
    }

    /// Puts into the world what the objects lead to. They refer to each other, so it is done again and again.
    pub fn settle(&self, objects: &[Value]) -> Result<()> {
        for _ in 0..4 {
            for object in objects {
                let Some(serving) = self.registry.workload(&key_of(object).kind) else { continue };
                let outcome = self.render(&serving, object);
                if let Outcome::Rendered(made) = outcome.map_err(|why| anyhow!("{}: {why}", key_of(object)))? {
                    made.objects.iter().for_each(|made| self.know(made));
                    let mut object = object.clone();
                    object["status"] = made.status;
                    self.know(&object);
                }
            }
        }
        Ok(())
    }

    /// Renders an object, and checks all that can be checked without a cluster.
    ///
    /// # Errors
    /// What is wrong with the plugin.
    pub fn render(&self, serving: &Arc<Serving>, object: &Value) -> Result<Outcome, String> {
        let key = key_of(object);
        let lookups = Lookups::new(serving.clone(), self.cache.clone(), self.registry.clone(), key.clone());
        let request = Request {
            object: object.to_string().into(),
            children: vec![],
            observations: vec![],
            outcomes: vec![],
            facts: self.facts.clone(),
            configuration: serving.configuration.clone(),
        };
        match serving.plugin.reconcile(Box::new(lookups), &request) {
            Err(fault) => Err(format!("{}: {}", fault.reason, fault.message)),
            Ok(Err(failure)) => explained(failure).map(Outcome::Refused),
            // The host makes what is missing, and asks again.
            Ok(Ok(answer)) if self.generate(&answer.secrets) => self.render(serving, object),
            Ok(Ok(answer)) => checked(serving, &key, object, answer),
        }
    }

    /// Makes the Secrets that a plugin asks for, as far as they are not there. True if anything was made.
    fn generate(&self, secrets: &[GeneratedSecret]) -> bool {
        let mut made = false;
        for secret in secrets {
            let mut object = secret_of(secret);
            let known = self.cache.get(&key_of(&object)).map_or(Value::Null, |entry| entry.parsed()["facts"].clone());
            let missing = secret.entries.iter().any(|(key, _)| known[key.as_str()].is_null());
            object["facts"] = known;
            if missing {
                self.know(&object);
            }
            made |= missing;
        }
        made
    }
}

/// Which object a document is.
pub fn key_of(object: &Value) -> ObjectKey {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let gvk = Gvk::from_api_version(&text(&object["apiVersion"]), &text(&object["kind"]));
    let metadata = &object["metadata"];
    ObjectKey::new(gvk.group_kind, &text(&metadata["namespace"]), &text(&metadata["name"]))
}

/// A failure has to tell a person where to look.
fn explained(failure: Failure) -> Result<String, String> {
    let clear = |message: &str| message.trim().len() >= 3;
    match failure {
        Failure::Waiting(what) if clear(&what) => Ok(format!("waiting for {what}")),
        Failure::Other(why) if clear(&why) => Ok(why),
        Failure::Invalid(errors) => {
            let vague = errors.iter().find(|error| error.path.is_empty() || !clear(&error.message));
            match vague {
                None if errors.is_empty() => Err("Vague: an invalid spec without an error".into()),
                None => Ok(errors.iter().map(|e| format!("{}: {}", e.path, e.message)).collect::<Vec<_>>().join("; ")),
                Some(error) => Err(format!("Vague: {error:?}")),
            }
        }
        vague => Err(format!("Vague: {vague:?}")),
    }
}

fn checked(serving: &Serving, key: &ObjectKey, object: &Value, answer: Answer) -> Result<Outcome, String> {
    let fault = |fault: opstack_core::blame::Fault| format!("{}: {}", fault.reason, fault.message);
    policy::check_calls(&answer, &serving.grants).map_err(fault)?;
    if !(answer.status.is_object() || answer.status.is_null()) {
        return Err(format!("Status: it is no object: {}", answer.status));
    }
    let vague = answer.conditions.iter().find(|c| c.name.is_empty() || c.reason.is_empty());
    if let Some(condition) = vague {
        return Err(format!("Condition: {condition:?}"));
    }
    let resources = match &answer.children {
        Children::Apply(resources) => resources,
        Children::Keep(why) if why.trim().len() >= 3 => return Ok(Outcome::Refused(why.clone())),
        Children::Keep(_) => return Err("Vague: children are kept without a reason".into()),
    };
    let written = serving.manifest().map(asks::written).transpose().map_err(fault)?.unwrap_or_default();
    let kinds: BTreeMap<Gvk, bool> = written.into_iter().map(|kind| (kind, true)).collect();
    let api_version = object["apiVersion"].as_str().unwrap_or_default().to_owned();
    let uid = "00000000-0000-0000-0000-000000000001".into();
    let owner = Owner { key: key.clone(), uid, api_version, spec: &object["spec"] };
    let desired = match policy::check(resources, &owner, &serving.name, &serving.grants, &kinds) {
        Ok(desired) => desired,
        // What users merge into a pod, or allow it, is theirs; the host says where they do.
        Err(fault) if fault.blame == Blame::Spec => return Ok(Outcome::Refused(fault.message)),
        Err(other) => return Err(fault(other)),
    };
    let made = desired.children.into_iter().filter(|child| child.policy != Policy::Patch).map(|child| child.object);
    let objects = made.chain(answer.secrets.iter().map(secret_of)).collect();
    Ok(Outcome::Rendered(Rendered { objects, status: answer.status, conditions: answer.conditions }))
}

/// Values are the host's, and of no matter here; names and keys are the plugin's.
fn secret_of(secret: &GeneratedSecret) -> Value {
    let data: BTreeMap<_, _> = secret.entries.iter().map(|(key, _)| (key, "01".repeat(32))).collect();
    let labels: BTreeMap<_, _> = secret.labels.iter().cloned().collect();
    json!({"apiVersion": "v1", "kind": "Secret", "stringData": data,
        "metadata": {"name": secret.name, "namespace": secret.namespace, "labels": labels}})
}

/// The documents of a file with YAML, put into a namespace where they name none.
pub fn documents(path: &Path) -> Result<Vec<Value>> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let mut documents = Vec::new();
    for document in serde_norway::Deserializer::from_str(&text) {
        let mut document = Value::deserialize(document).with_context(|| path.display().to_string())?;
        if document["metadata"]["namespace"].is_null() {
            document["metadata"]["namespace"] = NAMESPACE.into();
        }
        documents.push(document);
    }
    Ok(documents)
}
