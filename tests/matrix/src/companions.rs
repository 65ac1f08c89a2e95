//! What has to be beside a field, and what must not, for it to count.

use serde_json::{Value, json};

use crate::Kind;
use crate::place::Path;

const DIGEST: &str = "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc";

/// Values to put beside a field first; nothing takes away what goes before it.
pub fn companions(kind: Kind, path: &Path) -> Vec<(Path, Option<Value>)> {
    let text = path.to_string();
    let beside = |name: &str| {
        let parent = text.rsplit_once('.').map_or("", |(parent, _)| parent);
        Path::of_fields(&format!("{parent}.{name}"))
    };
    let at = Path::of_fields;
    let within = |whole: &str| text.starts_with(whole);
    match kind {
        _ if text.ends_with(".seccompProfile.type") => vec![(beside("localhostProfile"), Some(json!("matrix.json")))],
        _ if text.ends_with(".seccompProfile.localhostProfile") => vec![(beside("type"), Some(json!("Localhost")))],
        // One of the two signs.
        Kind::Batcher | Kind::Proposer | Kind::Challenger if within("spec.signer.") => {
            vec![(at("spec.privateKey"), None)]
        }
        Kind::Batcher | Kind::Proposer | Kind::Challenger if within("spec.privateKey.") => {
            vec![(at("spec.signer"), None)]
        }
        Kind::Node if within("spec.opNode.sequencer.signer.") => vec![(at("spec.opNode.sequencer.key"), None)],
        Kind::Node if within("spec.opNode.sequencer.key.") => vec![(at("spec.opNode.sequencer.signer"), None)],
        // A selector counts where it is asked for.
        Kind::Network if within("spec.allowedNamespaces.") && text.contains(".selector.") => {
            let role = text.split('.').nth(2).unwrap_or_default();
            vec![(at(&format!("spec.allowedNamespaces.{role}.from")), Some(json!("Selector")))]
        }
        Kind::Network if text.ends_with("Config.url") || text == "spec.l2Genesis.url" => {
            vec![(beside("inline"), None), (beside("configMapRef"), None), (beside("sha256"), Some(json!(DIGEST)))]
        }
        Kind::Network if text.ends_with(".sha256") => vec![
            (beside("inline"), None),
            (beside("configMapRef"), None),
            (beside("url"), Some(json!("https://matrix.example.org/file.json"))),
        ],
        // A second client comes beside where each pod has a key of its own, and can be asked.
        Kind::Node if text == "spec.executionClient.strategy" => {
            vec![(at("spec.opNode.p2p.privateKey"), None), (at("spec.opNode.rpc"), None)]
        }
        // Its metrics are asked where its RPC can't be.
        Kind::Node if text == "spec.metrics.path" => vec![(at("spec.opNode.rpc.host"), Some(json!("127.0.0.1")))],
        // A replica guards its RPC where that has the admin methods.
        Kind::Node if within("spec.networkPolicy.alsoFrom") => {
            vec![(at("spec.opNode.rpc.enableAdmin"), Some(json!(true)))]
        }
        // There is nothing to reach on the loopback.
        Kind::Batcher | Kind::Proposer if within("spec.networkPolicy.alsoFrom") => {
            vec![(at("spec.rpc.host"), Some(json!("0.0.0.0")))]
        }
        Kind::Node if within("spec.opNode.safeDb.storage.") => {
            vec![(at("spec.opNode.safeDb.enabled"), Some(json!(true)))]
        }
        Kind::Node if text == "spec.opNode.followSource.url" => {
            vec![(beside("nodeRef"), None), (beside("urlFrom"), None)]
        }
        Kind::Node if within("spec.opNode.followSource.urlFrom") => {
            vec![(at("spec.opNode.followSource.nodeRef"), None)]
        }
        Kind::Node if text == "spec.service.p2p.nodePort" => {
            vec![(beside("type"), Some(json!("NodePort"))), (at("spec.opNode.p2p.advertise.port"), None)]
        }
        Kind::Node if within("spec.service.ports[]") => {
            let port = json!({"name": "matrix", "port": 9003, "targetPort": 9003});
            vec![(at("spec.service.ports"), Some(json!([port])))]
        }
        _ => vec![],
    }
}
