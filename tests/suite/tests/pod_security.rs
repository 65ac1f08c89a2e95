//! What the policy lets through at the level `restricted`, an API server lets through that enforces it: 10,000 generated pods.

#[path = "../../../host/core/tests/pods/mod.rs"]
mod pods;

use std::thread;

use control_plane::AuditLevel;
use opstack_core::grants::PodSecurity;
use pods::{Dice, NAMESPACE, pod, verdict};
use serde_json::{Value, json};
use suite::{MINUTE, Site, until};

const PODS: usize = 10_000;
/// So many of them must be let through, or the test says nothing.
const AT_LEAST: usize = 2_000;
/// Of those that the policy refuses, so many are sent as well, to see that the server is no stricter by accident.
const REFUSED: usize = 500;
const THREADS: usize = 8;

fn start() -> Site {
    let site = Site::start(AuditLevel::Metadata);
    site.create(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": {
        "pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/enforce-version": "latest"}}}));
    // Without its account no pod is let in.
    until("the namespace's account", MINUTE, || {
        let path = format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts/default");
        site.get(&path).map(|_| ()).ok_or_else(|| "none".into())
    });
    site
}

/// What the API server says to a pod, without making it: nothing, or why not.
fn objection(site: &Site, pod: &Value) -> Option<String> {
    let answer = site.request("POST", &format!("/api/v1/namespaces/{NAMESPACE}/pods?dryRun=All"), Some(pod));
    (!answer.is_success()).then(|| format!("{} {}", answer.status, answer.text()))
}

/// Sends pods from many threads, and gives those that the server refuses with what it says.
fn refused<'a>(site: &Site, pods: &'a [Value]) -> Vec<(&'a Value, String)> {
    let chunks = pods.chunks(pods.len().div_ceil(THREADS).max(1));
    thread::scope(|scope| {
        let workers: Vec<_> = chunks
            .map(|chunk| {
                scope.spawn(move || {
                    chunk.iter().filter_map(|pod| Some((pod, objection(site, pod)?))).collect::<Vec<_>>()
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no panic")).collect()
    })
}

#[test]
fn what_is_let_through_passes_an_api_server_that_enforces_restricted() {
    let site = start();
    let mut dice = Dice::new(36);
    let all: Vec<_> = (0..PODS).map(|_| pod(&mut dice)).collect();
    let (passed, stopped): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|pod| verdict(pod, PodSecurity::Restricted).is_ok());
    assert!(passed.len() >= AT_LEAST, "only {} of {PODS} are let through", passed.len());
    let wrong = refused(&site, &passed);
    if let Some((pod, why)) = wrong.first() {
        panic!("{} of {} pods that are let through are refused, as this one: {why}\n{pod}", wrong.len(), passed.len());
    }
    let sample = &stopped[..REFUSED.min(stopped.len())];
    let agreed = refused(&site, sample).len();
    println!("{} of {PODS} pods are let through, and the API server takes each", passed.len());
    println!("of {} that are not, it refuses {agreed}", sample.len());
    // The policy is stricter in little.
    assert!(
        agreed * 10 >= sample.len() * 9,
        "of {} pods that are refused, the API server refuses {agreed}",
        sample.len()
    );
}
