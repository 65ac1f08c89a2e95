//! The secrets of a node: the engine's JWT, the p2p identities of op-node and of the execution client.
//!
//! What is generated is named here, and made by the host; what the user gives is checked by its facts. No value passes
//! through this code.

use k8s_openapi::api::core::v1::{Container, Volume};
use opstack_sdk::Context;
use opstack_sdk::answer::{Event, Failure, GeneratedSecret, Recipe};
use opstack_sdk::execution::MountPoint;
use opstack_sdk::kubernetes::{
    App, env_field, env_secret, memory_volume, mount, restricted, secret_volume, secrets_volume,
};
use opstack_sdk::opstack::peers::PeerId;
use opstack_sdk::opstack::references::{SecretKeyRef, secret_facts};

use crate::siblings::identity;
use crate::spec::{Derive, OpNodeSpec};

const JWT_FILE: &str = "jwt";
const P2P_FILE: &str = "private-key";
const EXECUTION_FILE: &str = "execution-key";

/// Name of a pod of a workload.
pub fn pod_name(workload: &str, ordinal: i32) -> String {
    format!("{workload}-{ordinal}")
}

/// Whether a pod of this name is a workload's.
pub fn is_pod_of(workload: &str, pod: &str) -> bool {
    let ordinal = pod.strip_prefix(workload).and_then(|rest| rest.strip_prefix('-'));
    ordinal.is_some_and(|ordinal| ordinal.parse::<u32>().is_ok())
}

/// Where the key of op-node's identity is. Nothing where each pod derives its own.
pub fn p2p_key(spec: &OpNodeSpec, workload: &str, ordinal: i32) -> Option<SecretKeyRef> {
    let key = &spec.op_node.p2p.private_key;
    if let Some(secret) = &key.secret_ref {
        return Some(secret.clone());
    }
    key.derive.is_none().then(|| generated_key(workload, P2P_FILE, ordinal))
}

/// Where the key of the execution client's identity is.
pub fn execution_key(workload: &str, ordinal: i32) -> SecretKeyRef {
    generated_key(workload, EXECUTION_FILE, ordinal)
}

/// The first pod's key is where it was documented to be. Those of further pods are in a Secret of their own, under the
/// pods' names: so the pod template stays what it is when the number of pods changes.
fn generated_key(workload: &str, file: &str, ordinal: i32) -> SecretKeyRef {
    if ordinal == 0 {
        return SecretKeyRef { name: format!("{workload}-p2p"), key: file.into() };
    }
    SecretKeyRef { name: others(workload, file), key: pod_name(workload, ordinal) }
}

fn others(workload: &str, file: &str) -> String {
    format!("{workload}-other-{file}s")
}

/// Identity of one pod.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Name of the pod.
    pub pod: String,
    /// On op-node's network.
    pub consensus: Option<PeerId>,
}

/// All secrets of a node's workload.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// Name of the workload, whose pods have identities of their own.
    workload: String,
    /// Volumes of the pod.
    pub volumes: Vec<Volume>,
    /// Containers that make a secret when the pod starts.
    pub init: Vec<Container>,
    /// The engine's JWT.
    pub jwt: Option<KeyFile>,
    /// Key of op-node's identity; absent without p2p.
    pub p2p: Option<KeyFile>,
    /// Key of the execution client's identity.
    pub execution: Option<KeyFile>,
    /// Texts whose change restarts the pod.
    pub restart_on: Vec<String>,
    /// Secrets for the host to make.
    pub generated: Vec<GeneratedSecret>,
    /// What the host has not made yet.
    pub missing: Vec<String>,
    /// Who the pods are.
    pub identities: Vec<Identity>,
    /// Warnings.
    pub events: Vec<Event>,
}

/// A file with a secret, and where it is mounted.
#[derive(Clone, Debug)]
pub struct KeyFile {
    /// The volume.
    pub mount: MountPoint,
    /// The file.
    pub path: String,
}

impl KeyFile {
    fn new(volume: &str, directory: &str, file: &str) -> Self {
        let mount = MountPoint { volume: volume.into(), path: directory.into() };
        Self { mount, path: format!("{directory}/{file}") }
    }
}

impl Keys {
    /// Finds or names all secrets of a node's workload.
    ///
    /// # Errors
    /// `waiting` when one that the user names is missing, `invalid` when it is not what it should be.
    pub fn find(cx: &Context<'_>, app: &App, workload: &str, spec: &OpNodeSpec) -> Result<Self, Failure> {
        let mut keys = Self { workload: workload.into(), ..Self::default() };
        keys.find_jwt(cx, app, spec)?;
        keys.find_execution(cx, app, spec);
        if spec.op_node.p2p.enabled {
            keys.find_p2p(cx, app, spec)?;
        }
        Ok(keys)
    }

    fn find_jwt(&mut self, cx: &Context<'_>, app: &App, spec: &OpNodeSpec) -> Result<(), Failure> {
        const PATH: &str = "spec.opNode.engine.jwtSecret";
        const VOLUME: &str = "jwt";
        let jwt = &spec.op_node.engine.jwt_secret;
        let given = [
            ("secretRef", jwt.secret_ref.is_some()),
            ("ephemeral", jwt.ephemeral),
            ("generate", jwt.generate == Some(true)),
        ];
        self.note_precedence(PATH, &given);
        if let Some(secret) = &jwt.secret_ref {
            let facts = secret_facts(cx, app.namespace(), secret)?;
            if !facts.hex32 {
                return Err(malformed(PATH, app, secret, facts.length));
            }
            self.restart_on.push(facts.fingerprint);
            self.volumes.push(secret_volume(VOLUME, &secret.name, [(secret.key.as_str(), JWT_FILE)]));
        } else if jwt.ephemeral {
            let file = KeyFile::new(VOLUME, "/run/opstack/jwt", JWT_FILE);
            self.volumes.push(memory_volume(VOLUME));
            let args = vec!["init".into(), "jwt".into(), format!("--to={}", file.path)];
            self.init.push(helper(cx, "init-jwt", args, &file.mount));
            self.jwt = Some(file);
            return Ok(());
        } else {
            let secret = SecretKeyRef { name: app.named("jwt"), key: JWT_FILE.into() };
            self.generate(cx, app, &secret, Recipe::Hex32, true);
            self.volumes.push(secret_volume(VOLUME, &secret.name, [(JWT_FILE, JWT_FILE)]));
        }
        self.jwt = Some(KeyFile::new(VOLUME, "/etc/opstack/jwt", JWT_FILE));
        Ok(())
    }

    /// The execution client's identity is always generated; each pod has its own.
    fn find_execution(&mut self, cx: &Context<'_>, app: &App, spec: &OpNodeSpec) {
        self.execution = Some(self.generated_file(cx, app, spec, EXECUTION_FILE, "execution-key"));
    }

    fn find_p2p(&mut self, cx: &Context<'_>, app: &App, spec: &OpNodeSpec) -> Result<(), Failure> {
        const PATH: &str = "spec.opNode.p2p.privateKey";
        const VOLUME: &str = "p2p-key";
        let key = &spec.op_node.p2p.private_key;
        let given = [
            ("secretRef", key.secret_ref.is_some()),
            ("derive", key.derive.is_some()),
            ("generate", key.generate == Some(true)),
        ];
        self.note_precedence(PATH, &given);
        if let Some(secret) = &key.secret_ref {
            let facts = secret_facts(cx, app.namespace(), secret)?;
            if !facts.hex32 || facts.peer_id.is_none() {
                return Err(malformed(PATH, app, secret, facts.length));
            }
            self.restart_on.push(facts.fingerprint);
            self.volumes.push(secret_volume(VOLUME, &secret.name, [(secret.key.as_str(), P2P_FILE)]));
            self.p2p = Some(KeyFile::new(VOLUME, "/etc/opstack/p2p-key", P2P_FILE));
            self.identify(cx, app, [(0, secret.clone())]);
            return Ok(());
        }
        if let Some(derive) = &key.derive {
            return self.derive(cx, app, derive);
        }
        let key = |ordinal| (ordinal, generated_key(&self.workload, P2P_FILE, ordinal));
        let keys: Vec<_> = (0..spec.pods()).map(key).collect();
        self.identify(cx, app, keys);
        self.p2p = Some(self.generated_file(cx, app, spec, P2P_FILE, VOLUME));
        Ok(())
    }

    fn derive(&mut self, cx: &Context<'_>, app: &App, derive: &Derive) -> Result<(), Failure> {
        let root = &derive.root_secret_ref;
        let facts = secret_facts(cx, app.namespace(), root)?;
        if facts.length == 0 {
            let message = format!(
                "key {} in Secret {}/{} is empty; write a root of any length without blanks",
                root.key,
                app.namespace(),
                root.name
            );
            return Err(Failure::invalid("spec.opNode.p2p.privateKey.derive.rootSecretRef", message));
        }
        self.restart_on.push(facts.fingerprint);
        let file = KeyFile::new("p2p-key", "/run/opstack/p2p-key", P2P_FILE);
        self.volumes.push(memory_volume("p2p-key"));
        let args = vec!["init".into(), "p2p-key".into(), "--root-env=P2P_ROOT".into(), format!("--to={}", file.path)];
        let mut container = helper(cx, "init-p2p-key", args, &file.mount);
        container.env = Some(vec![
            env_secret("P2P_ROOT", &root.name, &root.key),
            env_field("POD_NAMESPACE", "metadata.namespace"),
            env_field("POD_NAME", "metadata.name"),
        ]);
        self.init.push(container);
        self.p2p = Some(file);
        Ok(())
    }

    /// A volume in which each pod finds its own key, by its name.
    fn generated_file(&mut self, cx: &Context<'_>, app: &App, spec: &OpNodeSpec, file: &str, volume: &str) -> KeyFile {
        for ordinal in 0..spec.pods().max(1) {
            let key = generated_key(&self.workload, file, ordinal);
            // A change of the first key restarts the pods; were the others in the hash, every change of their number did.
            self.generate(cx, app, &key, Recipe::Secp256k1, ordinal == 0);
        }
        let workload = &self.workload;
        let first = generated_key(workload, file, 0);
        let source = secrets_volume(volume, &first.name, (&first.key, &pod_name(workload, 0)), &others(workload, file));
        self.volumes.push(source);
        KeyFile::new(volume, &format!("/etc/opstack/{volume}"), "$(POD_NAME)")
    }

    /// Has the host make a key, and notes whether it has.
    fn generate(&mut self, cx: &Context<'_>, app: &App, secret: &SecretKeyRef, recipe: Recipe, restarts: bool) {
        match secret_facts(cx, app.namespace(), secret) {
            Ok(facts) if restarts => self.restart_on.push(facts.fingerprint),
            Ok(_) => {}
            Err(_) => self.missing.push(format!("key {} in Secret {}", secret.key, secret.name)),
        }
        let entry = (secret.key.clone(), recipe);
        match self.generated.iter_mut().find(|made| made.name == secret.name) {
            Some(made) => made.entries.push(entry),
            None => self.generated.push(GeneratedSecret {
                namespace: app.namespace().into(),
                name: secret.name.clone(),
                labels: app.labels().into_iter().collect(),
                entries: vec![entry],
            }),
        }
    }

    fn identify(&mut self, cx: &Context<'_>, app: &App, keys: impl IntoIterator<Item = (i32, SecretKeyRef)>) {
        for (ordinal, key) in keys {
            let consensus = identity(cx, app.namespace(), &key).unwrap_or_default();
            self.identities.push(Identity { pod: pod_name(&self.workload, ordinal), consensus });
        }
    }

    /// A spec may name several sources; the first counts, and the user is told.
    fn note_precedence(&mut self, path: &str, given: &[(&str, bool)]) {
        let names: Vec<_> = given.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
        if let [first, others @ ..] = names.as_slice()
            && !others.is_empty()
        {
            let message = format!("{path} has {}; {first} counts", names.join(" and "));
            self.events.push(Event::warning("SeveralSources", message));
        }
    }
}

/// A container that runs the operator's own image before the others start.
pub fn helper(cx: &Context<'_>, name: &str, args: Vec<String>, target: &MountPoint) -> Container {
    restricted(Container {
        name: name.into(),
        image: Some(cx.facts.host_image.clone()),
        command: Some(vec!["opstack".into()]),
        args: Some(args),
        volume_mounts: Some(vec![mount(&target.volume, &target.path)]),
        ..Default::default()
    })
}

fn malformed(path: &str, app: &App, secret: &SecretKeyRef, length: u64) -> Failure {
    let SecretKeyRef { name, key } = secret;
    Failure::invalid(
        path,
        format!(
            "key {key} in Secret {}/{name} holds {length} bytes that are not what is wanted here; write 32 bytes as 64 hexadecimal digits",
            app.namespace()
        ),
    )
}
