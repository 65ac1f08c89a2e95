//! Specs of all kinds of the plugins, right and wrong ones.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use anyhow::{Context as _, Result};
use opstack_operator::plugins::Serving;
use proptest::{
    prelude::{BoxedStrategy, Strategy, prop_oneof},
    sample::select,
    strategy::{Union, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::{Value, json};

use crate::{
    mutate::mutated,
    renderer::{NAMESPACE, Renderer, documents},
    schema::{Maker, Vocabulary},
};

/// The plugins of this repository.
const PLUGINS: [&str; 7] = ["geth", "op-batcher", "op-challenger", "op-network", "op-node", "op-proposer", "reth"];
/// Of how many attempts to make a failing spec smaller the result is shown.
const SIMPLER: usize = 300;

/// The plugins and specs for them.
pub struct Specs {
    /// The plugins, and the examples to refer to.
    pub renderer: Renderer,
    examples: Vec<Value>,
    vocabulary: Vocabulary,
}

impl Specs {
    /// Loads the plugins that were built, and the examples.
    pub fn load(root: &Path) -> Result<Self> {
        let renderer = Renderer::load(&root.join("target/plugins"), &PLUGINS)?;
        let mut files: Vec<_> =
            root.join("examples").read_dir()?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
        files.sort();
        let mut examples = Vec::new();
        for file in files {
            examples.extend(documents(&file)?);
        }
        let mut vocabulary = Vocabulary::default();
        for example in &examples {
            renderer.know(example);
            vocabulary.learn(&example["spec"]);
            if example["metadata"]["name"] == "sequencer" {
                renderer.know(&usual_sequencer(example));
            }
        }
        renderer.settle(&examples)?;
        Ok(Self { renderer, examples, vocabulary })
    }

    /// The specs of a plugin's kind that the examples have.
    pub fn examples_of(&self, serving: &Serving) -> Vec<Value> {
        let is_one =
            |object: &&Value| serving.kind().is_some_and(|kind| object["kind"] == kind.group_kind.kind.as_ref());
        self.examples.iter().filter(is_one).map(|object| object["spec"].clone()).collect()
    }

    /// Objects of a plugin's kind: some as the schema allows, some nearly so.
    pub fn objects(&self, serving: &Serving) -> Result<BoxedStrategy<Value>> {
        let kind = serving.kind().context("a plugin without a kind")?;
        let manifest = serving.manifest().context("a plugin without a manifest")?;
        let versions = manifest.crd["spec"]["versions"].as_array().context("a kind without versions")?;
        let served = versions.iter().find(|version| version["name"] == manifest.served_version.as_str());
        let schema = &served.context("a kind that is not served")?["schema"]["openAPIV3Schema"]["properties"]["spec"];
        let maker = |density| Maker { vocabulary: self.vocabulary.clone(), density };
        let made = |density| maker(density).objects("spec", schema);
        let examples = self.examples.iter().filter(|object| object["kind"] == kind.group_kind.kind.as_ref());
        let examples: Vec<_> = examples.map(|object| object["spec"].clone()).collect();
        let varied: Vec<_> = examples.iter().map(|example| maker(15).variations(example, schema)).collect();
        let spec = prop_oneof![
            1 => made(15),
            1 => made(60),
            1 => mutated(made(30)),
            4 => Union::new(varied),
            3 => mutated(select(examples).boxed()),
        ];
        let (api_version, kind) = (kind.api_version(), kind.group_kind.kind.to_string());
        let names = vec![
            "probe".to_owned(),
            "p".into(),
            "a.b".into(),
            "0".into(),
            "n".repeat(63),
            long_name(120),
            long_name(253),
        ];
        let object = move |(name, spec): (String, Value)| {
            json!({
                "apiVersion": api_version, "kind": kind, "spec": spec,
                "metadata": {"name": name, "namespace": NAMESPACE, "generation": 1,
                    "uid": "00000000-0000-0000-0000-000000000001", "creationTimestamp": "2026-01-01T00:00:00Z"},
            })
        };
        Ok((prop_oneof![4 => select(vec!["probe".to_owned()]), 1 => select(names)], spec).prop_map(object).boxed())
    }
}

/// The same node where others look for it that name none.
fn usual_sequencer(node: &Value) -> Value {
    let mut node = node.clone();
    node["metadata"] = json!({"name": "devnet-sequencer", "namespace": NAMESPACE});
    node
}

/// The longest names that Kubernetes allows have dots in them.
fn long_name(length: usize) -> String {
    (0..length).map(|index| if index % 60 == 59 && index + 1 < length { '.' } else { 'n' }).collect()
}

/// A source of cases that is the same in every run, unless `FAULTS_SEED` says otherwise.
pub fn runner() -> TestRunner {
    let seed = std::env::var("FAULTS_SEED").ok().and_then(|seed| seed.parse::<u64>().ok()).unwrap_or(1);
    let bytes: Vec<u8> = seed.to_le_bytes().into_iter().cycle().take(32).collect();
    let config = Config { failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// What was found, each kind of defect once, by the smallest case that shows it.
#[derive(Default)]
pub struct Findings {
    kinds: BTreeSet<String>,
    /// For people.
    pub lines: Vec<String>,
}

impl Findings {
    /// Notes a defect. If it is of a new kind, the case is made smaller as long as `defect` still finds one of that kind.
    pub fn note(
        &mut self,
        serving: &Arc<Serving>,
        tree: &mut dyn ValueTree<Value = Value>,
        why: &str,
        defect: impl Fn(&Value) -> Option<String>,
    ) {
        let kind = format!("{} {}", serving.name, gist(why));
        if !self.kinds.insert(kind.clone()) {
            return;
        }
        let (mut smallest, mut reason) = (tree.current(), why.to_owned());
        for _ in 0..SIMPLER {
            if !tree.simplify() {
                break;
            }
            match defect(&tree.current()).filter(|why| format!("{} {}", serving.name, gist(why)) == kind) {
                Some(why) => (smallest, reason) = (tree.current(), why),
                None => {
                    if !tree.complicate() {
                        break;
                    }
                }
            }
        }
        let shown: String = reason.chars().take(1500).collect();
        let name: String = smallest["metadata"]["name"].as_str().unwrap_or_default().chars().take(80).collect();
        let spec: String = smallest["spec"].to_string().chars().take(3000).collect();
        self.lines.push(format!("{}: {shown}\n  name {name}, spec {spec}", serving.name));
    }

    /// How many kinds of defects there are.
    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }
}

/// What two messages about the same defect have in common: their words, without values and names.
fn gist(why: &str) -> String {
    let is_word = |word: &&str| word.trim_end_matches([':', ',', ';']).chars().all(|c| c.is_ascii_alphabetic());
    let unquoted: String = why.split('"').step_by(2).collect();
    unquoted.split_whitespace().filter(is_word).take(12).collect::<Vec<_>>().join(" ")
}
