//! A rendered pod: its containers, as the kubelet would start them.

use anyhow::{Context as _, Result, bail};
use k8s_openapi::api::core::v1::{self, EnvVar, PodSpec, VolumeMount};
use op_programs::Legacy;
use opstack_sdk::opstack::release;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

use crate::files;
use crate::proof::{self, Surroundings};
use crate::task::{Bound, Sandbox, Task, Verdict};
use crate::volumes::Volumes;

/// Ordinal zero: what `metadata.name` says inside.
const POD_IP: &str = "127.0.0.1";

/// A container with everything in it that is known before it starts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// The program that its image is made for: users may have it in an image of any name.
    pub program: &'static str,
    /// Where its image holds an op-proposer that still has `--l2oo-address`: the release of that time, which is its judge.
    pub legacy: Option<Legacy>,
    /// Command and arguments.
    pub command: Vec<String>,
    /// Names and values.
    pub environment: Vec<(String, String)>,
    /// Path, volume, path in the volume, and whether it is read-only.
    mounts: Vec<(String, String, Option<String>, bool)>,
    /// What is rendered into files that it may read.
    rendered: String,
    /// Whether it runs to its end before others start.
    pub is_init: bool,
}

/// A pod that some case renders.
#[derive(Clone, Debug)]
pub struct Pod {
    /// In the order in which they start.
    pub containers: Vec<Container>,
    spec: PodSpec,
    claims: Vec<String>,
    objects: Vec<Value>,
}

impl Pod {
    /// The pods of what was rendered for one object.
    pub fn all(objects: &[Value]) -> Result<Vec<Self>> {
        let templates = objects.iter().filter(|object| object["spec"]["template"]["spec"].is_object());
        templates.map(|workload| Self::of(workload, objects)).collect()
    }

    fn of(workload: &Value, objects: &[Value]) -> Result<Self> {
        let name = workload["metadata"]["name"].as_str().unwrap_or_default();
        let namespace = workload["metadata"]["namespace"].as_str().unwrap_or_default();
        let spec: PodSpec = serde_json::from_value(workload["spec"]["template"]["spec"].clone())
            .with_context(|| format!("the pod of {name}"))?;
        let claims = workload["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten();
        let claims = claims.filter_map(|claim| Some(claim["metadata"]["name"].as_str()?.to_string())).collect();
        let start = |container: &v1::Container, is_init| Container::of(container, is_init, name, namespace, objects);
        let init = spec.init_containers.iter().flatten().map(|container| start(container, true));
        let all = init.chain(spec.containers.iter().map(|container| start(container, false)));
        Ok(Self { containers: all.collect::<Result<_>>()?, claims, objects: objects.to_vec(), spec })
    }

    /// Starts its containers one after the other on the same volumes, each to its proof. `program` tells where a container's
    /// program is; a container without one is left out.
    pub fn run(
        &self,
        sandbox: &Sandbox,
        program: impl Fn(&Container) -> Option<(String, PathBuf)>,
    ) -> Result<Vec<(Container, Verdict)>> {
        let volumes = self.volumes()?;
        let mut verdicts = vec![];
        for container in &self.containers {
            let Some(program) = program(container) else { continue };
            let task = self.task(container, &volumes, program).with_context(|| container.name.clone())?;
            let verdict = sandbox.run(&task)?;
            if let Some(path) = container.fetches() {
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                let text = files::of_chain(name).with_context(|| format!("nothing is known of the file {name}"))?;
                // Nobody serves the file that is downloaded: it is put where it would be.
                fs::write(task.on_host(path)?, text)?;
            }
            verdicts.push((container.clone(), verdict));
        }
        Ok(verdicts)
    }

    /// Its volumes as they are before anything has run.
    pub(crate) fn volumes(&self) -> Result<Volumes> {
        let keys: Vec<_> = self.containers.iter().flat_map(Container::tls).collect();
        Volumes::make(self.spec.volumes.as_deref().unwrap_or_default(), &self.claims, &self.objects, &keys)
    }

    /// What is to be started for a container, among listeners that nobody answers at.
    pub(crate) fn task(&self, container: &Container, volumes: &Volumes, program: (String, PathBuf)) -> Result<Task> {
        let mut surroundings = Surroundings::of(container);
        let proof = proof::of(container, &mut surroundings)?;
        let security = self.spec.security_context.as_ref();
        let id = |id: Option<i64>| id.and_then(|id| u32::try_from(id).ok()).unwrap_or(1000);
        Ok(Task {
            root: volumes.root(),
            programs: vec![program],
            command: container.command.clone(),
            environment: container.environment.clone(),
            bound: container.bound(volumes)?,
            helpers: container.helpers(),
            user: (id(security.and_then(|s| s.run_as_user)), id(security.and_then(|s| s.run_as_group))),
            hosts: surroundings.names(),
            listeners: surroundings.listeners,
            proof,
            shares_network: false,
        })
    }
}

impl Container {
    fn of(
        container: &v1::Container,
        is_init: bool,
        workload: &str,
        namespace: &str,
        objects: &[Value],
    ) -> Result<Self> {
        let config = |object: &&Value| object["kind"] == "ConfigMap";
        let rendered: String = objects.iter().filter(config).map(|object| object["data"].to_string()).collect();
        let mut environment = vec![];
        for variable in container.env.iter().flatten() {
            if is_left_out(variable, objects) {
                continue;
            }
            let value = value_of(variable, workload, namespace, objects).with_context(|| variable.name.clone())?;
            // Of the batcher's two lists, one may come from a Secret; they are of one length.
            let several = variable.name == "OP_BATCHER_ROLLUP_RPC" && variable.value.is_none();
            let wanted = environment.iter().find(|(name, _)| several && name == "OP_BATCHER_L2_ETH_RPC");
            let value = vec![value; wanted.map_or(1, |(_, list): &(String, String)| list.split(',').count())].join(",");
            let value = expand(&value, &environment);
            environment.push((variable.name.clone(), value));
        }
        let words = container.command.iter().chain(&container.args).flatten();
        let mount = |mount: &VolumeMount| {
            (mount.mount_path.clone(), mount.name.clone(), mount.sub_path.clone(), mount.read_only == Some(true))
        };
        Ok(Self {
            name: container.name.clone(),
            program: program_of(container)?,
            legacy: container.image.as_deref().and_then(legacy),
            command: words.map(|word| expand(word, &environment)).collect(),
            environment,
            mounts: container.volume_mounts.iter().flatten().map(mount).collect(),
            rendered,
            is_init,
        })
    }

    fn bound(&self, volumes: &Volumes) -> Result<Vec<Bound>> {
        let bound = self.mounts.iter().map(|(path, volume, inside, read_only)| {
            let directory = volumes.directory(volume)?;
            let host = inside.as_ref().map_or(directory.to_path_buf(), |inside| directory.join(inside));
            Ok(Bound { path: path.into(), host, read_only: *read_only })
        });
        bound.collect()
    }

    /// Files that its arguments name and no volume has: those of its image.
    fn helpers(&self) -> Vec<PathBuf> {
        let on_volume = |path: &Path| self.mounts.iter().any(|(mount, ..)| path.starts_with(mount));
        let paths =
            self.command.iter().filter(|word| word.starts_with("--cannon-")).filter_map(|word| word.split_once('='));
        let paths = paths.map(|(_, value)| PathBuf::from(value)).filter(|path| path.is_absolute());
        paths.filter(|path| !on_volume(path)).collect()
    }

    /// The files for TLS that its arguments name: the keys of the only kind of Secret that is mounted whole.
    fn tls(&self) -> impl Iterator<Item = (String, &'static str)> {
        let kinds =
            [("--signer.tls.ca=", "ca.crt"), ("--signer.tls.cert=", "tls.crt"), ("--signer.tls.key=", "tls.key")];
        kinds.into_iter().filter_map(|(flag, kind)| {
            let path = self.command.iter().find_map(|word| word.strip_prefix(flag))?;
            Some((Path::new(path).file_name()?.to_str()?.to_string(), kind))
        })
    }

    /// Where it puts a file that it downloads.
    fn fetches(&self) -> Option<&Path> {
        let fetches = self.command.iter().any(|word| word == "fetch");
        let to = self.command.iter().find_map(|word| word.strip_prefix("--to="));
        to.filter(|_| fetches).map(Path::new)
    }

    /// The names of its flags and of the variables that are its program's own.
    pub fn flags(&self) -> impl Iterator<Item = &str> {
        let flags = self.command.iter().filter(|word| word.starts_with("--"));
        let own = self.program.replace('-', "_").to_uppercase();
        let variables =
            self.environment.iter().map(|(name, _)| name.as_str()).filter(move |name| name.starts_with(&own));
        flags.map(|word| word.split('=').next().unwrap_or(word)).chain(variables)
    }
}

fn program_of(container: &v1::Container) -> Result<&'static str> {
    let first = container.command.iter().flatten().next().context("a container without a command")?;
    Ok(match first.as_str() {
        "op-node" => "op-node",
        "op-batcher" => "op-batcher",
        "op-proposer" => "op-proposer",
        "op-challenger" => "op-challenger",
        "op-conductor" => "op-conductor",
        "op-reth" => "op-reth",
        "opstack" => "opstack",
        // Its image has a shell, which brings it to its data.
        "geth" | "/bin/sh" => "op-geth",
        other => bail!("{other} is no program that is known here"),
    })
}

/// The release that is nearest to that of an image. v1.10.0 is the last op-proposer that is known to have `--l2oo-address`.
fn legacy(image: &str) -> Option<Legacy> {
    let version = release::of(image, "op-proposer").filter(|version| *version <= (1, 10, 0))?;
    Some(if version <= (1, 9, 4) { Legacy::V1_9_3 } else { Legacy::V1_12_2 })
}

/// The kubelet's substitution: `$(NAME)` of an earlier variable.
fn expand(text: &str, environment: &[(String, String)]) -> String {
    environment.iter().fold(text.into(), |text: String, (name, value)| text.replace(&format!("$({name})"), value))
}

/// Whether a variable comes from a ConfigMap that need not be there, and is not.
fn is_left_out(variable: &EnvVar, objects: &[Value]) -> bool {
    let key = variable.value_from.as_ref().and_then(|source| source.config_map_key_ref.as_ref());
    key.filter(|key| key.optional == Some(true)).is_some_and(|key| {
        objects.iter().all(|object| object["kind"] != "ConfigMap" || object["metadata"]["name"] != key.name.as_str())
    })
}

fn value_of(variable: &EnvVar, workload: &str, namespace: &str, objects: &[Value]) -> Result<String> {
    let Some(source) = &variable.value_from else { return Ok(variable.value.clone().unwrap_or_default()) };
    if source.secret_key_ref.is_some() {
        return Ok(files::of_variable(&variable.name).into());
    }
    if let Some(key) = &source.config_map_key_ref {
        let named = |object: &&Value| object["kind"] == "ConfigMap" && object["metadata"]["name"] == key.name.as_str();
        let text = objects.iter().find(named).and_then(|object| object["data"][&key.key].as_str());
        return match text {
            Some(text) => Ok(text.into()),
            None => bail!("key {} of ConfigMap {} is not rendered", key.key, key.name),
        };
    }
    let field = source.field_ref.as_ref().map(|field| field.field_path.as_str());
    Ok(match field.context("from a source that is not known here")? {
        "metadata.name" => format!("{workload}-0"),
        "metadata.namespace" => namespace.into(),
        "status.podIP" => POD_IP.into(),
        other => bail!("field {other} is not known here"),
    })
}
