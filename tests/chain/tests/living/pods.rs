//! Pods of the chain: what is closed, what stays the same when one goes, and who gets traffic.

use std::{thread, time::Instant};

use anyhow::{Context as _, Result, ensure};
use chain::{CHAIN, NODES, Site, until};
use serde_json::Value;

use crate::figure;

const REPLICA: &str = NODES[1];
const POD: &str = "replica-0";
const IN: &str = "--namespace=chain";
const SOON: &str = "--timeout=300s";

/// From the Pod of a replica the sequencer's RPC is reached, and its engine API is not.
pub fn engine_is_closed(site: &Site) -> Result<()> {
    let address = field(site, "pod/devnet-sequencer-0", "{.status.podIP}")?;
    let ask = |port: u16| {
        let url = format!("http://{address}:{port}/");
        // The image has a client for it, and little else.
        let command = [
            "exec",
            POD,
            "--container=geth",
            "--",
            "geth",
            "attach",
            "--datadir=/data/geth",
            "--exec=net.version",
            &url,
        ];
        site.kubectl().run([&[IN], &command[..]].concat())
    };
    ask(8545).context("the control of this check")?;
    let refused = ask(8551).err().context("the engine API answers another Pod")?.to_string();
    ensure!(refused.contains("connection refused"), "the engine API is not closed: {refused}");
    figure('C', "from another Pod 8545 is open and the engine's 8551 is closed");
    Ok(())
}

/// A Pod that is deleted comes back with another JWT (it is ephemeral), the same peer id and the same data; and the
/// client had closed its database.
pub fn come_back_as_they_were(site: &Site) -> Result<()> {
    let id = |site: &Site| -> Result<Value> {
        Ok(site.consensus(REPLICA)?.rpc().call("opp2p_self", "[]")?["peerID"].take())
    };
    let jwt = |site: &Site| -> Result<String> {
        site.kubectl().run([IN, "exec", POD, "--container=geth", "--", "busybox", "sha256sum", "/run/opstack/jwt/jwt"])
    };
    let (before, secret) = (id(site)?, jwt(site)?);
    let uid = field(site, &format!("pod/{POD}"), "{.metadata.uid}")?;
    let began = Instant::now();
    site.kubectl().run([IN, "delete", "pod", POD, SOON])?;
    let gone = began.elapsed();
    until("another Pod is there", || {
        Ok(field(site, &format!("pod/{POD}"), "{.metadata.uid}").is_ok_and(|new| new != uid))
    })?;
    site.kubectl().run([IN, "wait", &format!("pod/{POD}"), "--for=condition=Ready", SOON])?;
    until("the node answers", || Ok(id(site).is_ok()))?;
    ensure!(id(site)? == before, "the peer id is another one");
    ensure!(jwt(site)? != secret, "the JWT is the same");
    let log = site.kubectl().run([IN, "logs", POD, "--container=geth"])?;
    for repair in ["Unclean shutdown detected", "Head state missing, repairing"] {
        ensure!(!log.contains(repair), "the database was not closed: {repair}");
    }
    figure(
        'C',
        &format!(
            "a deleted Pod ended within {:.1} s and answered again after {:.1} s, with another JWT, the same peer id and a clean database",
            gone.as_secs_f64(),
            began.elapsed().as_secs_f64()
        ),
    );
    Ok(())
}

/// A second Pod of a replica needs no configuration, and is behind the Service only when it is synced.
pub fn are_added_without_configuration(site: &Site) -> Result<()> {
    const NEW: &str = "replica-1";
    let began = Instant::now();
    site.kubectl().run([IN, "patch", "opnode", REPLICA, "--type=merge", "--patch", r#"{"spec":{"replicas":2}}"#])?;
    let mut seen_unsynced = false;
    until("the new Pod is behind the Service", || {
        // The label first: whoever is in the list must have had it.
        let is_synced = field(site, &format!("pod/{NEW}"), r"{.metadata.labels.optimism\.io/synced}")
            .is_ok_and(|text| text == "true");
        let served = endpoints(site, REPLICA)?;
        let is_served = served.iter().any(|pod| pod == NEW);
        let is_synced_now = is_synced
            || field(site, &format!("pod/{NEW}"), r"{.metadata.labels.optimism\.io/synced}")
                .is_ok_and(|text| text == "true");
        ensure!(!is_served || is_synced_now, "traffic goes to a Pod that is not synced");
        seen_unsynced |= !is_served;
        thread::yield_now();
        Ok(is_served)
    })?;
    ensure!(seen_unsynced, "the new Pod was served before it was looked at");
    figure(
        'C',
        &format!("a second replica is synced and serves {:.1} s after it was asked for", began.elapsed().as_secs_f64()),
    );
    site.kubectl().run([IN, "patch", "opnode", REPLICA, "--type=merge", "--patch", r#"{"spec":{"replicas":1}}"#])?;
    until("the second Pod is gone", || Ok(field(site, &format!("pod/{NEW}"), "{.metadata.uid}").is_err()))
}

/// The Pods behind a Service that can serve.
pub fn endpoints(site: &Site, service: &str) -> Result<Vec<String>> {
    let selector = format!("--selector=kubernetes.io/service-name={service}");
    let slices = site.kubectl().run([IN, "get", "endpointslices", &selector, "--output=json"])?;
    let slices: Value = serde_json::from_str(&slices)?;
    let endpoints =
        slices["items"].as_array().into_iter().flatten().filter_map(|slice| slice["endpoints"].as_array()).flatten();
    let serving = endpoints.filter(|endpoint| endpoint["conditions"]["ready"] == true);
    Ok(serving.filter_map(|endpoint| endpoint["targetRef"]["name"].as_str().map(ToString::to_string)).collect())
}

/// An object of the chain, such as `pod/batcher-0`.
pub fn object(site: &Site, object: &str) -> Result<Value> {
    Ok(serde_json::from_str(&site.kubectl().run([IN, "get", object, "--output=json"])?)?)
}

/// A field of an object of the chain.
pub fn field(site: &Site, object: &str, path: &str) -> Result<String> {
    site.kubectl().run(["--namespace", CHAIN, "get", object, &format!("--output=jsonpath={path}")])
}
