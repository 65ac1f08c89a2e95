//! The fields of the kinds, by their schemas.

use serde_json::Value;

use crate::place::{Path, Step};
use crate::{Kind, values};

/// A field that holds no further fields: a scalar, an item of a list, a value of a map, or an object of any shape.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// Whose field it is.
    pub kind: Kind,
    /// Where.
    pub path: Path,
    /// What may be there.
    pub schema: Value,
}

impl Leaf {
    /// Whether all its values are known, so that each of them is tried.
    pub fn is_finite(&self) -> bool {
        self.schema["enum"].is_array() || self.schema["type"] == "boolean"
    }

    /// Values to try.
    pub fn values(&self) -> Vec<Value> {
        values::candidates(self.kind, &self.path, &self.schema)
    }
}

/// All leaves of a kind's `.spec`, in the order of the schema.
pub fn leaves(kind: Kind) -> Vec<Leaf> {
    let mut leaves = vec![];
    collect(kind, Path(vec![Step::Field("spec".into())]), &kind.schema(), &mut leaves);
    leaves
}

fn collect(kind: Kind, path: Path, schema: &Value, leaves: &mut Vec<Leaf>) {
    if let Some(fields) = schema["properties"].as_object() {
        for (name, field) in fields {
            collect(kind, path.then(Step::Field(name.clone())), field, leaves);
        }
    } else if schema["items"].is_object() {
        collect(kind, path.then(Step::Item), &schema["items"], leaves);
    } else if schema["additionalProperties"].is_object() {
        collect(kind, path.then(Step::Entry), &schema["additionalProperties"], leaves);
    } else {
        leaves.push(Leaf { kind, path, schema: schema.clone() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_of_every_shape_are_found() {
        let all: Vec<_> = Kind::ALL.into_iter().flat_map(leaves).map(|leaf| leaf.path.to_string()).collect();
        for path in [
            "spec.opNode.p2p.listenPort",
            "spec.opNode.p2p.static[]",
            "spec.service.ports[].port",
            "spec.resources.opNode.limits{}",
            "spec.podTemplate",
            "spec.networkPolicy.alsoFrom[]",
            "spec.batching.approxComprRatio",
            "spec.rollupConfig.inline",
        ] {
            assert!(all.iter().any(|found| found == path), "{path} is not among {all:?}");
        }
    }
}
