//! Ten thousand specs, right and wrong ones: a plugin never fails, and says what is wrong or makes objects that a cluster takes
//! which enforces the pod security standard `restricted`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use anyhow::{Context as _, Result, anyhow, ensure};
use control_plane::{AuditLevel, Options};
use faults::{
    api::Api,
    renderer::{NAMESPACE, Outcome},
    specs::{Findings, Specs, runner},
};
use opstack_operator::{
    plugins::{Serving, crd},
    schema::Schema,
};
use proptest::{
    strategy::{Just, Strategy as _, ValueTree as _},
    test_runner::Reason,
};
use serde_json::{Value, json};
use suite::{MINUTE, Site, paths, plugins::root, until};

/// Specs of all kinds together.
const CASES: usize = 10_000;
/// Objects of each kind of which it is foretold how they are stored.
const EXPECTED: usize = 300;
/// Sets of objects that are shown to an API server.
const SAMPLE: usize = 300;

#[test]
fn any_spec_is_refused_clearly_or_rendered() -> Result<()> {
    let specs = Specs::load(&root())?;
    let workloads = specs.renderer.workloads();
    if workloads.is_empty() {
        println!("skipped: no plugin was built; run `cargo xtask build`");
        return Ok(());
    }
    let (mut runner, mut findings) = (runner(), Findings::default());
    for serving in &workloads {
        let objects = specs.objects(serving)?;
        let (mut rendered, mut refused) = (0, BTreeMap::new());
        for _ in 0..CASES.div_ceil(workloads.len()) {
            let mut tree = objects.new_tree(&mut runner).map_err(no_case)?;
            match specs.renderer.render(serving, &tree.current()) {
                Ok(Outcome::Rendered(_)) => rendered += 1,
                Ok(Outcome::Refused(why)) => {
                    *refused.entry(why.split(':').next().unwrap_or_default().to_owned()).or_insert(0) += 1;
                }
                Err(why) => {
                    findings.note(serving, &mut tree, &why, |object| specs.renderer.render(serving, object).err());
                }
            }
        }
        let total: i32 = refused.values().sum();
        println!("{}: {rendered} rendered, {total} refused for {} reasons", serving.name, refused.len());
        let mut most: Vec<_> = refused.iter().map(|(why, count)| (count, why)).collect();
        most.sort();
        println!("{:#?}", most.iter().rev().take(25).collect::<Vec<_>>());
        ensure!(rendered > 100, "{}: only {rendered} specs were rendered", serving.name);
        ensure!(refused.len() > 10, "{}: only {} reasons to refuse", serving.name, refused.len());
    }
    ensure!(findings.is_empty(), "{} defects\n{}", findings.len(), findings.lines.join("\n"));
    Ok(())
}

#[test]
fn what_is_rendered_is_taken_by_a_restricted_namespace() -> Result<()> {
    let specs = Specs::load(&root())?;
    let workloads = specs.renderer.workloads();
    if workloads.is_empty() {
        println!("skipped: no plugin was built; run `cargo xtask build`");
        return Ok(());
    }
    // Accounts of pods are not looked for: dry runs leave none.
    let apiserver_arguments = vec!["--disable-admission-plugins=ServiceAccount".into()];
    let options = Options { controllers: false, apiserver_arguments, ..Options::audited(AuditLevel::Metadata) };
    let site = Site::start_with(options);
    let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
    site.create(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}));
    // The examples' pods are of this class.
    site.create(&json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "chains"}, "value": 1}));
    let api = Api::new(&site.plane)?;
    let (mut runner, mut findings) = (runner(), Findings::default());
    for serving in &workloads {
        install(&site, serving)?;
        let objects = specs.objects(serving)?;
        let (mut taken, mut shown, mut refused) = (0, 0, 0);
        for _ in 0..CASES {
            if taken + findings.len() >= SAMPLE.div_ceil(workloads.len()) {
                break;
            }
            let mut tree = objects.new_tree(&mut runner).map_err(no_case)?;
            match show(&api, &specs, serving, &tree.current())? {
                // What users merge into a pod is theirs, and the API server says what is wrong with it. The rest has to be right.
                Shown::Defect(why) if why.starts_with("Rejected") && has_template(&tree.current()) => {
                    let without = without_template(tree.current());
                    if let Shown::Defect(why) = show(&api, &specs, serving, &without)? {
                        findings.note(
                            serving,
                            &mut Just(without).new_tree(&mut runner).map_err(no_case)?,
                            &why,
                            |_| None,
                        );
                    }
                    refused += 1;
                }
                Shown::Taken(objects) => (taken, shown) = (taken + 1, shown + objects),
                Shown::Refused => refused += 1,
                Shown::Defect(why) => {
                    let defect = |object: &Value| match show(&api, &specs, serving, object) {
                        Ok(Shown::Defect(why)) => Some(why),
                        _ => None,
                    };
                    findings.note(serving, &mut tree, &why, defect);
                }
            }
        }
        println!("{}: {taken} sets of {shown} objects taken, {refused} specs refused", serving.name);
        ensure!(taken > 0, "{}: nothing was taken\n{}", serving.name, findings.lines.join("\n"));
    }
    ensure!(findings.is_empty(), "{} defects\n{}", findings.len(), findings.lines.join("\n"));
    Ok(())
}

/// `opstack render` has no API server to ask.
#[test]
fn an_api_server_stores_what_is_expected_without_one() -> Result<()> {
    let specs = Specs::load(&root())?;
    let workloads = specs.renderer.workloads();
    if workloads.is_empty() {
        println!("skipped: no plugin was built; run `cargo xtask build`");
        return Ok(());
    }
    let options = Options { controllers: false, ..Options::audited(AuditLevel::Metadata) };
    let site = Site::start_with(options);
    site.namespace(NAMESPACE);
    let api = Api::new(&site.plane)?;
    let (mut runner, mut findings) = (runner(), Findings::default());
    for serving in &workloads {
        let definition = install(&site, serving)?;
        let version = serving.manifest().context("a plugin without a manifest")?.served_version.clone();
        let schema = Schema::of(&definition, &version).map_err(|why| anyhow!(why))?.context("no such version")?;
        let objects = specs.objects(serving)?;
        let (mut taken, mut refused) = (0, 0);
        for _ in 0..EXPECTED {
            let mut tree = objects.new_tree(&mut runner).map_err(no_case)?;
            match differs(&api, &schema, &tree.current())? {
                Ok(true) => taken += 1,
                Ok(false) => refused += 1,
                Err(why) => {
                    findings.note(serving, &mut tree, &why, |object| differs(&api, &schema, object).ok()?.err())
                }
            }
        }
        println!("{}: {taken} stored as expected, {refused} refused as expected", serving.name);
        ensure!(taken > 0 && refused > 0, "{}: {taken} were stored, {refused} refused", serving.name);
    }
    ensure!(findings.is_empty(), "{} differences\n{}", findings.len(), findings.lines.join("\n"));
    Ok(())
}

/// Whether an object is stored, where what is expected and what an API server does are one.
fn differs(api: &Api, schema: &Schema<'_>, object: &Value) -> Result<Result<bool, String>> {
    let mut expected = object.clone();
    schema.complete(&mut expected);
    let refusals = schema.refusals(&expected);
    Ok(match (api.strict_create(&paths::collection(object), object)?, refusals.first()) {
        (Ok(stored), None) => difference("spec", &stored["spec"], &expected["spec"]).map_or(Ok(true), Err),
        (Err(_), Some(_)) => Ok(false),
        (Ok(_), Some(refusal)) => Err(format!("Taken: although {}: {}", refusal.path, refusal.message)),
        (Err(why), None) => Err(format!("Refused: {why}")),
    })
}

/// The first place at which what is stored and what is expected differ.
fn difference(path: &str, stored: &Value, expected: &Value) -> Option<String> {
    match (stored, expected) {
        (Value::Object(one), Value::Object(other)) => {
            let names: BTreeSet<_> = one.keys().chain(other.keys()).collect();
            names.into_iter().find_map(|name| difference(&format!("{path}.{name}"), &stored[name], &expected[name]))
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let mut pairs = one.iter().zip(other).enumerate();
            pairs.find_map(|(index, (one, other))| difference(&format!("{path}[{index}]"), one, other))
        }
        (one, other) if one == other || one.is_number() && one.as_f64() == other.as_f64() => None,
        (one, other) => Some(format!("Stored: {path}: {one} and not {other}")),
    }
}

fn no_case(why: Reason) -> anyhow::Error {
    anyhow!("no case: {why}")
}

fn has_template(object: &Value) -> bool {
    !object["spec"]["podTemplate"].is_null()
}

fn without_template(mut object: Value) -> Value {
    if let Some(spec) = object["spec"].as_object_mut() {
        spec.remove("podTemplate");
    }
    object
}

/// What an API server says.
enum Shown {
    /// So many objects and pods were taken.
    Taken(usize),
    /// By the schema or by the plugin.
    Refused,
    /// The plugin fails, or renders what the API server refuses.
    Defect(String),
}

/// The way of a spec: past the schema, with the schema's defaults through the plugin, and back to the API server.
fn show(api: &Api, specs: &Specs, serving: &Arc<Serving>, object: &Value) -> Result<Shown> {
    let Ok(stored) = api.dry_create(&paths::collection(object), object)? else { return Ok(Shown::Refused) };
    let objects = match specs.renderer.render(serving, &stored) {
        Ok(Outcome::Rendered(rendered)) => rendered.objects,
        Ok(Outcome::Refused(_)) => return Ok(Shown::Refused),
        Err(why) => return Ok(Shown::Defect(why)),
    };
    let mut shown = 0;
    for object in &objects {
        let kind = &object["kind"];
        if let Err(why) = api.dry_apply(&paths::of(object), object)? {
            return Ok(Shown::Defect(format!("Rejected: {kind}: {why}")));
        }
        shown += 1;
        let Some(pod) = pod_of(object) else { continue };
        if let Err(why) = api.dry_create(&paths::collection(&pod), &pod)? {
            return Ok(Shown::Defect(format!("Rejected: pod of a {kind}: {why}")));
        }
        shown += 1;
    }
    Ok(Shown::Taken(shown))
}

/// The pod that a controller would make.
fn pod_of(object: &Value) -> Option<Value> {
    let template = object.pointer("/spec/template").filter(|template| template["spec"]["containers"].is_array())?;
    let mut pod = template.clone();
    pod["apiVersion"] = "v1".into();
    pod["kind"] = "Pod".into();
    pod["metadata"]["name"] = "pod".into();
    pod["metadata"]["namespace"] = object["metadata"]["namespace"].clone();
    let claims = object["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten();
    let volumes: Vec<_> = claims
        .map(|claim| json!({"name": claim["metadata"]["name"], "persistentVolumeClaim": {"claimName": "claim"}}))
        .collect();
    let own = pod["spec"]["volumes"].as_array().cloned().unwrap_or_default();
    pod["spec"]["volumes"] = own.into_iter().chain(volumes).collect();
    Some(pod)
}

/// Installs a plugin's kind as the operator would; gives its definition.
fn install(site: &Site, serving: &Serving) -> Result<Value> {
    let manifest = serving.manifest().context("a plugin without a manifest")?;
    let definition = crd::dressed(manifest, &serving.name)?;
    let created = site.create(&definition);
    site.wait("the kind to be served", &paths::of(&created), MINUTE, |definition| crd::served(definition).is_some());
    let kind = serving.kind().context("a plugin without a kind")?;
    let probe = json!({"apiVersion": kind.api_version(), "kind": kind.group_kind.kind.as_ref(), "metadata": {"namespace": NAMESPACE}});
    until("the kind to be listed", MINUTE, || match site.request("GET", &paths::collection(&probe), None).status {
        200 => Ok(()),
        status => Err(status.to_string()),
    });
    Ok(definition)
}
