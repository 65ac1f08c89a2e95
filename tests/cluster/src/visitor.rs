//! A Pod that dials others: who is let in where, as it is seen from within the cluster.

use anyhow::{Result, bail};
use control_plane::Kubectl;
use op_programs::OP_GETH_VERSION;
use serde_json::{Value, json};

use crate::images;

/// The image of visitors, which has to be loaded: [`images::of_programs`] has it.
pub fn image() -> String {
    images::name("op-geth", &format!("v{OP_GETH_VERSION}"))
}

/// A Pod that does nothing but dial when it is asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visitor<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its labels, as NetworkPolicy objects select it by them.
    pub labels: &'a [(&'a str, &'a str)],
}

impl Visitor<'_> {
    /// The Pod, under the standard `restricted`.
    pub fn manifest(&self) -> Value {
        let labels: serde_json::Map<String, Value> =
            self.labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "namespace": self.namespace, "name": self.name, "labels": labels },
            "spec": {
                "securityContext": {
                    "runAsNonRoot": true, "runAsUser": 1000, "seccompProfile": { "type": "RuntimeDefault" },
                },
                "automountServiceAccountToken": false,
                // It sleeps, and hears no signal.
                "terminationGracePeriodSeconds": 0,
                "containers": [{
                    "name": "visitor",
                    "image": image(),
                    "command": ["busybox", "sleep", "infinity"],
                    "securityContext": {
                        "allowPrivilegeEscalation": false,
                        "readOnlyRootFilesystem": true,
                        "capabilities": { "drop": ["ALL"] },
                    },
                }],
            },
        })
    }

    /// Whether it gets a connection to a TCP port, within seconds.
    pub fn reaches(&self, kubectl: &Kubectl, address: &str, port: u16) -> Result<bool> {
        // busybox connects, and then becomes what is named last.
        let port = port.to_string();
        let dial = ["busybox", "nc", "-w", "3", address, &port, "-e", "busybox", "true"];
        let exec = ["exec", self.name, "--namespace", self.namespace, "--"];
        match kubectl.run([&exec[..], &dial[..]].concat()) {
            Ok(_) => Ok(true),
            Err(error) if is_closed(&error.to_string()) => Ok(false),
            Err(error) => bail!("{} can't dial {address}:{port}: {error:#}", self.name),
        }
    }
}

/// Whether the port was the reason, as busybox tells it, and not the dialling.
fn is_closed(complaint: &str) -> bool {
    ["nc: timed out", "Connection refused"].iter().any(|reason| complaint.contains(reason))
}
