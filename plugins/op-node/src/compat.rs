//! Versions that are known not to follow a chain.
//!
//! Karst needs op-node v1.19.1 and op-reth v2.3.3; op-geth follows chains up to Jovian (release notes of optimism v1.19.6).

use opstack_sdk::answer::{Condition, Failure, FieldError};

use crate::settle::Node;

/// Name of the condition.
const VERSIONS_COMPATIBLE: &str = "VersionsCompatible";
const OP_GETH: &str = "op-geth follows chains up to Jovian, and its support ended on 2026-05-31";
type Version = (u64, u64, u64);
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
    let images = [
        ("spec.image", spec.image.as_ref(), "op-node", OP_NODE_WITH_KARST),
        ("spec.executionClient.image", spec.execution_client.image.as_ref(), "op-reth", OP_RETH_WITH_KARST),
    ];
    let too_old = images.into_iter().filter_map(|(path, image, program, least)| {
        let found = version(image?, program)?;
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
    if errors.is_empty() { Ok(()) } else { Err(Failure::Invalid(errors)) }
}

/// Whether the programs are made for the chain. Absent where nothing speaks against it. A chain of the registry is known by
/// its name alone, not the time of its forks, so it is told and not refused.
pub fn condition(node: &Node<'_>) -> Option<Condition> {
    let registered = node.network.spec.registry_name().is_some();
    (node.client == "geth" && registered).then(|| {
        let message = format!(
            "{OP_GETH}; the chains of the superchain registry have Karst, or get it. Set spec.executionClient.name: reth, which syncs on a volume of its own"
        );
        Condition::no(VERSIONS_COMPATIBLE, "KarstNotSupported", message)
    })
}

fn plans_karst(node: &Node<'_>) -> bool {
    node.chain.rollup.as_ref().is_some_and(|rollup| rollup.karst_time.is_some())
}

/// Version in the tag of an image, if it is one of the program: `…/op-node:v1.19.3`.
fn version(image: &str, program: &str) -> Option<Version> {
    let (name, tag) = image.split('@').next()?.rsplit_once(':')?;
    let mut numbers = tag.strip_prefix('v').unwrap_or(tag).splitn(3, '.');
    let mut next = || {
        let digits: String = numbers.next()?.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    let version = (next()?, next()?, next()?);
    (name.rsplit('/').next() == Some(program)).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_in_tags() {
        for (image, found) in [
            ("example.org/images/op-node:v1.19.3", Some((1, 19, 3))),
            ("example.org:5000/op-node:1.18.0-rc.1@sha256:00", Some((1, 18, 0))),
            ("example.org:5000/op-node", None),
            ("op-node:latest", None),
            ("example.org/op-reth:v2.4.0", None),
        ] {
            assert_eq!(version(image, "op-node"), found, "{image}");
        }
    }
}
