//! A program that lives and answers nobody: the kubelet's probes of it fail, the Service lets its Pod go, and the status
//! tells of it no longer.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use chain::{NODES, Site, condition, until};
use serde_json::Value;

use crate::{
    figure,
    pods::{endpoints, object},
};

const NODE: &str = NODES[2];
const PROGRAM: &str = "op-node";

/// op-node of a replica is stopped in its tracks until the kubelet restarts it, and serves again.
pub fn is_noticed(site: &Site) -> Result<()> {
    let pod = format!("pod/{NODE}-0");
    let before = Seen::now(site, &pod)?;
    ensure!(before.serves(), "{before:?}");
    let began = Instant::now();
    site.cluster().freeze_in_pod(&before.uid, PROGRAM)?;
    let mut times = [None::<Duration>; 4];
    let noticed = until("all notice that op-node answers nobody", || {
        let now = Seen::now(site, &pod)?;
        let unready = !now.is_ready;
        for (time, is_so) in times.iter_mut().zip([unready, !now.is_synced, now.endpoints.is_empty(), now.is_untold]) {
            if is_so && time.is_none() {
                *time = Some(began.elapsed());
            }
        }
        Ok(times.iter().all(Option::is_some))
    });
    // The kubelet's own signal reaches it only when it goes on.
    let killed = noticed.and_then(|()| until("the kubelet kills op-node", || was_killed(site)));
    let lasted = began.elapsed();
    site.cluster().thaw_in_pod(&before.uid, PROGRAM)?;
    killed?;
    until("the Pod serves again", || {
        let now = Seen::now(site, &pod)?;
        Ok(now.uid == before.uid && now.restarts == before.restarts + 1 && now.serves())
    })?;
    let [unready, unsynced, unserved, untold] = times.map(|time| time.unwrap_or_default().as_secs_f64());
    figure(
        'C',
        &format!(
            "S1-14: op-node of {NODE} was stopped in its tracks: not ready after {unready:.1} s, synced=false after {unsynced:.1} s, out of the Service after {unserved:.1} s, its head no longer told after {untold:.1} s; killed by the kubelet's liveness probe after {:.1} s, it served again after {:.1} s",
            lasted.as_secs_f64(),
            began.elapsed().as_secs_f64()
        ),
    );
    Ok(())
}

/// How the Pod is, for the kubelet, the operator and users.
#[derive(Debug)]
struct Seen {
    uid: String,
    /// How often op-node was started again.
    restarts: u64,
    /// op-node passes its readiness probe.
    is_ready: bool,
    is_synced: bool,
    endpoints: Vec<String>,
    /// The node's status has no head, and doesn't know whether it is synced.
    is_untold: bool,
}

impl Seen {
    fn now(site: &Site, pod: &str) -> Result<Self> {
        let (pod, node) = (object(site, pod)?, object(site, &format!("opnode/{NODE}"))?);
        let statuses = pod["status"]["containerStatuses"].as_array().into_iter().flatten();
        let status = statuses.into_iter().find(|status| status["name"] == PROGRAM).unwrap_or(&Value::Null);
        let syncing = condition(&node, "Syncing").is_some_and(|told| told["status"] == "Unknown");
        Ok(Self {
            uid: pod["metadata"]["uid"].as_str().unwrap_or_default().into(),
            restarts: status["restartCount"].as_u64().unwrap_or_default(),
            is_ready: status["ready"] == true,
            is_synced: pod["metadata"]["labels"]["optimism.io/synced"] == "true",
            endpoints: endpoints(site, NODE)?,
            is_untold: syncing && node["status"]["nodeInfo"]["chainHead"].is_null(),
        })
    }

    fn serves(&self) -> bool {
        self.is_ready && self.is_synced && self.endpoints == [format!("{NODE}-0")] && !self.is_untold
    }
}

/// The kubelet says that it kills the program, for its liveness probe failed.
fn was_killed(site: &Site) -> Result<bool> {
    let of_pod = format!("--field-selector=reason=Killing,involvedObject.name={NODE}-0");
    const MESSAGES: &str = "--output=jsonpath={.items[*].message}";
    let told = site.kubectl().run(["--namespace=chain", "get", "events", &of_pod, MESSAGES])?;
    Ok(told.contains("op-node failed liveness probe"))
}
