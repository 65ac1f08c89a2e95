//! Where a field is tried: the cases, each with both execution clients, and those of all kinds that look at a network.

use opstack_sdk::testkit::Around;
use serde_json::{Value, json};

use crate::{Kind, Leaf, NamedCase, cases};

/// Documents in which the fields of one object are varied.
#[derive(Clone, Debug)]
pub struct Context {
    /// What is rendered: the kind of the first document.
    pub kind: Kind,
    /// Name of the case.
    pub case: String,
    /// What the first document is, beside its kind: `sequencer/geth` for a node.
    pub flavour: String,
    /// The object that is rendered, then what it may look up.
    pub documents: Vec<Value>,
    /// Which of them is varied.
    pub at: usize,
    /// What the host knows beside them.
    pub around: Around,
}

/// Types of games that op-challenger plays.
const GAMES: [&str; 7] = ["cannon", "alphabet", "permissioned", "cannon-kona", "super-cannon-kona", "zk", "fast"];

/// The contexts for fields of a kind. Those of a network are varied where others look at it, too.
pub fn contexts(of: Kind) -> Vec<Context> {
    let mut all = cases();
    // Where most is said, most can be changed.
    all.sort_by_key(|case| !case.name.contains("/every-field"));
    all.iter().flat_map(|case| of_case(of, case)).collect()
}

fn of_case(of: Kind, case: &NamedCase) -> Vec<Context> {
    let documents = case.documents();
    let context = |flavour: String, documents: Vec<Value>, at: usize| Context {
        kind: case.kind,
        case: case.name.clone(),
        flavour,
        documents,
        at,
        around: case.case.around.clone(),
    };
    match of {
        Kind::Node if case.kind == of => {
            let with = |client: &str| {
                let mut documents = documents.clone();
                documents[0]["spec"]["executionClient"]["name"] = json!(client);
                let role = documents[0]["spec"]["nodeType"].as_str().unwrap_or_default();
                context(format!("{role}/{client}"), documents.clone(), 0)
            };
            ["geth", "reth"].map(with).into()
        }
        // Each type of game has settings of its own.
        Kind::Proposer if case.kind == of => {
            let with = |game: u64| {
                let mut documents = documents.clone();
                documents[0]["spec"]["disputeGame"]["gameType"] = json!(game);
                context(format!("game {game}"), documents, 0)
            };
            [context(String::new(), documents.clone(), 0), with(1), with(5)].into()
        }
        Kind::Challenger if case.kind == of => {
            let with = |game: &&str| {
                let mut documents = documents.clone();
                documents[0]["spec"]["faultProof"]["traceType"] = json!(game);
                if let Some(fields) = documents[0]["spec"]["faultProof"].as_object_mut() {
                    fields.remove("additionalTraceTypes");
                }
                context((*game).into(), documents, 0)
            };
            GAMES.iter().map(with).collect()
        }
        Kind::Network => {
            let named = |document: &Value| document["kind"] == of.name();
            documents
                .iter()
                .position(named)
                .map(|at| context(case.kind.name().into(), documents.clone(), at))
                .into_iter()
                .collect()
        }
        _ if case.kind == of => vec![context(String::new(), documents, 0)],
        _ => vec![],
    }
}

/// The flavours of contexts in each of which a field has to be honoured: a field that one client lacks must not hide
/// behind the other one, nor one that replicas lack behind sequencers. Empty: anywhere.
pub fn flavours(leaf: &Leaf) -> Vec<&'static str> {
    match leaf.kind {
        Kind::Node => vec!["sequencer/geth", "sequencer/reth", "replica/geth", "replica/reth"],
        Kind::Network if leaf.path.to_string().starts_with("spec.sharedConfig.") => {
            vec!["OpNode", "OpBatcher", "OpProposer", "OpChallenger"]
        }
        Kind::Proposer => vec!["game 1", "game 5"],
        Kind::Challenger => GAMES.into(),
        _ => vec![""],
    }
}
