//! The tenant asks for much: slow answers by the thousand, large ones, objects, events. Another namespace is asked as often as
//! before, its Services keep their endpoints, and the operator's memory stays within its bound.

use std::{thread, time::Instant};

use adversary::{
    stage::{Peace, Stage},
    tenant::{self, placed},
};
use rpc_double::Fault;
use serde_json::{Value, json};
use suite::{MINUTE, paths, try_until, world};

use crate::behaviors;

/// Slow questions at once.
const SLOW: usize = 1000;
/// Answers of a mebibyte.
const LARGE: usize = 40;
/// Nodes, each of which wants Secrets, Services and a StatefulSet.
const NODES: usize = 40;
/// Changes of one object, each of which is worth an event.
const CHANGES: usize = 100;
/// By so many mebibytes the operator may grow for all that: with what it has in peace, some ninety, it stays within the 640 that
/// its chart requests. How much it is depends on how fast the machine works off what comes, so the figure is printed.
const MEMORY: u64 = 448;
const THREADS: usize = 4;

/// What is felt of all that.
pub fn is_borne(stage: &Stage, peace: &mut Peace) -> Vec<String> {
    let begun = Instant::now();
    let slow = world::double("anvil");
    slow.spoil_all(Fault::Hang);
    let large = world::double("anvil");
    // A mebibyte is the most that is read of an answer.
    large.spoil_all(Fault::Huge((1 << 20) - 4096));
    make(stage, SLOW, |index| network(stage, &format!("slow-{index}"), &format!("{}/{index}", slow.url())));
    make(stage, LARGE, |index| network(stage, &format!("huge-{index}"), &format!("{}/{index}", large.url())));
    make(stage, NODES, node);
    let restless = change_again_and_again(stage);
    println!("B: {SLOW} slow questions, {LARGE} large answers and {NODES} nodes were made in {:?}", begun.elapsed());
    let mut failures = stage.watch(peace);
    println!("B: the slow server has seen {:?}, the one with large answers {:?}", slow.seen(), large.seen());
    failures.extend(restless.err());
    failures.extend(says_that_it_is_too_much(stage).err());
    let grown = stage.grown(peace);
    if grown > MEMORY {
        failures.push(format!("the operator has grown by {grown} MiB under load"));
    }
    failures
}

/// Makes so many objects, as fast as the API server lets it.
fn make(stage: &Stage, count: usize, object: impl Fn(usize) -> Value + Sync) {
    let object = &object;
    thread::scope(|scope| {
        for first in 0..THREADS {
            scope.spawn(move || {
                for index in (first..count).step_by(THREADS) {
                    stage.tenant.made(&object(index));
                }
            });
        }
    });
}

fn network(stage: &Stage, name: &str, l1: &str) -> Value {
    let mut network = behaviors::network(stage, name, l1);
    network["spec"]["l1RpcTimeout"] = "30s".into();
    network
}

fn node(index: usize) -> Value {
    placed(json!({
        "apiVersion": "optimism.io/v1alpha1", "kind": "OpNode", "metadata": {"name": format!("node-{index}")},
        "spec": {
            "optimismNetworkRef": {"name": "net"}, "nodeType": "replica", "replicas": 0,
            "executionClient": {"name": "geth"}, "sequencerUrl": "http://203.0.113.9",
        },
    }))
}

/// Breaks and mends an object: each time the operator has something to say. Its events are bounded.
fn change_again_and_again(stage: &Stage) -> Result<(), String> {
    const MOST: usize = CHANGES / 2;
    let object = network(stage, "restless", &stage.l1.url());
    stage.tenant.made(&object);
    for turn in 0..CHANGES {
        let name = if turn % 2 == 0 {
            json!({"secretKeyRef": {"name": format!("gone-{turn}"), "key": "url"}})
        } else {
            Value::Null
        };
        let answer = stage.tenant.request("PATCH", &paths::of(&object), Some(&json!({"spec": {"l1RpcUrlFrom": name}})));
        assert!(answer.is_success(), "{} {}", answer.status, answer.text());
    }
    let events = stage.site().list(&format!("/apis/events.k8s.io/v1/namespaces/{}/events", tenant::NAMESPACE));
    let about = events.iter().filter(|event| event["regarding"]["name"] == "restless").count();
    println!("B: {CHANGES} changes of an object are {about} events");
    if about > MOST { Err(format!("{about} events for {CHANGES} changes")) } else { Ok(()) }
}

/// Of the thousand some are not asked for, and say so.
fn says_that_it_is_too_much(stage: &Stage) -> Result<(), String> {
    let all = format!("/apis/optimism.io/v1alpha1/namespaces/{}/optimismnetworks", tenant::NAMESPACE);
    try_until(MINUTE, || {
        let networks = stage.site().list(&all);
        let is_told = |network: &&Value| network["status"]["conditions"].to_string().contains("Budget");
        match networks.iter().filter(is_told).count() {
            0 => Err("no network says that it is over its budget".into()),
            _ => Ok(()),
        }
    })
}
