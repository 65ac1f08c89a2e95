//! Accept G: no secret is anywhere but in its Secret. All that the API server stores and all that the operator tells is searched
//! for each value, in each form that it could have; and a leak that is made on purpose is found.

mod listener;
mod needles;
mod places;
mod planted;
mod rotation;
mod world;

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    os::unix::fs::symlink,
    process::{Command, Stdio},
    sync::OnceLock,
};

use control_plane::AuditLevel;
use listener::Listener;
use places::{Place, search, stored, told, values};
use serde_json::{Value, json};
use suite::{MINUTE, Operator, Site, plugins, program, until};
use world::NAMESPACE;

/// Everything but what the compilers say of a plugin's code, which is gigabytes.
const VERBOSE: &str =
    "--log-filter=trace,cranelift=off,cranelift_codegen=off,regalloc2=off,wasmtime_internal_cranelift=off";

/// Where leaks are planted: what is found there is none of ours.
pub const PLANTED: &str = "planted";

/// A control plane, the project's plugins, the guest that repeats what it sees, and who listens.
pub struct World {
    /// The cluster.
    pub site: Site,
    /// The operator, with real plugins.
    pub operator: Operator,
    /// Where traces go.
    traces: Listener,
    /// Where URLs lead.
    chain: Listener,
}

/// One for all tests; each has a namespace of its own.
pub fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let site = Site::start(AuditLevel::Request);
        let directory = site.directory().join("plugins");
        fs::create_dir(&directory).expect("a directory");
        for path in plugins::built("plugins") {
            symlink(&path, directory.join(path.file_name().expect("a name"))).expect("a link");
        }
        let (traces, chain) = (Listener::start(), Listener::start());
        let arguments = [
            format!("--plugins={}", directory.display()),
            format!("--otlp-endpoint=http://{}/v1/traces", traces.address()),
            VERBOSE.into(),
        ];
        let operator = Operator::start_with(&site, &arguments.each_ref().map(String::as_str));
        site.install(&plugins::pack(&plugins::module("guests", "echo")));
        World { site, operator, traces, chain }
    })
}

#[test]
fn no_secret_is_anywhere_but_in_its_secret() {
    let World { site, operator, traces, chain } = world();
    site.namespace(NAMESPACE);
    let (good, bad) = (world::secrets(chain.address()), world::malformed_secrets());
    let (objects, malformed) = (world::objects(), world::malformed_objects());
    refuse_some(site);
    for object in [&good, &bad, &objects, &malformed].into_iter().flatten() {
        site.create(object);
    }
    // A second round, as a tool that applies documents writes it: with the whole document in an annotation.
    site.kubectl.run_with_input(["apply", "--filename=-"], &stream(&good)).expect("they are applied");
    repeat_all(site, &[&good[..], &bad[..]].concat());
    operator.settle();

    all_are_used(site, &good);
    until("an answer that repeated a URL to be seen, without it", MINUTE, || {
        match operator.log().matches("[redacted]").count() {
            0 => Err(site.log_tail()),
            _ => Ok(()),
        }
    });
    until("traces", MINUTE, || if traces.heard().contains("reconcile") { Ok(()) } else { Err(site.log_tail()) });
    assert!(chain.heard().lines().any(|line| line.starts_with("GET /page/")), "the URLs were asked");

    let needles = values(site, |namespace| namespace != PLANTED);
    let mut places = [stored(site), told(site, operator)].concat();
    places.extend(rendered(&[&good, &objects], true));
    places.extend(rendered(&[&good, &bad, &objects, &malformed], false));
    places.push(Place::new("the traces", traces.heard()));
    let findings = search(&places, &needles);
    let bytes: usize = places.iter().map(|place| place.text.len()).sum();
    println!("G: {} values in none of {} places ({} MiB)", needles.names().len(), places.len(), bytes >> 20);
    assert!(findings.is_empty(), "{findings:#?}");
    assert!(needles.names().len() > 40, "{:?}", needles.names());
}

/// Has the API server refuse a Secret that is generated, in words that quote it.
fn refuse_some(site: &Site) {
    world::quoting_policy().iter().for_each(|object| drop(site.create(object)));
    let refused = world::secret(NAMESPACE, "refused", &json!({"made": "it"}));
    let path = format!("{}?dryRun=All", suite::paths::collection(&refused));
    until("the policy to be in force", MINUTE, || match site.request("POST", &path, Some(&refused)) {
        answer if answer.text().contains("no Secret may hold aXQ=") => Ok(()),
        answer => Err(answer.text().to_string()),
    });
    site.create(&world::echo(NAMESPACE, "refused", json!({"generate": ["refused"]})));
}

/// Has a guest look at everything, and ask every value as if it were a URL; another one traps with all of it in its memory.
fn repeat_all(site: &Site, secrets: &[Value]) {
    let names = secrets.iter().filter_map(|secret| secret["metadata"]["name"].as_str());
    let keys = |key: &str| -> Value { names.clone().map(|name| (name.to_string(), Value::from(key))).collect() };
    site.create(&world::echo(NAMESPACE, "echo", json!({"secrets": keys("key"), "generate": ["made"]})));
    site.create(&world::echo(NAMESPACE, "beacons", json!({"secrets": keys("beacon")})));
    site.create(&world::echo(NAMESPACE, "trapped", json!({"secrets": keys("key"), "trap": true})));
    site.wait_ready(&world::echo_path(NAMESPACE, "trapped"), "False", "PluginTrap");
    let refused = site.wait_ready(&world::echo_path(NAMESPACE, "refused"), "False", "ClusterDenied");
    let message = suite::condition::message(&refused, "Ready");
    assert!(message.contains("are withheld"), "the API server quoted it, we must not: {message}");
    for name in ["echo", "beacons"] {
        let all = format!("{name} to have all answers");
        site.wait(&all, &world::echo_path(NAMESPACE, name), MINUTE, |echo| {
            echo["status"]["observations"].as_u64() == u64::try_from(2 * secrets.len()).ok()
        });
    }
}

/// A search that finds nothing proves little if nothing is there: each Secret that was given is in some pod or network.
fn all_are_used(site: &Site, given: &[Value]) {
    let kinds = ["apps/v1/namespaces/leaks/statefulsets", "apps/v1/namespaces/leaks/deployments"];
    let workloads: Vec<_> = kinds.iter().flat_map(|kind| site.list(&format!("/apis/{kind}"))).collect();
    let text = Value::from(workloads.clone()).to_string();
    let name = |object: &Value| object["metadata"]["name"].as_str().unwrap_or_default().to_string();
    let names: BTreeSet<_> = workloads.iter().map(name).collect();
    let unused: Vec<_> = given.iter().map(name).filter(|name| !text.contains(&format!("{name:?}"))).collect();
    assert!(unused.is_empty(), "no pod of {names:?} uses {unused:?}");
    assert!(names.len() >= 9, "{names:?}");
}

/// What `opstack render` says of documents with the values in them.
fn rendered(documents: &[&Vec<Value>], succeeds: bool) -> [Place; 2] {
    let mut child = Command::new(program())
        .args(["render", "--filename=-", "--plugins"])
        .arg(plugins::directory())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("opstack runs");
    let documents: Vec<_> = documents.iter().flat_map(|documents| documents.iter().cloned()).collect();
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(stream(&documents).as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(output.status.success(), succeeds, "{}", text(&output.stderr));
    assert!(succeeds || text(&output.stderr).contains("64 hexadecimal digits"), "{}", text(&output.stderr));
    [("output", &output.stdout), ("errors", &output.stderr)]
        .map(|(what, bytes)| Place::new(&format!("the {what} of opstack render"), text(bytes)))
}

fn stream(documents: &[Value]) -> String {
    documents.iter().map(|document| format!("---\n{document}\n")).collect()
}
