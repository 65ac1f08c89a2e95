//! No op-node boots with an active sequencer, another engine, another key or another port through what a user hands through, in any
//! spelling and by any way.

use geth::Geth;
use op_node::OpNode;
use opstack_sdk::Failure;
use opstack_sdk::call::{self, render_client};
use opstack_sdk::testkit::{Case, FakeCluster, request};
use reth::Reth;
use serde_json::{Value, json};
use std::path::Path;

/// What a sequencer with this in its spec is answered.
fn answer(spec: &Value) -> Result<(), Failure> {
    let case = Case::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/sequencer-key"));
    let mut object = case.object;
    let fields = object["spec"].as_object_mut().unwrap();
    fields.extend(spec.as_object().unwrap().clone());
    let cluster =
        FakeCluster::new(case.documents).client("geth", render_client::<Geth>).client("reth", render_client::<Reth>);
    call::reconcile::<OpNode>(&cluster, request(&object)).map(drop)
}

fn refused(spec: &Value, path: &str) {
    match answer(spec) {
        Err(Failure::Invalid(errors)) => {
            assert!(errors.iter().any(|error| error.path.starts_with(path)), "{spec}: {errors:?}");
        }
        other => panic!("{spec}: {other:?}"),
    }
}

fn in_template(container: &str, mut patch: Value) -> Value {
    patch["name"] = container.into();
    json!({"podTemplate": {"spec": {"containers": [patch]}}})
}

#[test]
fn the_node_as_it_is_and_what_is_the_users_pass() {
    for spec in [
        json!({}),
        json!({"extraArgs": ["--l1.rpckind=basic", "--verifier.l1-confs", "4"], "extraEnv": [{"name": "OP_NODE_L1_MAX_CONCURRENCY", "value": "2"}]}),
        json!({"executionClient": {"name": "geth", "extraArgs": ["--cache=1", "--nat", "extip:1.2.3.4"]}}),
        in_template(
            "op-node",
            json!({"resources": {"limits": {"cpu": "1"}}, "env": [{"name": "GOMAXPROCS", "value": "1"}]}),
        ),
        in_template("reth", json!({"env": [{"name": "RUST_LOG", "value": "info"}]})),
        in_template("helper", json!({"image": "helper:1"})),
    ] {
        assert_eq!(answer(&spec), Ok(()), "{spec}");
    }
}

#[test]
fn arguments_that_are_the_operators_are_refused_at_their_place() {
    for args in [
        json!(["--sequencer.stopped=false"]),
        json!(["--sequencer.stopped", "false"]),
        json!(["-sequencer.stopped=false"]),
        json!(["--sequencer.enabled"]),
        json!(["--rpc.admin-state=/data/op-node/state.json"]),
        json!(["--rpc.enable-admin=false"]),
        json!(["--rpc.port=1"]),
        json!(["--l2=http://elsewhere:8551"]),
        json!(["--l2.jwt-secret=/x"]),
        json!(["--p2p.priv.path=/x"]),
        json!(["--conductor.enabled=false"]),
        json!(["$(START)"]),
    ] {
        refused(&json!({"extraArgs": args}), "spec.extraArgs[0]");
    }
    refused(&json!({"extraArgs": ["--l1.rpckind=basic", "-sequencer.stopped"]}), "spec.extraArgs[1]");
    for (client, arg) in [
        ("geth", "--authrpc.addr=0.0.0.0"),
        ("geth", "-authrpc.addr=0.0.0.0"),
        ("geth", "--config=/x"),
        ("reth", "--authrpc.jwtsecret=/x"),
        ("reth", "--instance=2"),
    ] {
        let spec = json!({"executionClient": {"name": client, "extraArgs": [arg]}});
        refused(&spec, "spec.executionClient.extraArgs[0]");
    }
}

#[test]
fn variables_that_are_the_operators_are_refused_at_their_place() {
    for name in [
        "OP_NODE_SEQUENCER_STOPPED",
        "OP_NODE_SEQUENCER_ENABLED",
        "OP_NODE_RPC_ADMIN_STATE",
        "OP_NODE_L2_ENGINE_AUTH",
        "OP_NODE_P2P_SEQUENCER_KEY",
        "POD_NAME",
    ] {
        let env = json!([{"name": name, "value": "x"}]);
        refused(&json!({"extraEnv": env}), "spec.extraEnv[0]");
        refused(&in_template("op-node", json!({"env": env})), "spec.podTemplate.spec.containers[op-node].env");
    }
    for name in ["GETH_AUTHRPC_ADDR", "GETH_CONFIG", "POD_NAME"] {
        let env = json!([{"name": name, "value": "x"}]);
        let spec = json!({"executionClient": {"name": "geth", "extraEnv": env}});
        refused(&spec, "spec.executionClient.extraEnv[0]");
    }
}

#[test]
fn a_pod_template_undoes_nothing() {
    let own = "spec.podTemplate.spec.containers";
    for (container, patch) in [
        ("op-node", json!({"args": ["--l1=http://l1", "--sequencer.enabled=true"]})),
        ("op-node", json!({"args": null})),
        ("op-node", json!({"command": ["/bin/sh", "-c", "op-node --sequencer.enabled"]})),
        ("op-node", json!({"envFrom": [{"secretRef": {"name": "any"}}]})),
        ("op-node", json!({"$patch": "delete"})),
        ("op-node", json!({"volumeMounts": [{"name": "other", "mountPath": "/etc/opstack/jwt/jwt"}]})),
        ("reth", json!({"args": ["node", "--authrpc.addr=0.0.0.0"]})),
        ("reth", json!({"command": ["sh"]})),
    ] {
        refused(&in_template(container, patch), own);
    }
    let volumes = json!({"podTemplate": {"spec": {"volumes": [{"name": "jwt", "secret": {"secretName": "other"}}]}}});
    refused(&volumes, "spec.podTemplate.spec.volumes");
}
