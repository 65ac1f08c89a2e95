//! The node that a component reads from, as its `OpNode` is specified: whether it keeps what the program asks for.
//!
//! Of a node that is given by URL nobody knows the settings. The view is lenient, as that of `opstack::node`.

use serde::Deserialize;

use super::Component;
use crate::answer::Condition;
use crate::opstack::consent::{MemberRole, Referrer, find_node};
use crate::opstack::references::Reference;

/// Condition: the node that the program reads from keeps what it is asked for.
const SOURCE_SUITABLE: &str = "SourceSuitable";

/// What matters of an `OpNode` to those who read from it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Source {
    spec: Spec,
    #[serde(skip)]
    title: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    node_type: String,
    op_node: OpNode,
    op_geth: Option<Settings>,
    execution_client: ExecutionClient,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct OpNode {
    safe_db: SafeDb,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct SafeDb {
    enabled: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ExecutionClient {
    settings: Option<Settings>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Settings {
    gc_mode: String,
    networking: Networking,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Networking {
    http: Http,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Http {
    apis: Vec<String>,
}

impl Source {
    fn settings(&self) -> Option<&Settings> {
        self.spec.execution_client.settings.as_ref().or(self.spec.op_geth.as_ref())
    }

    /// Whether all states of the chain are kept.
    pub fn is_archive(&self) -> bool {
        self.settings().is_some_and(|settings| settings.gc_mode == "archive")
    }

    /// Whether it knows for old blocks of L1 what was safe then.
    pub fn has_safe_db(&self) -> bool {
        self.spec.op_node.safe_db.enabled
    }

    /// Whether its execution client serves an API. That of a sequencer serves `miner` in any case.
    pub fn serves(&self, api: &str) -> bool {
        let asked = self.settings().is_some_and(|settings| settings.networking.http.apis.iter().any(|one| one == api));
        asked || api == "miner" && self.spec.node_type == "sequencer"
    }

    /// `OpNode ns/name`, for messages.
    pub fn title(&self) -> &str {
        &self.title
    }
}

/// What a program wants of the node that it reads from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// All states.
    pub archive: bool,
    /// A safe head database.
    pub safe_db: bool,
    /// The API `debug`.
    pub debug: bool,
}

impl Component<'_> {
    /// The node that `reference` names, or the one that is taken where it is absent.
    pub fn source(&self, reference: Option<&Reference>) -> Option<Source> {
        let name = reference.map_or_else(|| format!("{}-sequencer", self.network.name), |node| node.name.clone());
        let namespace = reference.map_or(self.network.namespace.as_str(), |node| node.namespace(self.namespace()));
        let named = Reference { name: name.clone(), namespace: Some(namespace.into()) };
        let referrer =
            Referrer { role: MemberRole::Component, namespace: self.namespace(), field: "spec.sequencerRef" };
        let found: Source = find_node(self.cx, referrer, &named).ok()?;
        Some(Source { title: format!("OpNode {namespace}/{name}"), ..found })
    }

    /// The condition `SourceSuitable`; `source` is nothing where the node is given by URL, or missing.
    pub fn source_condition(&self, source: Option<&Source>, wanted: Wanted) -> Condition {
        let name = SOURCE_SUITABLE;
        let program = self.program.name;
        let Some(source) = source else {
            let message = format!("the settings of the node that {program} reads from are not known");
            return Condition::unknown(name, "NotKnown", message);
        };
        let title = source.title();
        if wanted.safe_db && !source.has_safe_db() {
            let message = format!(
                "{title} has no safe head database, without which {program} gets no super roots and knows no safe heads of the past; set spec.opNode.safeDb.enabled there"
            );
            return Condition::no(name, "NoSafeDatabase", message);
        }
        if wanted.archive && !source.is_archive() {
            let message = format!(
                "{title} is no archive: {program} fails where it needs a state that is pruned; set gcMode: archive in its execution client's settings, or name another node"
            );
            return Condition::no(name, "NotArchive", message);
        }
        if wanted.debug && !source.serves("debug") {
            let message = format!(
                "{title} does not serve the API debug, which {program} needs for the witness of a step; add it to networking.http.apis of its execution client's settings"
            );
            return Condition::no(name, "NoDebugApi", message);
        }
        Condition::yes(name, "SourceSuitable", format!("{title} keeps what {program} asks for"))
    }
}
