//! What is granted, use by use.

use super::*;
use crate::answer::Manifest;
use crate::ids::{Gvk, ObjectKey};
use crate::probe::SecretKey;
use serde_json::json;

fn manifest() -> Manifest {
    let asks = json!({
        "patches": [{"version": "v1", "kind": "Pod", "fields": ["metadata.labels['a/b']"]}],
        "targets": {"hosts": ["*"], "secrets": true},
    });
    Manifest {
        name: "some".into(),
        version: "1.0.0".into(),
        crd: json!({
            "metadata": {"annotations": {"grants.optimism.io/asks-for": asks.to_string()}},
            "spec": {"group": "example.org", "names": {"kind": "Thing"}},
        }),
        served_version: "v1".into(),
        reads: vec![Gvk::new("", "v1", "Secret")],
        owns: vec![Gvk::new("apps", "v1", "Deployment")],
        rpc_methods: vec!["eth_chainId".into()],
        phases: None,
    }
}

#[test]
fn methods_match_by_prefix_only_with_a_star() {
    let grants = Grants { rpc_methods: vec!["eth_*".into(), "admin_sequencerActive".into()], ..Grants::default() };
    assert!(grants.allows_method("eth_chainId"));
    assert!(grants.allows_method("eth_*"));
    assert!(grants.allows_method("admin_sequencerActive"));
    assert!(!grants.allows_method("admin_stopSequencer"));
    assert!(!grants.allows_method("admin_sequencerActive2"));
}

#[test]
fn whatever_a_manifest_asks_for_must_be_granted() {
    let manifest = manifest();
    let all = Grants::all_of(&manifest).unwrap();
    assert_eq!(all.missing(&manifest).unwrap(), [""; 0]);
    let missing = Grants::default().missing(&manifest).unwrap();
    let wanted = [
        "serve Thing.example.org",
        "own Deployment.apps",
        "read Secret",
        "patch metadata.labels['a/b'] of Pod",
        "call eth_chainId",
        "reach the host *",
        "reach URLs kept in Secrets",
    ];
    assert_eq!(missing, wanted);
    let some_hosts = Targets { hosts: ["rpc.example.org".into()].into(), secrets: true };
    assert_eq!(Grants { targets: some_hosts, ..all }.missing(&manifest).unwrap(), [""; 0]);
}

#[test]
fn what_cannot_be_read_is_the_plugins_fault_and_grants_nothing() {
    for bad in [
        "",
        "[]",
        r#"{"patches": [{"kind": "Pod"}]}"#,
        r#"{"patches": [{"version": "v1", "kind": "Pod", "fields": ["a..b"]}]}"#,
    ] {
        let mut manifest = manifest();
        manifest.crd = json!({"metadata": {"annotations": {"grants.optimism.io/asks-for": bad}}});
        assert_eq!(Grants::all_of(&manifest).unwrap_err().reason, "InvalidManifest", "{bad}");
    }
}

#[test]
fn a_plugin_has_no_business_in_other_namespaces() {
    let grants = Grants { namespaces: ["a".into()].into(), ..Grants::default() };
    assert!(grants.allows_namespace("a") && grants.allows_namespace(""));
    assert!(!grants.allows_namespace("b"));
    assert!(Grants::default().allows_namespace("b"));
}

#[test]
fn probes_and_acts_go_only_where_it_is_granted() {
    let service =
        |namespace: &str| Target::Service { namespace: namespace.into(), name: "s".into(), port: 1, path: "/".into() };
    let pods = |namespace: &str| Target::Pods {
        workload: ObjectKey::new(GroupKind::new("apps", "StatefulSet"), namespace, "s"),
        port: 1,
        path: "/".into(),
    };
    let secret = |namespace: &str| {
        Target::SecretUrl(SecretKey { namespace: namespace.into(), name: "s".into(), key: "url".into() })
    };
    let url = |url: &str| Target::Url(url.into());
    let targets = Targets {
        hosts: ["rpc.example.org".into(), "*.inner.example".into(), "10.0.0.1".into()].into(),
        secrets: true,
    };
    let grants = Grants { namespaces: ["a".into()].into(), targets, ..Grants::default() };
    let allowed = [
        service("a"),
        pods("a"),
        secret("a"),
        url("https://rpc.example.org/key"),
        url("http://RPC.example.org:8545"),
        url("http://x.inner.example"),
        url("http://10.0.0.1:80/"),
        url("http://0x0a000001/"),
    ];
    for target in allowed {
        assert_eq!(grants.objection_to(&target), None, "{target:?}");
    }
    let refused = [
        service("b"),
        pods("b"),
        secret("b"),
        url("https://rpc.example.org@evil.example/"),
        url("https://evil.example\\@rpc.example.org/"),
        url("https://rpc.example.org.evil.example"),
        url("http://inner.example"),
        url("http://.inner.example"),
        url("http://xinner.example"),
        url("http://169.254.169.254/"),
        url("no URL"),
    ];
    for target in refused {
        assert!(grants.objection_to(&target).is_some(), "{target:?}");
    }
    let objection = grants.objection_to(&url("https://u:hunter22@evil.example/hunter22")).unwrap();
    assert!(!objection.contains("hunter22"), "{objection}");
    let none = Grants::default();
    assert!(none.objection_to(&secret("a")).is_some(), "a Secret needs a word of its own");
    assert!(none.objection_to(&url("http://rpc.example.org")).is_some());
    assert_eq!(none.objection_to(&service("a")), None);
}

#[test]
fn fewer_calls_are_told_from_more() {
    let grants = |methods: &[&str], hosts: &[&str], secrets: bool| Grants {
        rpc_methods: methods.iter().map(ToString::to_string).collect(),
        targets: Targets { hosts: hosts.iter().map(ToString::to_string).collect(), secrets },
        ..Grants::default()
    };
    let before = grants(&["a", "b"], &["x", "y"], true);
    for more in [grants(&["b", "a", "c"], &["x", "y"], true), grants(&["a", "b"], &["*"], true)] {
        assert!(more.calls_all_of(&before));
    }
    for fewer in
        [grants(&["a"], &["x", "y"], true), grants(&["a", "b"], &["x"], true), grants(&["a", "b"], &["x", "y"], false)]
    {
        assert!(!fewer.calls_all_of(&before));
    }
}
