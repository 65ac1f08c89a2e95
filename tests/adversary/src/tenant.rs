//! The adversary: a service account with the rights of one namespace. It has Kubernetes' own role `edit` there, may write all
//! of our kinds and even their statuses, and the endpoints and leases of its namespace.

use control_plane::{Client, Kubectl, Response};
use rpc_double::Double;
use serde_json::{Value, json};
use suite::{Site, chain, paths};

/// Its namespace.
pub const NAMESPACE: &str = "mallory";
const ACCOUNT: &str = "tenant";
/// Kinds of no namespace, which it tries as well.
const CLUSTER_SCOPED: [&str; 5] =
    ["Plugin", "CustomResourceDefinition", "Namespace", "ClusterRole", "ClusterRoleBinding"];

/// Whoever may do what the tenant may.
pub struct Tenant {
    client: Client,
    /// kubectl as the tenant.
    pub kubectl: Kubectl,
    /// A network of its own, as it was made.
    pub network: Value,
}

impl Tenant {
    /// Makes the namespace, the account and its rights, and as the tenant a network `net` with the sequencer `own`.
    pub fn start(site: &Site, l1: &Double) -> Self {
        chain::namespace(site, NAMESPACE);
        rights().iter().for_each(|object| drop(site.create(object)));
        let client = site.plane.service_account_client(NAMESPACE, ACCOUNT).expect("a token");
        let kubeconfig = site.plane.service_account_kubeconfig(NAMESPACE, ACCOUNT).expect("a token");
        let kubectl = site.kubectl.clone().with_kubeconfig(kubeconfig);
        let tenant = Self { client, kubectl, network: chain::network(NAMESPACE, "net", &l1.url()) };
        tenant.made(&tenant.network);
        tenant.made(&chain::sequencer(NAMESPACE, "own"));
        tenant
    }

    /// Sends a request.
    #[track_caller]
    pub fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Response {
        self.client.request(method, path, body).unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Makes an object; gives the answer whatever it is.
    #[track_caller]
    pub fn create(&self, object: &Value) -> Response {
        self.request("POST", &paths::collection(object), Some(object))
    }

    /// Makes an object that it may make.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn made(&self, object: &Value) -> Value {
        let answer = self.create(object);
        assert!(answer.is_success(), "{}: {} {}", paths::of(object), answer.status, answer.text());
        answer.json().unwrap_or_else(|error| panic!("{error:#}"))
    }
}

/// The object in the tenant's namespace, where it says no other and has one.
#[must_use]
pub fn placed(mut object: Value) -> Value {
    let is_clusters = object["kind"].as_str().is_some_and(|kind| CLUSTER_SCOPED.contains(&kind));
    let metadata = &mut object["metadata"];
    if !is_clusters && metadata["namespace"].is_null() {
        metadata["namespace"] = NAMESPACE.into();
    }
    object
}

fn rights() -> [Value; 4] {
    let subjects = json!([{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}]);
    let object = |kind: &str, name: &str| {
        let version = if kind == "ServiceAccount" { "v1" } else { "rbac.authorization.k8s.io/v1" };
        json!({"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}})
    };
    let all = json!(["get", "list", "watch", "create", "update", "patch", "delete"]);
    let rule = |group: &str, resource: &str| json!({"apiGroups": [group], "resources": [resource], "verbs": all});
    let mut role = object("Role", "our-kinds");
    role["rules"] = json!([
        rule("optimism.io", "*"),
        rule("discovery.k8s.io", "endpointslices"),
        rule("coordination.k8s.io", "leases"),
        rule("", "events"),
    ]);
    let bind = |name: &str, kind: &str, role: &str| {
        let mut binding = object("RoleBinding", name);
        binding["subjects"] = subjects.clone();
        binding["roleRef"] = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role});
        binding
    };
    [
        object("ServiceAccount", ACCOUNT),
        role,
        bind("edit", "ClusterRole", "edit"),
        bind("our-kinds", "Role", "our-kinds"),
    ]
}
