//! Pods at the border of the Pod Security Standards: each is one that the standard `restricted` allows, with a few features that it
//! may or may not have. Included by tests of more than one crate.

use opstack_core::answer::{Policy, Resource};
use opstack_core::grants::{Grants, PodSecurity};
use opstack_core::ids::{Gvk, PluginName};
use opstack_core::policy::{Owner, check};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Namespace of the pods.
pub const NAMESPACE: &str = "restricted";

/// Whether the policy lets an object through at a level, or why not.
pub fn verdict(object: &Value, level: PodSecurity) -> Result<(), String> {
    let text = |field: &str| object[field].as_str().unwrap_or_default();
    let gvk = Gvk::from_api_version(text("apiVersion"), text("kind"));
    let grants = Grants { owns: [gvk.group_kind.clone()].into(), pod_security: level, ..Grants::default() };
    let key = format!("Thing.example.org/{NAMESPACE}/owner").parse().expect("a key");
    let owner = Owner { key, uid: "life".into(), api_version: "example.org/v1".into(), spec: &Value::Null };
    let resource = Resource { object: object.to_string(), policy: Policy::Delete };
    let plugin = PluginName::parse("some").expect("a name");
    check(&[resource], &owner, &plugin, &grants, &BTreeMap::from([(gvk, true)])).map(|_| ()).map_err(|fault| {
        assert_eq!(fault.reason, "PodSecurity", "{}", fault.message);
        fault.message
    })
}

/// Numbers that look random and are the same in each run (splitmix64, by Sebastiano Vigna).
pub struct Dice(u64);

impl Dice {
    /// The numbers that a seed leads to.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let bound = u64::try_from(bound.max(1)).unwrap_or(1);
        usize::try_from((mixed ^ (mixed >> 31)) % bound).unwrap_or_default()
    }

    fn one<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }
}

/// One pod.
pub fn pod(dice: &mut Dice) -> Value {
    let containers: Vec<_> = ["a", "b"][..1 + dice.below(2)].iter().map(|name| container(name)).collect();
    let init: Vec<_> = ["c"][..dice.below(2)].iter().map(|name| container(name)).collect();
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "p", "namespace": NAMESPACE, "annotations": {}},
        "spec": {
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": containers,
            "initContainers": init,
            "volumes": [],
        },
    });
    // Most have few features, so that a good part of them is allowed.
    for _ in 0..*dice.one(&[0, 1, 1, 2, 2, 3, 5]) {
        match dice.below(10) {
            0 | 1 => of_pod(dice, &mut pod),
            2..=4 => of_context(dice, &mut pod),
            5 | 6 => of_volumes(dice, &mut pod),
            _ => of_container(dice, &mut pod),
        }
    }
    pod
}

fn container(name: &str) -> Value {
    json!({"name": name, "image": "registry.example/image:1", "securityContext": {
        "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}})
}

/// A field of the spec, or an annotation.
fn of_pod(dice: &mut Dice, pod: &mut Value) {
    let field = *dice.one(&["hostNetwork", "hostPID", "hostIPC", "hostUsers", "automount", "apparmor", "share"]);
    match field {
        "apparmor" => {
            let profile = *dice.one(&["runtime/default", "localhost/profile", "unconfined"]);
            // The annotation must not contradict a field.
            if pod.to_string().contains("appArmorProfile") {
                return;
            }
            pod["metadata"]["annotations"]["container.apparmor.security.beta.kubernetes.io/a"] = profile.into();
        }
        "automount" => pod["spec"]["automountServiceAccountToken"] = dice.percent(50).into(),
        "share" => pod["spec"]["shareProcessNamespace"] = dice.percent(50).into(),
        "hostUsers" => pod["spec"]["hostUsers"] = true.into(),
        _ => pod["spec"][field] = dice.percent(50).into(),
    }
}

/// A field of a security context, of the pod or of a container.
fn of_context(dice: &mut Dice, pod: &mut Value) {
    let of_pod = dice.percent(40);
    let has_apparmor = !pod["metadata"]["annotations"].as_object().expect("a map").is_empty();
    let at = place(dice, pod);
    let context =
        if of_pod { &mut pod["spec"]["securityContext"] } else { &mut pod["spec"][at.0][at.1]["securityContext"] };
    match dice.below(if of_pod { 7 } else { 11 }) {
        0 => set(context, "runAsNonRoot", dice.one(&[json!(true), json!(true), json!(false), json!(null)])),
        1 => set(context, "runAsUser", dice.one(&[json!(0), json!(1), json!(1000), json!(null)])),
        2 => {
            let all = [
                json!({"type": "RuntimeDefault"}),
                json!({"type": "Localhost", "localhostProfile": "profiles/one.json"}),
                json!({"type": "Unconfined"}),
                json!(null),
            ];
            set(context, "seccompProfile", dice.one(&all));
        }
        3 => {
            let all = [
                json!({"type": "container_t"}),
                json!({"type": "container_init_t", "level": "s0:c1,c2"}),
                json!({"type": "container_kvm_t"}),
                json!({"type": "container_engine_t"}),
                json!({"type": "spc_t"}),
                json!({"user": "system_u"}),
                json!({"role": "system_r"}),
                json!({"type": "", "user": "", "role": ""}),
            ];
            set(context, "seLinuxOptions", dice.one(&all));
        }
        4 if !has_apparmor => {
            let all = [
                json!({"type": "RuntimeDefault"}),
                json!({"type": "Localhost", "localhostProfile": "one"}),
                json!({"type": "Unconfined"}),
            ];
            set(context, "appArmorProfile", dice.one(&all));
        }
        5 if of_pod => {
            let names = [
                "kernel.shm_rmid_forced",
                "net.ipv4.ip_local_port_range",
                "net.ipv4.tcp_syncookies",
                "net.ipv4.ping_group_range",
                "net.ipv4.ip_unprivileged_port_start",
                "net.ipv4.ip_local_reserved_ports",
                "net.ipv4.tcp_keepalive_time",
                "net.ipv4.tcp_fin_timeout",
                "net.ipv4.tcp_keepalive_intvl",
                "net.ipv4.tcp_keepalive_probes",
                "net.ipv4.tcp_rmem",
                "net.ipv4.tcp_wmem",
                "kernel.msgmax",
                "net.core.somaxconn",
            ];
            set(context, "sysctls", &json!([{"name": dice.one(&names), "value": "1"}]));
        }
        6 if of_pod => set(context, "fsGroup", dice.one(&[json!(0), json!(1000)])),
        7 => set(context, "privileged", dice.one(&[json!(false), json!(false), json!(true), json!("true")])),
        8 => set(context, "allowPrivilegeEscalation", dice.one(&[json!(false), json!(true), json!(null)])),
        9 => set(context, "procMount", dice.one(&[json!("Default"), json!("Unmasked"), json!(null)])),
        10 => {
            let all = [
                json!({"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}),
                json!({"drop": ["NET_RAW", "ALL"]}),
                json!({"drop": ["ALL"], "add": []}),
                json!({"drop": ["ALL"], "add": ["CHOWN"]}),
                json!({"drop": ["ALL"], "add": ["SYS_TIME"]}),
                json!({"drop": ["all"]}),
                json!({"drop": ["NET_RAW"]}),
                json!({"add": ["NET_BIND_SERVICE"]}),
            ];
            set(context, "capabilities", dice.one(&all));
        }
        _ => set(
            context,
            "windowsOptions",
            dice.one(&[json!({"hostProcess": false}), json!({"hostProcess": true}), json!({})]),
        ),
    }
}

/// One more volume.
fn of_volumes(dice: &mut Dice, pod: &mut Value) {
    let claim = json!({"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
    let sources = [
        json!({"configMap": {"name": "c"}}),
        json!({"secret": {"secretName": "s"}}),
        json!({"emptyDir": {}}),
        json!({"downwardAPI": {"items": [{"path": "a", "fieldRef": {"fieldPath": "metadata.name"}}]}}),
        json!({"projected": {"sources": [{"configMap": {"name": "c"}}]}}),
        json!({"persistentVolumeClaim": {"claimName": "c"}}),
        json!({"csi": {"driver": "csi.example.org"}}),
        json!({"ephemeral": {"volumeClaimTemplate": claim}}),
        json!({"image": {"reference": "registry.example/image:1", "pullPolicy": "IfNotPresent"}}),
        json!({"emptyDir": {}, "hostPath": null}),
        json!({}),
        json!({"hostPath": {"path": "/"}}),
        json!({"nfs": {"server": "s", "path": "/"}}),
        json!({"iscsi": {"targetPortal": "t", "iqn": "iqn.2001-04.com.example:a", "lun": 0}}),
        json!({"fc": {"targetWWNs": ["w"], "lun": 0}}),
        json!({"gitRepo": {"repository": "r"}}),
    ];
    let mut volume = dice.one(&sources).clone();
    let volumes = pod["spec"]["volumes"].as_array_mut().expect("a list");
    volume["name"] = format!("v{}", volumes.len()).into();
    volumes.push(volume);
}

/// Ports, probes and hooks of a container that may have them.
fn of_container(dice: &mut Dice, pod: &mut Value) {
    let index = dice.below(pod["spec"]["containers"].as_array().expect("a list").len());
    let container = &mut pod["spec"]["containers"][index];
    let host = *dice.one(&[None, None, Some(""), Some("127.0.0.1"), Some("169.254.169.254")]);
    let mut handler = match dice.below(3) {
        0 => json!({"httpGet": {"path": "/", "port": 80}}),
        1 => json!({"tcpSocket": {"port": 80}}),
        _ => json!({"exec": {"command": ["true"]}}),
    };
    let kind = handler.as_object().expect("a map").keys().next().cloned().expect("one");
    if let Some(host) = host.filter(|_| kind != "exec") {
        handler[&kind]["host"] = host.into();
    }
    match dice.below(6) {
        0 => container["livenessProbe"] = handler,
        1 => container["readinessProbe"] = handler,
        2 => container["startupProbe"] = handler,
        // A hook has no way of TCP any more.
        3 if kind != "tcpSocket" => container["lifecycle"] = json!({(*dice.one(&["preStop", "postStart"])): handler}),
        4 => container["ports"] = json!([{"containerPort": 8080, "hostPort": dice.one(&[0, 0, 8080])}]),
        _ => container["ports"] = json!([{"containerPort": 8080}]),
    }
}

/// A container of any sort.
fn place(dice: &mut Dice, pod: &Value) -> (&'static str, usize) {
    let count = |list: &str| pod["spec"][list].as_array().expect("a list").len();
    let list = if count("initContainers") > 0 && dice.percent(30) { "initContainers" } else { "containers" };
    (list, dice.below(count(list)))
}

fn set(context: &mut Value, field: &str, value: &Value) {
    context[field] = value.clone();
}
