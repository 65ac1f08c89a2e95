//! What of an answer is let through, grant by grant.

use super::*;
use crate::answer::Children;
use crate::blame::Blame;
use crate::grants::Targets;
use crate::ids::GroupKind;
use crate::probe::{Action, Precondition, Probe, RpcCall, Target};
use std::time::Duration;

fn owner() -> Owner<'static> {
    let key = "Thing.example.org/ns/a".parse().unwrap();
    Owner { key, uid: "life".into(), api_version: "example.org/v1".into(), spec: &Value::Null }
}

/// The verdict on one object.
fn judge(object: &Value, policy: Policy, grants: &Grants) -> Result<Desired, Fault> {
    judge_for(&owner(), object, policy, grants)
}

fn judge_for(owner: &Owner<'_>, object: &Value, policy: Policy, grants: &Grants) -> Result<Desired, Fault> {
    let text = |field: &str| object[field].as_str().unwrap_or_default();
    let kinds = BTreeMap::from([(Gvk::from_api_version(text("apiVersion"), text("kind")), true)]);
    let resource = Resource { object: object.to_string(), policy };
    check(&[resource], owner, &PluginName::parse("some").unwrap(), grants, &kinds)
}

fn pod(more: Value) -> Value {
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "ns"}});
    pod.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    pod
}

fn patches(fields: &[&str]) -> Grants {
    let fields = fields.iter().map(|field| field.parse().unwrap()).collect();
    Grants { patches: [(GroupKind::new("", "Pod"), fields)].into(), ..Grants::default() }
}

#[test]
fn a_patch_touches_only_the_fields_that_are_granted() {
    let labelled = |name: &str| {
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "p", "namespace": "ns", "labels": {name: "true"}}})
    };
    let granted = patches(&["metadata.labels['optimism.io/synced']"]);
    assert!(judge(&labelled("optimism.io/synced"), Policy::Patch, &granted).is_ok());
    for (grants, object) in [
        (&granted, labelled("other")),
        (&granted, pod(json!({"spec": {"hostPID": true}}))),
        (&granted, pod(json!({"spec": {"activeDeadlineSeconds": 1}}))),
        (&granted, pod(json!({"kind": "Pod", "spec": {}}))),
        (&patches(&[]), labelled("optimism.io/synced")),
        (&Grants { owns: [GroupKind::new("", "Pod")].into(), ..Grants::default() }, labelled("optimism.io/synced")),
    ] {
        let fault = judge(&object, Policy::Patch, grants).unwrap_err();
        assert_eq!(
            (fault.reason, fault.message.contains("spec.grants.patches")),
            ("FieldNotGranted", true),
            "{object}"
        );
    }
    assert!(judge(&labelled("other"), Policy::Patch, &patches(&["metadata.labels"])).is_ok());
}

#[test]
fn a_patch_is_held_to_pod_security_as_well() {
    let granted = patches(&["spec"]);
    for spec in [
        json!({"hostPID": true}),
        json!({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}),
        json!({"initContainers": [{"name": "a", "image": "i", "securityContext": {"privileged": true}}]}),
    ] {
        assert_eq!(judge(&pod(json!({"spec": spec})), Policy::Patch, &granted).unwrap_err().reason, "PodSecurity");
    }
    assert!(judge(&pod(json!({"spec": {"activeDeadlineSeconds": 1}})), Policy::Patch, &granted).is_ok());
}

#[test]
fn what_a_spec_asks_for_in_so_many_words_is_its_own_fault() {
    let granted = patches(&["spec"]);
    let port = json!([{"name": "a", "image": "i", "ports": [{"containerPort": 9003, "hostPort": 9003}]}]);
    let asks = json!({"podTemplate": {"spec": {"containers": port}}});
    let rendered = |port: &Value| {
        let mut containers = port.clone();
        containers[0]["securityContext"] =
            json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
        let confined = json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}});
        pod(json!({"spec": {"containers": containers, "securityContext": confined}}))
    };
    let rendered = rendered(&port);
    let rooted = pod(json!({"spec": {"securityContext": {"runAsNonRoot": false}}}));
    for (spec, object, field, enough) in [
        (&asks, &rendered, "spec.podTemplate.spec.containers[0].ports[0].hostPort is 9003", "Privileged"),
        (&json!({"security": {"runAsNonRoot": false}}), &rooted, "spec.security.runAsNonRoot is not true", "Baseline"),
    ] {
        let fault = judge_for(&Owner { spec, ..owner() }, object, Policy::Patch, &granted).unwrap_err();
        assert_eq!((fault.blame, fault.reason), (Blame::Spec, "PodSecurity"), "{}", fault.message);
        let way_out = format!("set spec.grants.podSecurity of that Plugin to {enough}");
        assert!(fault.message.starts_with(field) && fault.message.contains(&way_out), "{}", fault.message);
    }
    // Another port than the one that is asked for, or nothing asked for: the plugin's own doing.
    let other = json!({"podTemplate": {"spec": {"containers": [{"name": "a", "ports": [{"hostPort": 1}]}]}}});
    for spec in [&other, &Value::Null] {
        let fault = judge_for(&Owner { spec, ..owner() }, &rendered, Policy::Patch, &granted).unwrap_err();
        assert_eq!((fault.blame, fault.reason), (Blame::Plugin, "PodSecurity"), "{}", fault.message);
    }
}

#[test]
fn what_may_be_patched_may_not_be_made() {
    let object = pod(json!({"spec": {"activeDeadlineSeconds": 1}}));
    let fault = judge(&object, Policy::Delete, &patches(&["spec"])).unwrap_err();
    assert_eq!(fault.reason, "KindNotGranted");
}

#[test]
fn any_document_at_all_is_judged_without_a_panic() {
    let grants = Grants { owns: [GroupKind::new("apps", "StatefulSet")].into(), ..Grants::default() };
    let odd = [json!("x"), json!(1), json!([]), json!(null), json!(true), json!({"template": "x"})];
    for field in ["spec", "metadata", "status", "data"] {
        for value in &odd {
            let mut object =
                json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "a", "namespace": "ns"}});
            object.as_object_mut().unwrap().insert(field.into(), value.clone());
            for policy in [Policy::Delete, Policy::Retain, Policy::Patch] {
                let verdict = judge(&object, policy, &grants);
                if field == "spec" && !value.is_object() && !value.is_null() && policy != Policy::Patch {
                    let fault = verdict.unwrap_err();
                    assert_eq!((fault.blame, fault.reason), (crate::blame::Blame::Plugin, "InvalidAnswer"), "{object}");
                }
            }
        }
    }
}

fn answer() -> Answer {
    Answer {
        children: Children::Keep("nothing".into()),
        secrets: vec![],
        probes: vec![],
        actions: vec![],
        status: Value::Null,
        conditions: vec![],
        events: vec![],
        requeue_after: None,
    }
}

#[test]
fn probes_and_acts_are_held_to_methods_and_targets() {
    let call = RpcCall { method: "eth_chainId".into(), params: json!([]) };
    let probe = |target: Target| Probe {
        id: "p".into(),
        target,
        question: Question::JsonRpc(vec![call.clone()]),
        interval: Duration::ZERO,
        timeout: Duration::ZERO,
        wake_on: vec![],
    };
    let action = |target: Target| Action {
        id: "a".into(),
        target,
        pod: None,
        call: call.clone(),
        precondition: Precondition { call: call.clone(), pointer: String::new(), equals: Value::Null },
        timeout: Duration::ZERO,
    };
    let url = || Target::Url("http://rpc.example.org".into());
    let asking = Answer { probes: vec![probe(url())], ..answer() };
    let acting = Answer { actions: vec![action(url())], ..answer() };
    let methods = Grants { rpc_methods: vec!["eth_*".into()], ..Grants::default() };
    let targets = Targets { hosts: ["rpc.example.org".into()].into(), secrets: false };
    for answer in [&asking, &acting] {
        let reason = |grants: &Grants| check_calls(answer, grants).map_err(|fault| fault.reason);
        assert_eq!(reason(&Grants { targets: targets.clone(), ..Grants::default() }), Err("MethodNotGranted"));
        assert_eq!(reason(&methods), Err("TargetNotGranted"));
        assert_eq!(reason(&Grants { targets: targets.clone(), ..methods.clone() }), Ok(()));
    }
}
