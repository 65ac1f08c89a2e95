//! The engine against guests that misbehave: each ends with a fault of its own, and the next call is as good as the first.

use opstack_core::answer::{Answer, Children, Facts, Failure, Request};
use opstack_core::blame::{Blame, Fault};
use opstack_core::ids::Gvk;
use opstack_engine::{Artifact, Denied, Engine, EngineConfig, Host, Limits, LoadError, LogLevel, Origin, Plugin};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

fn hostile() -> Vec<u8> {
    let dir = std::env::var_os("OPSTACK_GUESTS_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/guests"), PathBuf::from);
    let path = dir.join("hostile.wasm");
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask build` first", path.display()))
}

fn plugin() -> Plugin {
    static PLUGIN: OnceLock<Plugin> = OnceLock::new();
    let load = || load(Limits::default());
    PLUGIN.get_or_init(load).clone()
}

fn load(limits: Limits) -> Plugin {
    let engine = Engine::new(EngineConfig::default()).unwrap();
    engine.load(&Artifact::open(&hostile()).unwrap(), limits).unwrap()
}

/// A cluster with nothing in it, which knows only two kinds.
#[derive(Clone, Default)]
struct Empty {
    lines: Arc<Mutex<Vec<String>>>,
}

impl Host for Empty {
    fn get(&mut self, kind: &Gvk, _: Option<&str>, _: &str) -> Result<Option<Arc<str>>, Denied> {
        if kind.group_kind.kind.as_ref() == "Node" {
            return Err(Denied("it asked for a Node".into()));
        }
        Ok(None)
    }

    fn list(&mut self, _: &Gvk, _: Option<&str>, _: &str) -> Result<Vec<Arc<str>>, Denied> {
        Ok(vec![])
    }

    fn render_client(&mut self, _: &str, _: &str) -> Result<String, Failure> {
        Err(Failure::Other("no clients here".into()))
    }

    fn log(&mut self, _: LogLevel, message: &str) {
        self.lines.lock().unwrap().push(message.into());
    }
}

fn request(behaviour: &str) -> Request {
    let object = format!(
        r#"{{"metadata": {{"name": "a", "namespace": "ns"}}, "spec": {{"behaviour": "{behaviour}", "target": "t"}}}}"#
    );
    Request {
        object: object.into(),
        children: vec![],
        observations: vec![],
        outcomes: vec![],
        facts: Arc::new(Facts {
            cluster_domain: "cluster.local".into(),
            operator_namespace: "system".into(),
            host_version: "0.1.0".into(),
            api_groups: vec![],
            host_image: "opstack".into(),
        }),
        configuration: "null".into(),
    }
}

fn call(plugin: &Plugin, behaviour: &str) -> Result<Result<Answer, Failure>, Fault> {
    plugin.reconcile(Box::new(Empty::default()), &request(behaviour))
}

#[test]
fn every_way_to_go_wrong_has_its_reason() {
    let expected = [
        ("trap", "Trap"),
        ("endless-loop", "Deadline"),
        ("memory-bomb", "MemoryLimit"),
        ("stack-overflow", "Trap"),
        ("huge-output", "OutputLimit"),
        ("ungranted-read", "NotGranted"),
    ];
    let plugin = load(Limits { memory: 128 << 20, deadline: Duration::from_millis(500), ..Limits::default() });
    for (behaviour, reason) in expected {
        let fault = call(&plugin, behaviour).expect_err(behaviour);
        assert_eq!((fault.reason, fault.blame), (reason, Blame::Plugin), "{behaviour}: {fault}");
        assert!(call(&plugin, "good").unwrap().is_ok(), "the call after {behaviour}");
    }
}

#[test]
fn a_panic_says_why() {
    let fault = call(&plugin(), "trap").unwrap_err();
    assert!(fault.message.contains("told to trap"), "{fault}");
}

#[test]
fn failures_of_the_plugin_are_answers() {
    let Ok(Err(Failure::Invalid(errors))) = call(&plugin(), "invalid") else { panic!("not invalid") };
    assert_eq!(errors[0].path, "spec.target");
    assert!(matches!(call(&plugin(), "need"), Ok(Err(Failure::Waiting(what))) if what.contains("ConfigMap ns/t")));
    assert!(matches!(call(&plugin(), "other"), Ok(Err(Failure::Other(_)))));
}

#[test]
fn a_spec_that_does_not_parse_names_its_field() {
    let mut request = request("good");
    request.object =
        r#"{"metadata": {"name": "a", "namespace": "ns"}, "spec": {"behaviour": "good", "count": "x"}}"#.into();
    let answer = plugin().reconcile(Box::new(Empty::default()), &request).unwrap();
    assert!(matches!(answer, Err(Failure::Invalid(errors)) if errors[0].path == "spec.count"));
}

#[test]
fn the_log_of_a_call_is_bounded() {
    let host = Empty::default();
    let answer = plugin().reconcile(Box::new(host.clone()), &request("log-flood")).unwrap();
    assert!(answer.is_ok());
    let lines = host.lines.lock().unwrap();
    assert!(lines.iter().map(String::len).sum::<usize>() < 66 * 1024, "{} lines", lines.len());
    assert!(lines.last().unwrap().contains("dropped"));
}

#[test]
fn nothing_survives_from_one_call_to_the_next() {
    let first = call(&plugin(), "good").unwrap().unwrap();
    for _ in 0..50 {
        assert_eq!(call(&plugin(), "good").unwrap().unwrap(), first);
    }
    assert!(matches!(first.children, Children::Apply(children) if children.len() == 1));
}

#[test]
fn a_thousand_traps_on_many_threads_leave_the_engine_well() {
    let plugin = plugin();
    let trap = |plugin: Plugin| move || (0..250).for_each(|_| assert!(call(&plugin, "trap").is_err()));
    let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(trap(plugin.clone()))).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(call(&plugin, "good").unwrap().is_ok());
}

#[test]
fn limits_are_those_of_the_plugin() {
    let small = load(Limits { memory: 2 << 20, ..Limits::default() });
    assert_eq!(call(&small, "memory-bomb").unwrap_err().reason, "MemoryLimit");
    let engine = Engine::new(EngineConfig::default()).unwrap();
    let artifact = Artifact::open(&hostile()).unwrap();
    let refused = engine.load(&artifact, Limits { memory: 1 << 40, ..Limits::default() });
    assert!(matches!(refused, Err(LoadError::Limits { .. })));
}

#[test]
fn compiled_code_is_kept_and_a_damaged_entry_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let config = EngineConfig { cache_dir: Some(dir.path().into()), ..EngineConfig::default() };
    let artifact = Artifact::open(&hostile()).unwrap();
    let load = || Engine::new(config.clone()).unwrap().load(&artifact, Limits::default()).unwrap();
    assert_eq!(load().origin(), Origin::Compiled);
    assert_eq!(load().origin(), Origin::Cached);
    let entry = std::fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&entry).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&entry, bytes).unwrap();
    let again = load();
    assert_eq!(again.origin(), Origin::Compiled);
    assert!(call(&again, "good").unwrap().is_ok());
    assert_eq!(load().origin(), Origin::Cached, "the entry was replaced");
}

#[test]
fn a_digest_is_that_of_the_plain_bytes() {
    let plain = hostile();
    let compressed = zstd::encode_all(plain.as_slice(), 3).unwrap();
    let digest = |bytes: &[u8]| Artifact::open(bytes).unwrap().digest().clone();
    assert_eq!(digest(&plain), digest(&compressed));
    assert!(digest(&plain).to_string().starts_with("sha256:"));
}

#[test]
fn what_is_no_plugin_is_refused_with_a_reason() {
    let engine = Engine::new(EngineConfig::default()).unwrap();
    let refused =
        |bytes: &[u8]| match Artifact::open(bytes).and_then(|artifact| engine.load(&artifact, Limits::default())) {
            Ok(_) => panic!("loaded"),
            Err(error) => error,
        };
    let whole = hostile();
    assert_eq!(refused(&whole[..whole.len() / 2]).reason(), "Damaged");
    assert_eq!(refused(b"hello").reason(), "Damaged");
    assert_eq!(refused(&zstd::encode_all(whole.as_slice(), 3).unwrap()[..1000]).reason(), "Damaged");
    let bomb = zstd::encode_all(vec![0u8; 40 << 20].as_slice(), 3).unwrap();
    assert_eq!(refused(&bomb).reason(), "TooLarge");
    let component = |text: &str| wat::parse_str(text).unwrap();
    let file = component(r#"(component (import "wasi:filesystem/types@0.2.0" (instance)))"#);
    let error = refused(&file);
    assert_eq!(error.reason(), "ForbiddenImport");
    assert!(error.to_string().contains("wasi:filesystem/types@0.2.0"), "{error}");
    let newer = component(r#"(component (import "opstack:plugin/cluster@0.2.0" (instance)))"#);
    assert_eq!(refused(&newer).reason(), "WrongContract");
    assert_eq!(refused(&component("(component)")).reason(), "NoWorld");
    let hollow = component(r#"(component (instance $i) (export "opstack:plugin/workload@0.1.0" (instance $i)))"#);
    assert_eq!(refused(&hollow).reason(), "Mismatch");
    assert_eq!(refused(&component("(module)")).reason(), "NoWorld");
}
