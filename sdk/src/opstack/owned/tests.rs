//! Every spelling by which a setting can be changed is found, and nothing else is.

use serde_json::{Value, json};

use super::*;

const TABLE: &[Owned] = &[
    Owned::new("sequencer.stopped", "spec.opNode.sequencer.stopped"),
    Owned::new("l2.jwt-secret", "the operator").variable("OP_NODE_L2_ENGINE_AUTH"),
    Owned::new("op-network", "the network").aliases(&["beta.op-network"]),
];

fn settings() -> OwnedSettings {
    OwnedSettings::of("OP_NODE", &[TABLE]).with_variables(&["POD_NAME"])
}

fn template(container: Value) -> PodTemplateSpec {
    let mut pod = json!({"spec": {"containers": [container], "volumes": [
        {"name": "jwt", "secret": {"secretName": "x-jwt"}},
        {"name": "data", "emptyDir": {}},
    ]}});
    pod["spec"]["containers"][0]["name"] = "op-node".into();
    serde_json::from_value(pod).unwrap()
}

fn rendered() -> Value {
    json!({
        "command": ["op-node"],
        "args": ["--l2.jwt-secret=/etc/jwt/jwt", "--sequencer.stopped=true", "--syncmode=a"],
        "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "volumeMounts": [{"name": "jwt", "mountPath": "/etc/jwt"}, {"name": "data", "mountPath": "/data"}],
    })
}

/// Errors of a pod template that is merged over what is rendered.
fn merged(patch: Value) -> Vec<String> {
    let before = template(rendered());
    let mut patch = json!({"spec": {"containers": [patch]}});
    patch["spec"]["containers"][0]["name"] = "op-node".into();
    let after = crate::kubernetes::merge_pod_template(before.clone(), &patch).unwrap();
    errors(&before, &after, &[("op-node", &settings())])
        .iter()
        .map(|error| format!("{}: {}", error.path, error.message))
        .collect()
}

#[test]
fn arguments_are_found_in_every_spelling_and_named_by_their_place() {
    for (args, at) in [
        (vec!["--sequencer.stopped=false"], Some(0)),
        (vec!["--sequencer.stopped", "false"], Some(0)),
        (vec!["-sequencer.stopped=false"], Some(0)),
        (vec!["--a=1", "-sequencer.stopped"], Some(1)),
        (vec!["--l2.jwt-secret=/x"], Some(0)),
        (vec!["--beta.op-network=x"], Some(0)),
        (vec!["--syncmode=b", "$(ANY)"], Some(1)),
        (vec!["--$(ANY)=false"], Some(0)),
        (vec!["--sequencer.l1-confs=4", "--x=$(ANY)"], None),
        (vec!["--sequencer.stoppedx=1"], None),
        (vec!["sequencer.stopped=false"], Some(0)),
        (vec!["--a=1", "word"], Some(1)),
        (vec!["--a", "word"], None),
        (vec!["--a", "word", "word"], Some(2)),
    ] {
        let args: Vec<String> = args.into_iter().map(Into::into).collect();
        let paths: Vec<_> =
            settings().check_args("spec.extraArgs", &args).into_iter().map(|error| error.path).collect();
        let expected: Vec<_> = at.map(|at| format!("spec.extraArgs[{at}]")).into_iter().collect();
        assert_eq!(paths, expected, "{args:?}");
    }
}

#[test]
fn variables_are_found_by_each_name() {
    for (name, found) in [
        ("OP_NODE_SEQUENCER_STOPPED", true),
        ("OP_NODE_L2_ENGINE_AUTH", true),
        ("OP_NODE_L2_JWT_SECRET", true),
        ("OP_NODE_BETA_OP_NETWORK", true),
        ("POD_NAME", true),
        ("OP_NODE_SYNCMODE", false),
        ("SEQUENCER_STOPPED", false),
    ] {
        let env: Vec<EnvVar> = serde_json::from_value(json!([{"name": name, "value": "x"}])).unwrap();
        let errors = settings().check_env("spec.extraEnv", &env);
        assert_eq!(!errors.is_empty(), found, "{name}");
        assert!(errors.iter().all(|error| error.path == "spec.extraEnv[0].name"), "{errors:?}");
    }
}

#[test]
fn a_pod_template_may_add_and_not_undo() {
    let args = |args: &[&str]| json!({"args": args});
    let (jwt, stopped) = ("--l2.jwt-secret=/etc/jwt/jwt", "--sequencer.stopped=true");
    for (patch, says) in [
        (args(&[jwt, stopped, "--syncmode=b", "--more"]), ""),
        (args(&[stopped, jwt]), ""),
        (json!({"env": [{"name": "GOMAXPROCS", "value": "1"}], "resources": {"limits": {"cpu": "1"}}}), ""),
        (json!({"command": ["/usr/bin/op-node"]}), ""),
        (json!({"volumeMounts": [{"name": "more", "mountPath": "/more"}]}), ""),
        (args(&[jwt]), "lack --sequencer.stopped"),
        (args(&[jwt, "--sequencer.stopped=false"]), "change --sequencer.stopped"),
        (args(&[jwt, stopped, "--sequencer.stopped=false"]), "change --sequencer.stopped"),
        (args(&[jwt, stopped, "-sequencer.stopped", "false"]), "change --sequencer.stopped"),
        (args(&[jwt, "--", stopped]), "would not be read"),
        (args(&[jwt, "--trace", "no", stopped]), "would not be read"),
        (args(&[jwt, stopped, "$(ANY)"]), "names its flag by a variable"),
        (json!({"command": ["sh", "-c", "op-node --sequencer.stopped=false"]}), "command: is"),
        (json!({"command": null}), "command: is"),
        (
            json!({"env": [{"name": "OP_NODE_SEQUENCER_STOPPED", "value": "false"}]}),
            "OP_NODE_SEQUENCER_STOPPED is set by",
        ),
        (json!({"env": [{"name": "POD_NAME", "$patch": "delete"}]}), "POD_NAME is set by"),
        (json!({"envFrom": [{"configMapRef": {"name": "any"}}]}), "may hold any variable"),
        (json!({"volumeMounts": [{"name": "more", "mountPath": "/etc/jwt"}]}), "changes the volume jwt"),
        (json!({"volumeMounts": [{"name": "more", "mountPath": "/etc/jwt/jwt"}]}), "changes the volume jwt"),
        (json!({"$patch": "delete"}), "lacks op-node"),
    ] {
        let errors = merged(patch.clone());
        assert_eq!(errors.is_empty(), says.is_empty(), "{patch}: {errors:?}");
        assert!(errors.iter().all(|error| error.starts_with("spec.podTemplate.spec.")), "{errors:?}");
        assert!(says.is_empty() || errors.iter().any(|error| error.contains(says)), "{patch}: {errors:?}");
    }
}

#[test]
fn a_key_comes_from_its_own_volume() {
    let before = template(rendered());
    for (volume, is_fit) in [
        (json!({"name": "jwt", "secret": {"secretName": "other"}}), false),
        (json!({"name": "data", "emptyDir": {"sizeLimit": "1Gi"}}), true),
    ] {
        let patch = json!({"spec": {"volumes": [volume]}});
        let after = crate::kubernetes::merge_pod_template(before.clone(), &patch).unwrap();
        assert_eq!(errors(&before, &after, &[("op-node", &settings())]).is_empty(), is_fit, "{patch}");
    }
}
