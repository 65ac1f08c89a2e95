//! Each rule with the smallest pod that breaks it, each allowance with the smallest that uses it, and each place where a pod may stand.

use super::*;
use crate::ids::GroupKind;
use serde_json::json;

/// A pod that the standard `restricted` allows, with a container of each sort.
fn pod() -> Value {
    let container = |name: &str| {
        json!({"name": name, "image": "i", "securityContext": {
            "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}})
    };
    json!({"metadata": {"name": "p", "annotations": {}}, "spec": {
        "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container("a"), container("b")],
        "initContainers": [container("c")],
        "ephemeralContainers": [container("d")],
        "volumes": [{"name": "v", "emptyDir": {}}]}})
}

/// The document with a value at a path, of which the last part may be new.
fn with(mut document: Value, path: &str, value: &Value) -> Value {
    let (place, last) = path.rsplit_once('/').unwrap();
    let mut here = &mut document;
    for part in place.split('/').skip(1) {
        here = match here {
            Value::Array(items) => items.get_mut(part.parse::<usize>().unwrap()).unwrap(),
            Value::Object(fields) => fields.entry(part).or_insert_with(|| json!({})),
            other => panic!("{path}: {other} is in the way"),
        };
    }
    match here {
        Value::Array(items) => items[last.parse::<usize>().unwrap()] = value.clone(),
        Value::Object(fields) => _ = fields.insert(last.replace("~1", "/"), value.clone()),
        other => panic!("{path}: {other} is in the way"),
    }
    document
}

fn judged(kind: &str, object: &Value, level: PodSecurity) -> Result<(), String> {
    let key = ObjectKey::new(GroupKind::new("", kind), "ns", "p");
    check(&key, object, level, (&PluginName::parse("some").unwrap(), &Value::Null)).map_err(|fault| {
        assert_eq!((fault.blame, fault.reason), (crate::blame::Blame::Plugin, "PodSecurity"));
        fault.message
    })
}

/// Where containers are.
const CONTAINERS: [&str; 4] =
    ["/spec/containers/0", "/spec/containers/1", "/spec/initContainers/0", "/spec/ephemeralContainers/0"];

/// A path below each container, or below each security context, of the pod's own too.
fn places(path: &str) -> Vec<String> {
    if let Some(below) = path.strip_prefix("CONTAINER") {
        return CONTAINERS.iter().map(|container| format!("{container}{below}")).collect();
    }
    match path.strip_prefix("CONTEXT") {
        Some(below) => {
            let containers = CONTAINERS.iter().map(|container| format!("{container}/securityContext{below}"));
            containers.chain([format!("/spec/securityContext{below}")]).collect()
        }
        None => vec![path.to_string()],
    }
}

fn baseline() -> Vec<(&'static str, Value)> {
    let host = json!({"host": "169.254.169.254", "port": 80});
    vec![
        ("/spec/hostNetwork", json!(true)),
        ("/spec/hostPID", json!(true)),
        ("/spec/hostPID", json!("true")),
        ("/spec/hostIPC", json!(true)),
        ("/spec/volumes/0", json!({"name": "v", "hostPath": {"path": "/"}})),
        ("/spec/volumes/0", json!({"name": "v", "emptyDir": {}, "hostPath": {"path": "/"}})),
        ("CONTAINER/ports", json!([{"containerPort": 80}, {"containerPort": 81, "hostPort": 81}])),
        ("CONTAINER/livenessProbe", json!({"httpGet": host})),
        ("CONTAINER/readinessProbe", json!({"tcpSocket": host})),
        ("CONTAINER/startupProbe", json!({"httpGet": host})),
        ("CONTAINER/lifecycle", json!({"preStop": {"httpGet": host}})),
        ("CONTAINER/lifecycle", json!({"postStart": {"tcpSocket": host}})),
        ("CONTEXT/privileged", json!(true)),
        ("CONTEXT/privileged", json!("yes")),
        ("CONTEXT/windowsOptions", json!({"hostProcess": true})),
        ("CONTEXT/windowsOptions", json!("x")),
        ("CONTAINER/securityContext/capabilities", json!({"drop": ["ALL"], "add": ["NET_RAW"]})),
        ("CONTAINER/securityContext/capabilities", json!({"drop": ["ALL"], "add": ["SYS_ADMIN"]})),
        ("CONTAINER/securityContext/capabilities", json!({"drop": ["ALL"], "add": "SYS_ADMIN"})),
        ("CONTEXT/procMount", json!("Unmasked")),
        ("CONTEXT/seLinuxOptions", json!({"type": "spc_t"})),
        ("CONTEXT/seLinuxOptions", json!({"type": 1})),
        ("CONTEXT/seLinuxOptions", json!({"user": "root"})),
        ("CONTEXT/seLinuxOptions", json!({"role": "sysadm_r"})),
        ("CONTEXT/seccompProfile", json!({"type": "Unconfined"})),
        ("CONTEXT/seccompProfile", json!({})),
        ("CONTEXT/appArmorProfile", json!({"type": "Unconfined"})),
        ("/metadata/annotations/container.apparmor.security.beta.kubernetes.io~1a", json!("unconfined")),
        ("/spec/securityContext/sysctls", json!([{"name": "kernel.shm_rmid_forced"}, {"name": "kernel.msgmax"}])),
        ("/spec/securityContext/sysctls", json!({"name": "kernel.msgmax"})),
        ("CONTAINER/securityContext", json!("x")),
        ("/spec/containers", json!({"a": {"image": "i"}})),
        ("/spec/initContainers", json!(true)),
    ]
}

fn restricted() -> Vec<(&'static str, Value)> {
    vec![
        ("CONTEXT/runAsNonRoot", json!(false)),
        ("/spec/securityContext/runAsNonRoot", json!(null)),
        ("CONTEXT/runAsUser", json!(0)),
        ("CONTAINER/securityContext/allowPrivilegeEscalation", json!(true)),
        ("CONTAINER/securityContext/allowPrivilegeEscalation", json!(null)),
        ("CONTAINER/securityContext/capabilities", json!({"drop": ["ALL"], "add": ["CHOWN"]})),
        ("CONTAINER/securityContext/capabilities", json!({"drop": ["NET_RAW"]})),
        ("CONTAINER/securityContext/capabilities", json!({"drop": "ALL"})),
        ("CONTAINER/securityContext/capabilities", json!(null)),
        ("CONTAINER/securityContext", json!(null)),
        ("/spec/securityContext/seccompProfile", json!(null)),
        ("/spec/securityContext", json!(null)),
        ("/spec/volumes/0", json!({"name": "v", "nfs": {"server": "s", "path": "/"}})),
        ("/spec/volumes/0", json!({"name": "v", "gitRepo": {"repository": "r"}})),
        ("/spec/volumes/0", json!({"name": "v", "unheardOf": {}})),
        ("/spec/volumes", json!({"v": {"nfs": {}}})),
        ("/spec/containers/0", json!("a")),
    ]
}

#[test]
fn every_rule_of_baseline_is_held_at_both_levels_and_at_no_other() {
    for (path, value) in baseline() {
        for place in places(path) {
            let pod = with(pod(), &place, &value);
            for level in [PodSecurity::Baseline, PodSecurity::Restricted] {
                assert!(judged("Pod", &pod, level).is_err(), "{level:?} allows {place}: {value}");
            }
            assert_eq!(judged("Pod", &pod, PodSecurity::Privileged), Ok(()), "{place}: {value}");
        }
    }
}

#[test]
fn every_rule_of_restricted_is_held_at_that_level_alone() {
    for (path, value) in restricted() {
        for place in places(path) {
            let pod = with(pod(), &place, &value);
            assert!(judged("Pod", &pod, PodSecurity::Restricted).is_err(), "it allows {place}: {value}");
            assert_eq!(judged("Pod", &pod, PodSecurity::Baseline), Ok(()), "{place}: {value}");
        }
    }
}

#[test]
fn what_the_standard_allows_passes() {
    assert_eq!(judged("Pod", &pod(), PodSecurity::Restricted), Ok(()));
    let here = json!({"path": "/", "port": 80});
    let mut allowed = vec![
        ("/spec/hostNetwork", json!(false)),
        ("CONTAINER/ports", json!([{"containerPort": 80, "hostPort": 0}])),
        ("CONTAINER/livenessProbe", json!({"httpGet": here})),
        ("CONTAINER/readinessProbe", json!({"tcpSocket": {"port": 80, "host": ""}})),
        ("CONTAINER/lifecycle", json!({"preStop": {"exec": {"command": ["a"]}}})),
        ("CONTAINER/securityContext/capabilities", json!({"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]})),
        ("CONTEXT/procMount", json!("Default")),
        ("CONTEXT/privileged", json!(false)),
        ("CONTEXT/seLinuxOptions", json!({"type": "container_t", "level": "s0:c1"})),
        ("CONTEXT/seccompProfile", json!({"type": "Localhost", "localhostProfile": "p"})),
        ("CONTEXT/appArmorProfile", json!({"type": "RuntimeDefault"})),
        ("CONTEXT/windowsOptions", json!({"hostProcess": false})),
        ("CONTEXT/runAsUser", json!(1000)),
        ("/metadata/annotations/container.apparmor.security.beta.kubernetes.io~1a", json!("localhost/p")),
        ("/spec/securityContext/sysctls", json!([{"name": "net.ipv4.ping_group_range", "value": "0 1"}])),
    ];
    let volumes = [
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ];
    allowed.extend(volumes.map(|source| ("/spec/volumes/0", json!({"name": "v", source: {}, "hostPath": null}))));
    for (path, value) in allowed {
        for place in places(path) {
            let pod = with(pod(), &place, &value);
            assert_eq!(judged("Pod", &pod, PodSecurity::Restricted), Ok(()), "{place}: {value}");
        }
    }
}

#[test]
fn a_container_may_say_for_itself_what_its_pod_does_not() {
    let mut pod = with(pod(), "/spec/securityContext", &json!(null));
    for container in CONTAINERS {
        pod = with(pod, &format!("{container}/securityContext/runAsNonRoot"), &json!(true));
        pod = with(pod, &format!("{container}/securityContext/seccompProfile"), &json!({"type": "RuntimeDefault"}));
    }
    assert_eq!(judged("Pod", &pod, PodSecurity::Restricted), Ok(()));
}

/// A pod's spec and template where kinds put them, those that nobody here has heard of included.
fn wrapped(pod: &Value) -> Vec<(&'static str, Value)> {
    let template = pod;
    vec![
        ("Pod", pod.clone()),
        ("PodTemplate", json!({"template": template})),
        ("Deployment", json!({"spec": {"template": template}})),
        ("StatefulSet", json!({"spec": {"template": template}})),
        ("ReplicationController", json!({"spec": {"template": template}})),
        ("Job", json!({"spec": {"template": template}})),
        ("CronJob", json!({"spec": {"jobTemplate": {"spec": {"template": template}}}})),
        (
            "JobSet",
            json!({"spec": {"replicatedJobs": [
            {"name": "a", "template": {"spec": {"template": {"spec": {"containers": []}}}}},
            {"name": "b", "template": {"spec": {"template": template}}}]}}),
        ),
        ("Workflow", json!({"spec": {"templates": {"deep": [[{"podSpecPatch": pod["spec"]}]]}}})),
        ("Unheard", json!({"anything": {"at": {"all": pod["spec"]}}})),
    ]
}

#[test]
fn a_pod_is_judged_wherever_it_stands() {
    let bad = with(pod(), "/spec/initContainers/0/securityContext/privileged", &json!(true));
    for (kind, object) in wrapped(&pod()) {
        assert_eq!(judged(kind, &object, PodSecurity::Restricted), Ok(()), "{kind}");
    }
    for (kind, object) in wrapped(&bad) {
        let message = judged(kind, &object, PodSecurity::Restricted).expect_err(kind);
        assert!(message.contains("initContainers[0].securityContext.privileged is set"), "{kind}: {message}");
    }
}

#[test]
fn parts_of_a_pod_are_judged_where_the_rest_is_missing() {
    for part in [
        json!({"hostPID": true}),
        json!({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}),
        json!({"initContainers": [{"name": "a", "securityContext": {"privileged": true}}]}),
        json!({"containers": [{"name": "a", "image": "other"}]}),
        json!({"securityContext": {"runAsNonRoot": false}}),
        json!({"container": {"securityContext": {"privileged": true}}}),
    ] {
        for object in [json!({"spec": part}), json!({"spec": {"template": {"spec": part}}}), json!({"any": [part]})] {
            assert!(judged("Deployment", &object, PodSecurity::Restricted).is_err(), "{object}");
        }
    }
}

#[test]
fn what_only_has_the_words_of_a_pod_is_none() {
    for object in [
        json!({"data": {"hostPID": "true", "hostPath": "/", "containers": "a"}}),
        json!({"metadata": {"labels": {"hostPath": "x"}}, "spec": {"selector": {"matchLabels": {"hostPort": "x"}}}}),
        json!({"spec": {"ports": [{"port": 80, "targetPort": 8545}], "containers": "all"}}),
        json!({"spec": {"template": {"spec": {"parallelism": 1}}}}),
    ] {
        assert_eq!(judged("Anything", &object, PodSecurity::Restricted), Ok(()), "{object}");
    }
}

#[test]
fn the_place_and_the_rule_are_told() {
    let object = json!({"spec": {"template": with(pod(), "/spec/hostPID", &json!(true))}});
    assert_eq!(
        judged("Deployment", &object, PodSecurity::Restricted).unwrap_err(),
        "Deployment/ns/p breaks the restricted pod security standard: spec.template.spec.hostPID is set; a pod has namespaces of its own"
    );
}
