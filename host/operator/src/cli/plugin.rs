//! `opstack plugin`: look at, check and pack components.

use anyhow::{Context as _, bail};
use base64::Engine as _;
use clap::Subcommand;
use opstack_core::{document, policy};
use opstack_engine::{Artifact, Role};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

use super::offline;
use crate::plugins::object::{ConfigMapSource, GROUP, GrantSpec, KIND, PluginSpec, Source, VERSION};
use crate::plugins::{Serving, crd};

/// A ConfigMap may hold so much in all, in bytes before base64 (Kubernetes v1.36, `ValidateConfigMap`).
const CONFIG_MAP_LIMIT: usize = 1024 * 1024;

/// Look at, check and pack plugins.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print what a component says of itself.
    Inspect {
        /// Core module or component, plain or zstd.
        file: PathBuf,
    },
    /// Check a component as the operator would before it loads it.
    Validate {
        /// Core modules or components.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Compile components for this machine, and print where each is: for images, whose operator then need not compile them.
    Compile {
        /// Core modules or components.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Where they are put; the user's cache where absent.
        #[arg(long, value_name = "DIR")]
        into: Option<PathBuf>,
    },
    /// Print a ConfigMap with the component and a Plugin that grants what it asks for, to be read before they are applied.
    Pack {
        /// Core modules or components.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Namespace of the ConfigMap.
        #[arg(short, long, default_value = "opstack-system")]
        namespace: String,
    },
}

impl Command {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Inspect { file } => inspect(&file),
            Self::Validate { files } => files.iter().try_for_each(|file| validate(file)),
            Self::Compile { files, into } => compile(&files, into),
            Self::Pack { files, namespace } => files.iter().try_for_each(|file| pack(file, &namespace)),
        }
    }
}

fn load(file: &Path) -> anyhow::Result<Serving> {
    offline::load_file(&offline::engine()?, file)
}

fn inspect(file: &Path) -> anyhow::Result<()> {
    let serving = load(file)?;
    let mut facts = json!({
        "name": serving.name.as_str(),
        "digest": serving.plugin.digest().to_string(),
        "contractVersion": serving.plugin.contract_version(),
    });
    let mut say = |field: &str, value: Value| document::set(&mut facts, &[], field, value);
    match serving.plugin.role() {
        Role::Workload(manifest) => {
            say("role", "Workload".into());
            say("version", manifest.version.as_str().into());
            say("kind", crate::plugins::served_kind(manifest).to_string().into());
            say("asksFor", serde_json::to_value(GrantSpec::of(&serving.grants))?);
        }
        Role::Client(manifest) => {
            say("role", "ExecutionClient".into());
            say("version", manifest.version.as_str().into());
            say("dataFormat", manifest.data_format.as_str().into());
        }
    }
    print!("{}", serde_norway::to_string(&facts)?);
    Ok(())
}

fn validate(file: &Path) -> anyhow::Result<()> {
    let serving = load(file)?;
    if let Some(manifest) = serving.manifest() {
        crd::dressed(manifest, &serving.name)?;
        if manifest.owns.len() > policy::MAX_CHILDREN {
            bail!("{}: it owns {} kinds", file.display(), manifest.owns.len());
        }
    }
    println!("{}: {} is valid", file.display(), serving.title());
    Ok(())
}

fn compile(files: &[PathBuf], into: Option<PathBuf>) -> anyhow::Result<()> {
    let place = into.or_else(offline::cache_dir).context("there is no home directory: name a place by --into")?;
    let engine = offline::engine_with(Some(place))?;
    for file in files {
        offline::load_file(&engine, file)?;
        let artifact = Artifact::open(&std::fs::read(file)?).with_context(|| file.display().to_string())?;
        let entry = engine.cache_entry(&artifact).filter(|entry| entry.exists());
        println!("{}", entry.with_context(|| format!("{} could not be kept", file.display()))?.display());
    }
    Ok(())
}

fn pack(file: &Path, namespace: &str) -> anyhow::Result<()> {
    let serving = load(file)?;
    let bytes = std::fs::read(file)?;
    let artifact = Artifact::open(&bytes).with_context(|| file.display().to_string())?;
    let compressed = zstd::encode_all(artifact.bytes(), 19).context("failed to compress")?;
    if compressed.len() > CONFIG_MAP_LIMIT {
        bail!(
            "{}: {} bytes compressed; a ConfigMap holds {CONFIG_MAP_LIMIT}. Use spec.source.path",
            file.display(),
            compressed.len()
        );
    }
    let encoded = base64::engine::general_purpose::STANDARD.encode(&compressed);
    let name = format!("plugin-{}", serving.name);
    let config_map = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app.kubernetes.io/part-of": "opstack"}},
        "binaryData": {"plugin.wasm.zst": encoded},
    });
    let spec = PluginSpec {
        source: Source {
            config_map: Some(ConfigMapSource { namespace: Some(namespace.into()), name, key: None }),
            path: None,
        },
        digest: Some(serving.plugin.digest().to_string()),
        grants: GrantSpec::of(&serving.grants),
        configuration: Value::Null,
        limits: Default::default(),
    };
    let plugin = json!({
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "kind": KIND,
        "metadata": {"name": serving.name.as_str()},
        "spec": spec,
    });
    for object in [config_map, plugin] {
        println!("---\n{}", serde_norway::to_string(&object)?.trim_end());
    }
    Ok(())
}
