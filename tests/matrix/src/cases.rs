//! The kinds, and the case folders of their plugins.

use std::path::Path;

use opstack_sdk::Workload;
use opstack_sdk::crd::structural;
use opstack_sdk::testkit::Case;
use serde_json::Value;

use op_batcher::OpBatcher;
use op_challenger::OpChallenger;
use op_network::OptimismNetwork;
use op_node::OpNode;
use op_proposer::OpProposer;

/// A kind of this repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `OptimismNetwork`
    Network,
    /// `OpNode`
    Node,
    /// `OpBatcher`
    Batcher,
    /// `OpProposer`
    Proposer,
    /// `OpChallenger`
    Challenger,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Network, Self::Node, Self::Batcher, Self::Proposer, Self::Challenger];

    /// As in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Network => "OptimismNetwork",
            Self::Node => "OpNode",
            Self::Batcher => "OpBatcher",
            Self::Proposer => "OpProposer",
            Self::Challenger => "OpChallenger",
        }
    }

    /// The plugin that serves the kind.
    pub const fn plugin(self) -> &'static str {
        match self {
            Self::Network => "op-network",
            Self::Node => "op-node",
            Self::Batcher => "op-batcher",
            Self::Proposer => "op-proposer",
            Self::Challenger => "op-challenger",
        }
    }

    /// The kind of a document.
    pub fn of(document: &Value) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| document["kind"] == kind.name())
    }

    /// The structural schema of `.spec`.
    pub fn schema(self) -> Value {
        match self {
            Self::Network => structural::<<OptimismNetwork as Workload>::Spec>(),
            Self::Node => structural::<<OpNode as Workload>::Spec>(),
            Self::Batcher => structural::<<OpBatcher as Workload>::Spec>(),
            Self::Proposer => structural::<<OpProposer as Workload>::Spec>(),
            Self::Challenger => structural::<<OpChallenger as Workload>::Spec>(),
        }
    }
}

/// A case of a plugin.
#[derive(Clone, Debug)]
pub struct NamedCase {
    /// Kind of the object under test.
    pub kind: Kind,
    /// `op-node/every-field`.
    pub name: String,
    /// The folder.
    pub case: Case,
}

impl NamedCase {
    /// The object under test, then what it may look up.
    pub fn documents(&self) -> Vec<Value> {
        let mut documents = vec![self.case.object.clone()];
        documents.extend(self.case.documents.iter().cloned());
        documents
    }
}

/// The cases of all workload plugins, by kind and name.
pub fn cases() -> Vec<NamedCase> {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
    let of = |kind: Kind| {
        let cases = Case::all(&plugins.join(kind.plugin()));
        cases.into_iter().map(move |case| {
            let folder = case.folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            NamedCase { kind, name: format!("{}/{folder}", kind.plugin()), case }
        })
    };
    Kind::ALL.into_iter().flat_map(of).collect()
}
