//! `opstack render`: the objects that documents lead to, without a cluster.
//!
//! References resolve among the documents given and the objects rendered from them, so rendering is repeated until nothing new
//! comes of it.

use anyhow::{Context as _, anyhow, bail};
use clap::ValueEnum;
use opstack_core::answer::{Answer, Children, Facts as ClusterFacts, Failure, GeneratedSecret, Request};
use opstack_core::ids::{GroupKind, Gvk, ObjectKey};
use opstack_core::policy::{self, Owner};
use opstack_core::{asks, document};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::documents::{self, Document};
use super::offline;
use crate::cache::facts::Facts;
use crate::cache::{Cache, Keep};
use crate::lookups::Lookups;
use crate::plugins::{Registry, Serving, crd};
use crate::schema::{Refusal, Schema};

/// References between documents are at most so deep.
const ROUNDS: usize = 6;

/// Print the objects that documents lead to, without a cluster.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files with YAML or JSON documents: custom resources, and what they refer to (ConfigMaps, Secrets). `-` reads standard input.
    #[arg(short, long = "filename", value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Directory with plugins.
    #[arg(long, value_name = "DIR", default_value = offline::DEFAULT_DIR)]
    plugins: PathBuf,
    /// How to print: YAML documents, or one JSON List.
    #[arg(short, long, value_enum, default_value_t = Output::Yaml)]
    output: Output,
    /// DNS domain of the cluster.
    #[arg(long, default_value = "cluster.local")]
    cluster_domain: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Yaml,
    Json,
}

impl Args {
    /// Renders and prints.
    pub fn run(self) -> anyhow::Result<()> {
        let registry = Arc::new(offline::registry(&self.plugins)?);
        let mut documents = documents::load(&self.files)?;
        let mut refused = vec![];
        for document in &mut documents {
            refused.extend(stored(&registry, document)?);
        }
        if !refused.is_empty() {
            bail!("{}", refused.join("\n"));
        }
        let cache = Arc::new(Cache::default());
        let remember = |key: &ObjectKey, object: Value| {
            cache.put(cache.entry(&key.kind, object, Keep { body: true, status: true }, &Facts::offline()));
        };
        documents.iter().for_each(|document| remember(&document.key, document.object.clone()));
        let mut last = BTreeMap::new();
        for _ in 0..ROUNDS {
            let mut round = BTreeMap::new();
            for document in &documents {
                let Some(serving) = registry.workload(&document.key.kind) else { continue };
                let rendered = self.render(&registry, &cache, serving, document)?;
                for (key, object) in rendered.objects.iter().chain(&rendered.generated) {
                    if !documents.iter().any(|given| given.key == *key) {
                        remember(key, object.clone());
                    }
                }
                if let Ok(status) = &rendered.status {
                    let mut object = document.object.clone();
                    document::set(&mut object, &[], "status", status.clone());
                    remember(&document.key, object);
                }
                round.insert(document.key.clone(), rendered);
            }
            let settled = round == last;
            last = round;
            if settled {
                break;
            }
        }
        if last.is_empty() {
            bail!("no document is of a kind that a plugin in {} serves", self.plugins.display());
        }
        self.finish(&documents, last)
    }

    fn finish(&self, documents: &[Document], rendered: BTreeMap<ObjectKey, Rendered>) -> anyhow::Result<()> {
        let title =
            |key: &ObjectKey| documents.iter().find(|d| d.key == *key).map(|d| d.title.as_str()).unwrap_or_default();
        let mut objects = Vec::new();
        let mut failures = clashes(&rendered, title);
        for (key, rendered) in rendered {
            rendered.warnings.iter().for_each(|warning| eprintln!("warning: {}: {warning}", title(&key)));
            if let Err(failure) = rendered.status {
                failures.push(format!("{}: {failure}", title(&key)));
            }
            objects.extend(rendered.objects.into_values());
        }
        if !failures.is_empty() {
            bail!("{}", failures.join("\n"));
        }
        match self.output {
            Output::Json => {
                let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
                println!("{}", serde_json::to_string_pretty(&list)?);
            }
            Output::Yaml => {
                for object in objects {
                    println!("---\n{}", serde_norway::to_string(&object)?.trim_end());
                }
            }
        }
        Ok(())
    }

    fn render(
        &self,
        registry: &Arc<Registry>,
        cache: &Arc<Cache>,
        serving: Arc<Serving>,
        document: &Document,
    ) -> anyhow::Result<Rendered> {
        let body = cache.get(&document.key).and_then(|entry| entry.text());
        let request = Request {
            object: body.unwrap_or_else(|| "null".into()),
            children: vec![],
            observations: vec![],
            outcomes: vec![],
            facts: Arc::new(ClusterFacts {
                cluster_domain: self.cluster_domain.clone(),
                operator_namespace: "opstack-system".into(),
                host_version: env!("CARGO_PKG_VERSION").into(),
                api_groups: vec![],
                host_image: crate::cli::run::default_image(),
            }),
            configuration: serving.configuration.clone(),
        };
        let lookups = Lookups::new(serving.clone(), cache.clone(), registry.clone(), document.key.clone());
        let answer = serving.plugin.reconcile(Box::new(lookups), &request).map_err(|fault| {
            anyhow!("{}: plugin {} failed ({}): {}", document.title, serving.title(), fault.reason, fault.message)
        })?;
        match answer {
            Ok(answer) => rendered(&serving, document, answer).with_context(|| document.title.clone()),
            Err(failure) => Ok(Rendered { status: Err(explain(&failure)), ..Rendered::default() }),
        }
    }
}

/// What came of one document.
#[derive(PartialEq)]
struct Rendered {
    status: Result<Value, String>,
    objects: BTreeMap<ObjectKey, Value>,
    /// Stand-ins for the Secrets that the operator would generate; they are looked up and never printed.
    generated: BTreeMap<ObjectKey, Value>,
    warnings: Vec<String>,
}

impl Default for Rendered {
    fn default() -> Self {
        Self { status: Ok(Value::Null), objects: BTreeMap::new(), generated: BTreeMap::new(), warnings: vec![] }
    }
}

/// Objects to which two documents lead: in a cluster they are one, and the second document finds its name taken.
fn clashes<'a>(rendered: &BTreeMap<ObjectKey, Rendered>, title: impl Fn(&ObjectKey) -> &'a str) -> Vec<String> {
    let mut makers: BTreeMap<&ObjectKey, &ObjectKey> = BTreeMap::new();
    let mut taken: BTreeMap<(&ObjectKey, &ObjectKey), Vec<String>> = BTreeMap::new();
    for (key, of) in rendered {
        for object in of.objects.keys().chain(of.generated.keys()) {
            match makers.get(object) {
                Some(first) => taken.entry((key, first)).or_default().push(object.to_string()),
                None => _ = makers.insert(object, key),
            }
        }
    }
    let told = |((key, first), names): (&(&ObjectKey, &ObjectKey), &Vec<String>)| {
        format!(
            "{}: {} would be of {} too; objects of one kind, namespace and name are one object. Rename one of the two",
            title(key),
            names.join(", "),
            title(first)
        )
    };
    taken.iter().map(told).collect()
}

/// Makes a document what an API server would store, if a plugin serves its kind; gives what one would refuse.
fn stored(registry: &Registry, document: &mut Document) -> anyhow::Result<Vec<String>> {
    let Some(serving) = registry.workload(&document.key.kind) else { return Ok(vec![]) };
    let Some(manifest) = serving.manifest() else { return Ok(vec![]) };
    let definition = crd::dressed(manifest, &serving.name)?;
    let api_version = document.object["apiVersion"].as_str().unwrap_or_default();
    let version = api_version.rsplit('/').next().unwrap_or_default().to_string();
    let schema = Schema::of(&definition, &version).map_err(|why| anyhow!("{}: {why}", serving.title()))?;
    let Some(schema) = schema else {
        return Ok(vec![format!("{}: {} does not serve {api_version}", document.title, serving.title())]);
    };
    schema.complete(&mut document.object);
    let told = |refusal: Refusal| format!("{}: {}: {}", document.title, refusal.path, refusal.message);
    Ok(schema.refusals(&document.object).into_iter().map(told).collect())
}

/// A Secret with made-up values, the same at every run: the identities in it are valid, and not those of a cluster.
fn stand_in(secret: &GeneratedSecret) -> (ObjectKey, Value) {
    let value = |key: &str| hex::encode(Sha256::digest(format!("{}/{}/{key}", secret.namespace, secret.name)));
    let data: serde_json::Map<_, _> = secret.entries.iter().map(|(key, _)| (key.clone(), value(key).into())).collect();
    let key = ObjectKey::new(GroupKind::new("", "Secret"), &secret.namespace, &secret.name);
    let metadata = json!({"name": secret.name, "namespace": secret.namespace});
    (key, json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}))
}

fn rendered(serving: &Serving, document: &Document, answer: Answer) -> anyhow::Result<Rendered> {
    let mut warnings: Vec<_> =
        answer.events.iter().map(|event| format!("{}: {}", event.reason, event.message)).collect();
    warnings.extend(answer.secrets.iter().map(|secret| {
        let (namespace, name) = (&secret.namespace, &secret.name);
        let keys: Vec<_> = secret.entries.iter().map(|(key, _)| key.as_str()).collect();
        let keys = keys.join(", ");
        format!(
            "Secret {namespace}/{name} ({keys}) is generated in the cluster; what is derived from it here is made up"
        )
    }));
    let generated = answer.secrets.iter().map(stand_in).collect();
    let mut objects = BTreeMap::new();
    match &answer.children {
        Children::Keep(why) => {
            return Ok(Rendered { status: Err(format!("nothing is rendered: {why}")), objects, generated, warnings });
        }
        Children::Apply(resources) => {
            let manifest = serving.manifest().context("not a workload plugin")?;
            let kinds: BTreeMap<Gvk, bool> = asks::written(manifest)?.into_iter().map(|kind| (kind, true)).collect();
            let owner = Owner {
                key: document.key.clone(),
                uid: String::new(),
                api_version: String::new(),
                spec: &document.object["spec"],
            };
            let desired = policy::check(resources, &owner, &serving.name, &serving.grants, &kinds)?;
            for (child, resource) in desired.children.into_iter().zip(resources) {
                // Without the owner's marks: those are for a cluster.
                objects.insert(child.key, serde_json::from_str(&resource.object)?);
            }
        }
    }
    let mut status = answer.status;
    if let Some(status) = status.as_object_mut() {
        let conditions = answer
            .conditions
            .iter()
            .map(|c| json!({"type": c.name, "status": c.status.as_str(), "reason": c.reason, "message": c.message}));
        status.insert("conditions".into(), conditions.collect());
    }
    Ok(Rendered { status: Ok(status), objects, generated, warnings })
}

fn explain(failure: &Failure) -> String {
    match failure {
        Failure::Invalid(errors) => {
            errors.iter().map(|error| format!("{}: {}", error.path, error.message)).collect::<Vec<_>>().join("; ")
        }
        Failure::Waiting(what) => format!("it refers to {what}; give that document too"),
        Failure::Other(why) => why.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_to_which_two_documents_lead_is_told() {
        let key = |text: &str| text.parse::<ObjectKey>().unwrap();
        let leads_to = |names: &[&str]| Rendered {
            objects: names.iter().map(|name| (key(name), Value::Null)).collect(),
            ..Rendered::default()
        };
        let (node, batcher) = (key("OpNode.optimism.io/ns/zenith"), key("OpBatcher.optimism.io/ns/zenith"));
        let title = |of: &ObjectKey| if of.kind.kind.as_ref() == "OpNode" { "a.yaml" } else { "b.yaml" };
        let apart = [(node.clone(), leads_to(&["Service/ns/a"])), (batcher.clone(), leads_to(&["Service/ns/b"]))];
        assert_eq!(clashes(&apart.into(), title), [""; 0]);
        let one = [(node, leads_to(&["Service/ns/a"])), (batcher, leads_to(&["Service/ns/a", "Service/ns/b"]))];
        let told = clashes(&one.into(), title);
        let [told] = told.as_slice() else { panic!("{told:?}") };
        assert!(told.contains("Service/ns/a would be of") && !told.contains("ns/b"), "{told}");
        assert!(told.contains("a.yaml") && told.contains("b.yaml"), "{told}");
    }
}
