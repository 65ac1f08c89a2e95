//! What the tests of the node share.

use anyhow::Result;
use cluster::{Cluster, images, visitor};
use op_programs::OpPrograms;
use serde_json::{Value, json};

/// Generous: the machine may be compiling something else.
pub const SOON: &str = "--timeout=180s";

/// Gives the node the image of geth, which has a shell, and returns its name.
pub fn load_geth(cluster: &Cluster) -> Result<String> {
    let name = visitor::image();
    let made = images::of_programs(&OpPrograms::find()?);
    cluster.load(&made.into_iter().filter(|image| image.name == name).collect::<Vec<_>>())?;
    Ok(name)
}

/// A Pod of one container under the standard `restricted`, as the operator's are.
pub fn pod(mut container: Value) -> Value {
    container["securityContext"] = json!({
        "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": { "drop": ["ALL"] },
    });
    json!({
        "securityContext": {
            "runAsNonRoot": true, "runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 1000,
            "seccompProfile": { "type": "RuntimeDefault" },
        },
        "automountServiceAccountToken": false,
        // The variables of the Service `geth` would be taken for flags of geth.
        "enableServiceLinks": false,
        "terminationGracePeriodSeconds": 5,
        "containers": [container],
        "volumes": [{ "name": "tmp", "emptyDir": {} }],
    })
}
