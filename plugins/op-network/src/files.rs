//! The chain's files: taken from where the spec says, checked, and published in ConfigMaps of the network's namespace.

use k8s_openapi::api::core::v1::ConfigMap;
use opstack_sdk::answer::{Answer, Failure};
use opstack_sdk::cluster::Context;
use opstack_sdk::kubernetes::{App, config_map};
use opstack_sdk::opstack::network::{
    ConfigSource, File, GENESIS, L1_CHAIN_CONFIG, NetworkSpec, PublishedFile, ROLLUP_CONFIG, Source,
};
use opstack_sdk::opstack::references::config_map_text;
use opstack_sdk::values::{Address, rfc3339};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

use crate::l2::Running;
use crate::registry;
use crate::rollup::{self, Rollup};

/// What the API server takes for all values of a ConfigMap, in bytes (`MaxSecretSize` of its validation).
const LARGEST: usize = 1 << 20;

/// What is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Something named does not exist yet.
    Missing(String),
    /// The user must change something; (reason of the condition, message).
    Invalid(&'static str, String),
}

/// One file, found and checked.
struct Found {
    file: File,
    text: String,
    source: &'static str,
    /// The user's own ConfigMap already has the name and key under which the file would be published.
    in_place: bool,
}

/// The files that were found.
pub struct Files {
    found: Vec<Found>,
    /// The first problem, if any.
    pub problem: Option<Problem>,
    /// When the chain began, from the rollup configuration.
    pub began: Option<String>,
    /// The chain's SystemConfig, from the rollup configuration.
    pub system_config: Option<Address>,
    /// What the rollup configuration leaves to the arguments of nodes.
    pub gaps: Vec<String>,
}

impl Files {
    /// Looks for all files.
    ///
    /// # Errors
    /// When a lookup fails.
    pub fn gather(cx: &Context<'_>, app: &App, spec: &NetworkSpec, running: &Running) -> Result<Self, Failure> {
        let mut files =
            Self { found: vec![], problem: name_problem(spec), began: None, system_config: None, gaps: vec![] };
        let l1 = spec.l1_chain_config.as_ref().filter(|source| !source.given().is_empty());
        let both = [(ROLLUP_CONFIG, &spec.rollup_config), (GENESIS, &spec.l2_genesis)];
        for (file, source) in both.into_iter().chain(l1.map(|source| (L1_CHAIN_CONFIG, source))) {
            let looked = match source.chosen() {
                Source::Auto if file == ROLLUP_CONFIG && are_discovered(spec) => discovered(cx, app, spec, running)?,
                _ => find(cx, app, spec, file, source)?,
            };
            match looked {
                Ok(Some(found)) => files.found.push(found),
                Ok(None) => {}
                Err(problem) => files.problem = files.problem.or(Some(problem)),
            }
        }
        let rollup = files.found.iter().find(|found| found.file == ROLLUP_CONFIG);
        if let Some(value) = rollup.and_then(|found| serde_json::from_str(&found.text).ok()) {
            files.gaps = rollup::gaps(&value);
        }
        if let Some(rollup) = rollup.and_then(|found| Rollup::parse(&found.text).ok()) {
            files.began = Some(rfc3339(rollup.genesis.l2_time));
            files.system_config = rollup.l1_system_config_address;
        }
        Ok(files)
    }

    /// Where a file is published.
    pub fn published(&self, file: File, network: &str) -> Option<PublishedFile> {
        let found = self.found.iter().find(|found| found.file == file)?;
        Some(PublishedFile { config_map: file.config_map(network), key: file.key.into(), source: found.source.into() })
    }

    /// Adds the ConfigMaps to the answer.
    pub fn publish<S>(&self, answer: &mut Answer<S>, app: &App) {
        for found in self.found.iter().filter(|found| !found.in_place) {
            answer.child(&config_map(app, found.file.suffix, [(found.file.key, found.text.clone())]));
        }
    }
}

/// Whether the rollup configuration is one that a running node has to give.
pub fn are_discovered(spec: &NetworkSpec) -> bool {
    spec.registry_name().is_none() && spec.rollup_config.chosen() == Source::Auto
}

/// The name of a chain of the registry with another chain's id would send transactions to the wrong contracts, and with another
/// L1's no program starts.
fn name_problem(spec: &NetworkSpec) -> Option<Problem> {
    let name = spec.network_name.as_deref()?;
    let (l2, l1) = registry::chain_ids(name)?;
    let ids = [("whose", l2, "chainID", spec.chain_id.get()), ("whose L1's", l1, "l1ChainID", spec.l1_chain_id.get())];
    let (whose, wanted, field, given) = ids.into_iter().find(|(_, wanted, _, given)| wanted != given)?;
    let message = format!(
        "spec.networkName is {name}, {whose} chain id is {wanted}, but spec.{field} is {given}; change one of them"
    );
    Some(Problem::Invalid("ChainIdMismatch", message))
}

/// The outer error is a failed lookup, the inner one a problem to report. Nothing where no file is needed.
fn find(
    cx: &Context<'_>,
    app: &App,
    spec: &NetworkSpec,
    file: File,
    source: &ConfigSource,
) -> Result<Result<Option<Found>, Problem>, Failure> {
    let field = file.field;
    let (text, name, in_place) = match source.chosen() {
        Source::Inline(text) => (text.to_string(), "inline", false),
        Source::ConfigMap(reference) => {
            let text = match config_map_text(cx, app.namespace(), &reference.name, &reference.key) {
                Ok(text) => text,
                Err(Failure::Waiting(what)) => {
                    return Ok(Err(Problem::Missing(format!("{what} (spec.{field}.configMapRef)"))));
                }
                Err(failure) => return Err(failure),
            };
            let in_place = reference.name == file.config_map(app.instance()) && reference.key == file.key;
            (text, "configMapRef", in_place)
        }
        // The consumers' pods download it and check the digest.
        Source::Url { sha256: Some(_), .. } => return Ok(Ok(None)),
        Source::Url { sha256: None, .. } => {
            let message = format!("spec.{field}.url needs spec.{field}.sha256, the digest of the file");
            return Ok(Err(Problem::Invalid(reason(file), message)));
        }
        Source::Auto | Source::None => return Ok(nothing_given(spec, file)),
    };
    if let Err(why) = check(file, &text, spec) {
        let message = format!("spec.{field}.{name} {why}");
        return Ok(Err(Problem::Invalid(reason(file), message)));
    }
    if !in_place && let Some(taken) = taken(cx, app, file)? {
        return Ok(Err(taken));
    }
    Ok(Ok(Some(Found { file, text, source: name, in_place })))
}

/// Where every rollup configuration that nobody gave comes from: a running node. What one gave before stays published
/// while none answers, for it never changes but by upgrades that come with a release.
fn discovered(
    cx: &Context<'_>,
    app: &App,
    spec: &NetworkSpec,
    running: &Running,
) -> Result<Result<Option<Found>, Problem>, Failure> {
    let file = ROLLUP_CONFIG;
    let (text, why) = match running {
        Running::Config(text) => (Some(text.clone()), ""),
        Running::Silent(why) => (published(cx, app, file)?, why.as_str()),
    };
    let Some(text) = text else {
        let Err(Problem::Missing(what)) = nothing_given(spec, file) else { return Ok(Ok(None)) };
        return Ok(Err(Problem::Missing(format!("{what}; to discover it: {why}"))));
    };
    if let Err(how) = check(file, &text, spec) {
        let message = format!("spec.{}.autoDiscover: what the running node has {how}", file.field);
        return Ok(Err(Problem::Invalid(reason(file), message)));
    }
    if let Some(taken) = taken(cx, app, file)? {
        return Ok(Err(taken));
    }
    Ok(Ok(Some(Found { file, text, source: "autoDiscover", in_place: false })))
}

/// The file as we published it before.
fn published(cx: &Context<'_>, app: &App, file: File) -> Result<Option<String>, Failure> {
    let map = cx.built_in::<ConfigMap>(app.namespace(), &file.config_map(app.instance()))?;
    let data = map.filter(|map| is_ours(map, app)).and_then(|map| map.data);
    Ok(data.and_then(|mut data| data.remove(file.key)))
}

/// Chains of the registry are known to the programs by their name. For others somebody has to give the file.
fn nothing_given(spec: &NetworkSpec, file: File) -> Result<Option<Found>, Problem> {
    if spec.registry_name().is_some() {
        return Ok(None);
    }
    let why = match spec.former_registry_name() {
        Some(name) => format!("the programs refuse the name {name}: that chain is not in the registry that they carry"),
        None => "the chain is not one of the superchain registry (spec.networkName)".into(),
    };
    Err(Problem::Missing(format!("spec.{}: {why}, so it needs inline, configMapRef or url", file.field)))
}

/// A ConfigMap of the user under the name to publish is never overwritten.
fn taken(cx: &Context<'_>, app: &App, file: File) -> Result<Option<Problem>, Failure> {
    let name = file.config_map(app.instance());
    let Some(existing) = cx.built_in::<ConfigMap>(app.namespace(), &name)? else { return Ok(None) };
    if is_ours(&existing, app) {
        return Ok(None);
    }
    let message = format!(
        "spec.{field} is to be published as ConfigMap {name}, but one of that name exists and is not the operator's; delete it, or name it in spec.{field}.configMapRef with key {key} and nothing else",
        field = file.field,
        key = file.key,
    );
    Ok(Some(Problem::Invalid("ConfigMapConflict", message)))
}

fn is_ours(map: &ConfigMap, app: &App) -> bool {
    let labels = map.metadata.labels.iter().flatten();
    let labels: BTreeMap<_, _> = labels.collect();
    app.selector().iter().all(|(key, value)| labels.get(key) == Some(&value))
}

fn reason(file: File) -> &'static str {
    match file {
        ROLLUP_CONFIG => "InvalidRollupConfig",
        GENESIS => "InvalidGenesis",
        _ => "InvalidL1ChainConfig",
    }
}

fn check(file: File, text: &str, spec: &NetworkSpec) -> Result<(), String> {
    if text.len() > LARGEST {
        return Err(format!(
            "is {} bytes long, and a ConfigMap takes {LARGEST}; put it where it can be fetched, and set url and sha256 instead",
            text.len()
        ));
    }
    let (l1, l2) = (spec.l1_chain_id.get(), spec.chain_id.get());
    let same = |what: &str, found: u64, field: &str, wanted: u64| {
        if found == wanted { Ok(()) } else { Err(format!("says {what} {found}, but spec.{field} is {wanted}")) }
    };
    let not = |what: &'static str| move |error: serde_json::Error| format!("is not {what} in JSON: {error}");
    match file {
        ROLLUP_CONFIG => {
            let rollup = Rollup::parse(text).map_err(not("a rollup configuration"))?;
            same("l2_chain_id", rollup.l2_chain_id, "chainID", l2)?;
            same("l1_chain_id", rollup.l1_chain_id, "l1ChainID", l1)?;
            let problems = rollup::problems(&serde_json::from_str(text).map_err(not("a rollup configuration"))?);
            if problems.is_empty() { Ok(()) } else { Err(problems.join("; it ")) }
        }
        GENESIS => {
            let genesis: Genesis = serde_json::from_str(text).map_err(not("a genesis"))?;
            same("config.chainId", genesis.config.chain_id, "chainID", l2)
        }
        _ => {
            let chain: L1Chain = serde_json::from_str(text).map_err(not("a chain configuration"))?;
            let id = chain.config.map(|config| config.chain_id).or(chain.chain_id);
            same("chainId", id.ok_or("has no chainId")?, "l1ChainID", l1)
        }
    }
}

/// The fields of a genesis that are checked; its `alloc` can be megabytes.
#[derive(Deserialize)]
struct Genesis {
    config: GenesisConfig,
    #[serde(rename = "alloc")]
    _alloc: IgnoredAny,
}

#[derive(Deserialize)]
struct GenesisConfig {
    #[serde(rename = "chainId")]
    chain_id: u64,
}

/// A genesis of L1, or the `config` of one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct L1Chain {
    chain_id: Option<u64>,
    config: Option<GenesisConfig>,
}
