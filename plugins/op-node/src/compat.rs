//! Versions that are known not to follow a chain.
//!
//! Karst needs op-node v1.19.1 and op-reth v2.3.3; op-geth follows chains up to Jovian (release notes of optimism v1.19.6).

use opstack_sdk::answer::{Condition, Failure, FieldError};
use opstack_sdk::opstack::release::{self, Chosen, VERSIONS_COMPATIBLE, Version};

use crate::conductor;
use crate::resources::IMAGE;
use crate::settle::Node;

const OP_GETH: &str = "op-geth follows chains up to Jovian, and its support ended on 2026-05-31";
const OP_NODE_WITH_KARST: Version = (1, 19, 1);
const OP_RETH_WITH_KARST: Version = (2, 3, 3);

/// Refuses programs that can't follow the chain: images whose tags say so, and op-geth.
///
/// # Errors
/// All such.
pub fn check(node: &Node<'_>) -> Result<(), Failure> {
    if !plans_karst(node) {
        return Ok(());
    }
    let spec = node.spec();
    let client = spec.execution_client.image.as_ref();
    let images = [
        (spec.chosen_image(), "op-node", OP_NODE_WITH_KARST),
        (client.map(|image| ("spec.executionClient.image", image.as_str())), "op-reth", OP_RETH_WITH_KARST),
    ];
    let too_old = images.into_iter().filter_map(|(image, program, least)| {
        let (path, image) = image?;
        let found = release::of(image, program)?;
        let (major, minor, patch) = least;
        let message = format!(
            "{program} v{}.{}.{} does not know Karst, which the rollup configuration of this chain plans; use v{major}.{minor}.{patch} or later",
            found.0, found.1, found.2
        );
        (found < least).then(|| FieldError::new(path, message))
    });
    let mut errors: Vec<_> = too_old.collect();
    if node.client == "geth" {
        let message = format!(
            "{OP_GETH}, and the rollup configuration of this chain plans Karst, at which it would stop; write reth, which syncs on a volume of its own"
        );
        errors.push(FieldError::new("spec.executionClient.name", message));
    }
    Failure::check(errors)
}

/// Whether the programs are made for the chain, and for the arguments they get. Absent where nothing speaks against it. A
/// chain of the registry is known by its name alone, not the time of its forks, so it is told and not refused.
pub fn condition(node: &Node<'_>) -> Option<Condition> {
    let registered = node.network.spec.registry_name().is_some();
    if node.client == "geth" && registered {
        let message = format!(
            "{OP_GETH}; the chains of the superchain registry have Karst, or get it. Set spec.executionClient.name: reth, which syncs on a volume of its own"
        );
        return Some(Condition::no(VERSIONS_COMPATIBLE, "KarstNotSupported", message));
    }
    let spec = node.spec();
    let (own, conductor) = (spec.chosen_image(), spec.conductor.image.as_ref().filter(|_| node.conductor.is_some()));
    let chosen = [
        own.map(|(field, image)| Chosen { field, image, program: "op-node", written_for: IMAGE }),
        conductor.map(|image| Chosen {
            field: "spec.conductor.image",
            image,
            program: "op-conductor",
            written_for: conductor::IMAGE,
        }),
    ];
    chosen.iter().flatten().find_map(Chosen::condition)
}

fn plans_karst(node: &Node<'_>) -> bool {
    node.chain.rollup.as_ref().is_some_and(|rollup| rollup.karst_time.is_some())
}
