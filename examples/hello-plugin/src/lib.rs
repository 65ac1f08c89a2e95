//! `Hello`: a greeting, served as a web page. The whole plugin; `docs/writing-a-plugin.md` walks through it.

use opstack_sdk::k8s_openapi::api::apps::v1::Deployment;
use opstack_sdk::k8s_openapi::api::core::v1::{ConfigMap, Container, PodSpec, ServiceAccount};
use opstack_sdk::kubernetes::{self as k8s, App, Component, Hash};
use opstack_sdk::opstack::shared::Security;
use opstack_sdk::{Answer, Context, Failure, Kind, Manifest, Object, Workload, cluster::kind_of, schemars, serde};

/// `.spec`: its schema and descriptions become the CustomResourceDefinition.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(crate = "opstack_sdk::serde")]
#[schemars(crate = "opstack_sdk::schemars")]
pub struct HelloSpec {
    /// What the page says.
    message: String,
}

/// `.status`, beside the conditions, which the host adds.
#[derive(serde::Serialize, schemars::JsonSchema)]
#[serde(crate = "opstack_sdk::serde")]
#[schemars(crate = "opstack_sdk::schemars")]
pub struct HelloStatus {
    /// The ConfigMap that holds the page.
    page: String,
}

/// The plugin.
pub struct Hello;
opstack_sdk::register_workload!(Hello);

impl Workload for Hello {
    type Spec = HelloSpec;
    type Status = HelloStatus;

    fn manifest() -> Manifest {
        let kind = Kind { group: "example.io", version: "v1", kind: "Hello", plural: "hellos", short_names: &[] };
        let owns = vec![kind_of::<ConfigMap>(), kind_of::<ServiceAccount>(), kind_of::<Deployment>()];
        Manifest { owns, ..Manifest::new("hello", env!("CARGO_PKG_VERSION"), kind) }
    }

    fn reconcile(_: &Context<'_>, hello: &Object<HelloSpec>) -> Result<Answer<HelloStatus>, Failure> {
        let (meta, message) = (&hello.metadata, hello.spec.message.as_str());
        if message.is_empty() {
            return Err(Failure::invalid("spec.message", "it is empty; say something"));
        }
        let app = App::new(&meta.namespace, &meta.name, Component { program: "hello", role: "page" });
        let mut httpd = Container { name: "httpd".into(), image: Some("busybox:1.37".into()), ..Default::default() };
        httpd.command = Some(["httpd", "-f", "-p", "8080", "-h", "/page"].map(Into::into).into());
        httpd.volume_mounts = Some(vec![k8s::mount_read_only("page", "/page")]);
        let security = Security::inherit(&Default::default(), &Default::default())
            .map_err(|error| Failure::Invalid(vec![error]))?;
        let volumes = Some(vec![k8s::config_map_volume("page", &app.named("page"), "index.html", "index.html")]);
        let pod = PodSpec { volumes, containers: vec![k8s::restricted(httpd)], ..k8s::pod_spec(&app, &security, 5) };
        let template = k8s::pod_template(&app, pod, Hash::of([message]));
        let mut answer = Answer::new(HelloStatus { page: app.named("page") });
        answer.child(&k8s::config_map(&app, "page", [("index.html", message.to_string())]));
        answer.child(&k8s::service_account(&app));
        answer.child(&k8s::deployment(&app, 1, template));
        Ok(answer)
    }
}
