//! The engine against a guest that keeps none of the rules: each breach has its reason, and nothing of it outlives its call.

mod support;

use opstack_core::answer::{Child, Facts, Failure, Finalized};
use opstack_core::blame::Blame;
use opstack_core::ids::{GroupKind, Gvk, ObjectKey};
use opstack_core::probe::{ActionOutcome, Observation};
use opstack_core::readiness::Readiness;
use opstack_engine::{Artifact, Denied, Engine, EngineConfig, Host, Limits, LogLevel, Plugin};
use serde_json::{Value, json};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};
use support::{PATIENT, Script, call, guest, load, request, status};

/// The reason of a fault that is the plugin's.
fn reason(plugin: &Plugin, spec: &Value) -> &'static str {
    let fault = call(plugin, spec).expect_err(&spec.to_string());
    assert_eq!(fault.blame, Blame::Plugin, "{spec}: {fault}");
    fault.reason
}

#[test]
fn what_breaks_the_encoding_has_its_reason() {
    let plugin = load("unruly", PATIENT);
    let expected = [
        (json!({"behaviour": "huge-object"}), "OutputLimit"),
        (json!({"behaviour": "huge-status"}), "OutputLimit"),
        (json!({"behaviour": "huge-failure"}), "OutputLimit"),
        (json!({"behaviour": "huge-log-line"}), "OutputLimit"),
        (json!({"behaviour": "many-objects", "count": 400_000}), "OutputLimit"),
        (json!({"behaviour": "deep-status"}), "InvalidAnswer"),
        (json!({"behaviour": "status-is-no-json"}), "InvalidAnswer"),
        (json!({"behaviour": "status-is-no-object"}), "InvalidAnswer"),
        (json!({"behaviour": "status-is-no-utf8"}), "InvalidAnswer"),
        (json!({"behaviour": "params-are-no-json"}), "InvalidAnswer"),
        (json!({"behaviour": "precondition-is-no-json"}), "InvalidAnswer"),
        (json!({"behaviour": "deep-recursion"}), "StackOverflow"),
    ];
    for (spec, wanted) in expected {
        assert_eq!(reason(&plugin, &spec), wanted, "{spec}");
        assert!(call(&plugin, &json!({"behaviour": "nothing"})).unwrap().is_ok(), "the call after {spec}");
    }
}

#[test]
fn the_same_bytes_many_times_are_not_copied_many_times() {
    let plugin = load("unruly", PATIENT);
    // A hundred gigabytes, if the host believed it.
    let spec = json!({"behaviour": "same-bytes", "megabytes": 1, "count": 100_000});
    assert_eq!(reason(&plugin, &spec), "OutputLimit");
}

#[test]
fn an_answer_within_the_limit_passes() {
    let plugin = load("unruly", Limits { output: 16 << 20, memory: 128 << 20, ..PATIENT });
    assert_eq!(reason(&plugin, &json!({"behaviour": "huge-object", "megabytes": 16})), "OutputLimit");
    assert!(call(&plugin, &json!({"behaviour": "huge-object", "megabytes": 15})).unwrap().is_ok());
}

#[test]
fn refused_memory_is_no_fault_while_the_guest_gets_along() {
    let plugin = load("unruly", Limits { memory: 8 << 20, ..PATIENT });
    let ask = |megabytes: u32| {
        status(&plugin, Script::default(), &json!({"behaviour": "ask-for-memory", "megabytes": megabytes}))
    };
    assert_eq!(ask(2), json!({"refused": false}));
    assert_eq!(ask(8), json!({"refused": true}));
}

#[test]
fn time_in_the_host_counts() {
    let plugin = load("unruly", Limits { deadline: Duration::from_millis(300), ..PATIENT });
    let fault = call(&plugin, &json!({"behaviour": "look-up-forever"})).unwrap_err();
    assert_eq!(fault.reason, "Deadline");
    let host = Script { delay: Duration::from_millis(200), ..Script::default() };
    let begun = Instant::now();
    let answer = plugin.reconcile(Box::new(host), &request(&json!({"behaviour": "look-up", "count": 50})));
    assert_eq!(answer.unwrap_err().reason, "Deadline");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn every_call_has_an_instance_of_its_own() {
    let plugin = load("unruly", PATIENT);
    for _ in 0..100 {
        let said = status(&plugin, Script::default(), &json!({"behaviour": "count-calls"}));
        assert_eq!(said, json!({"calls": 1}));
    }
}

#[test]
fn a_guest_does_not_forge_lines_of_the_log() {
    let host = Script::default();
    let answer =
        load("unruly", PATIENT).reconcile(Box::new(host.clone()), &request(&json!({"behaviour": "forge-the-log"})));
    let fault = answer.unwrap_err();
    assert_eq!(fault.reason, "Trap");
    let lines = host.lines.lock().unwrap();
    for text in [&fault.message, &lines[0]] {
        assert!(text.contains("forged") && !text.contains(char::is_control), "{text}");
    }
}

#[test]
fn finalize_is_bounded_too() {
    let plugin = load("unruly", Limits { deadline: Duration::from_millis(200), ..PATIENT });
    let finalize =
        |behaviour: &str| plugin.finalize(Box::new(Script::default()), &request(&json!({"behaviour": behaviour})));
    assert_eq!(finalize("nothing"), Ok(Ok(Finalized::Proceed)));
    assert!(matches!(finalize("block"), Ok(Ok(Finalized::Blocked(why))) if why.contains("stay")));
    assert!(matches!(finalize("fail"), Ok(Err(Failure::Other(_)))));
    assert_eq!(finalize("endless-loop").unwrap_err().reason, "Deadline");
}

#[test]
fn lookups_reach_the_guest_as_they_are() {
    let plugin = load("unruly", PATIENT);
    let text = json!({"data": {"é": "\u{1f600}"}}).to_string();
    let host = Script { object: Some(text.clone().into()), ..Script::default() };
    assert_eq!(status(&plugin, host.clone(), &json!({"behaviour": "look-up"})), json!({"found": text}));
    assert_eq!(status(&plugin, host, &json!({"behaviour": "list"})), json!({"found": [text]}));
    assert_eq!(status(&plugin, Script::default(), &json!({"behaviour": "look-up"})), json!({"found": null}));
}

#[test]
fn a_request_reaches_the_guest_whole() {
    let mut request = request(&json!({"behaviour": "echo"}));
    let child = |namespace: &str, readiness| Child {
        key: ObjectKey::new(GroupKind::new("", "ConfigMap"), namespace, "c"),
        version: "v1".into(),
        readiness,
        status: "null".into(),
    };
    request.children = vec![
        child("ns", Readiness::Ready),
        child("", Readiness::Progressing("1 of 2".into())),
        child("ns", Readiness::Failed("broken".into())),
        child("ns", Readiness::Terminating),
    ];
    request.observations = vec![Observation {
        probe: "head".into(),
        pod: "a-0".into(),
        measured_at: 1 << 40,
        stale: true,
        answer: Err("refused".into()),
    }];
    request.outcomes = vec![ActionOutcome { id: "act".into(), at: 7, outcome: Ok("null".into()) }];
    request.facts = Arc::new(Facts { api_groups: vec!["a".into(), "b".into()], ..(*request.facts).clone() });
    request.configuration = r#"{"x":1}"#.into();
    let answer = load("unruly", PATIENT).reconcile(Box::new(Script::default()), &request).unwrap().unwrap();
    let expected = json!({
        "children": [
            ["ConfigMap", "ns", "c", "ready", "null"],
            ["ConfigMap", null, "c", "1 of 2", "null"],
            ["ConfigMap", "ns", "c", "broken", "null"],
            ["ConfigMap", "ns", "c", "terminating", "null"],
        ],
        "observations": [["head", "a-0", 1_u64 << 40, true, false]],
        "outcomes": [["act", 7]],
        "clusterDomain": "cluster.local",
        "apiGroups": ["a", "b"],
        "configuration": r#"{"x":1}"#,
    });
    assert_eq!(answer.status, expected);
}

/// On a thread with the stack that an async runtime gives to blocking work.
#[test]
fn a_client_that_misbehaves_is_not_its_askers_fault() {
    let client =
        load("hostile-client", Limits { deadline: Duration::from_secs(2), memory: 128 << 20, ..Limits::default() });
    let plugin = load("unruly", PATIENT);
    let ask = move |behaviour: &str| {
        let host = Script { client: Some(client.clone()), ..Script::default() };
        let spec = json!({"behaviour": "ask-client", "client": "x", "request": {"behaviour": behaviour}});
        plugin.reconcile(Box::new(host), &request(&spec)).unwrap()
    };
    let asker = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
        let fragment = ask("good").unwrap().status;
        assert!(fragment["fragment"].as_str().unwrap().contains("asked"), "{fragment}");
        let expected = [
            ("trap", "Trap"),
            ("endless-loop", "Deadline"),
            ("stack-overflow", "StackOverflow"),
            ("huge-output", "OutputLimit"),
        ];
        for (behaviour, reason) in expected {
            let failure = ask(behaviour).expect_err(behaviour);
            assert!(matches!(&failure, Failure::Other(why) if why.starts_with(reason)), "{behaviour}: {failure:?}");
        }
        assert_eq!(ask("waiting").unwrap_err(), Failure::Waiting("Secret nothing".into()));
    });
    asker.unwrap().join().unwrap();
}

#[test]
fn a_plugin_is_only_asked_what_it_is_for() {
    let (client, plugin) = (load("hostile-client", PATIENT), load("unruly", PATIENT));
    assert_eq!(call(&client, &json!({})).unwrap_err().reason, "WrongRole");
    assert_eq!(plugin.render_client("{}").unwrap_err().reason, "WrongRole");
}

#[test]
fn too_many_calls_at_once_are_the_hosts_fault() {
    let engine = Engine::new(EngineConfig { concurrency: 1, ..EngineConfig::default() }).unwrap();
    let plugin = engine.load(&Artifact::open(&guest("unruly")).unwrap(), PATIENT).unwrap();
    // Each call has room for an execution client beside it, so two fit.
    let (inside, outside) = (Arc::new(Barrier::new(3)), Arc::new(Barrier::new(3)));
    let held = || {
        let host = Held { inside: inside.clone(), outside: outside.clone() };
        plugin.reconcile(Box::new(host), &request(&json!({"behaviour": "look-up"})))
    };
    std::thread::scope(|scope| {
        let calls = [scope.spawn(held), scope.spawn(held)];
        inside.wait();
        let fault = call(&plugin, &json!({"behaviour": "nothing"})).unwrap_err();
        outside.wait();
        assert_eq!((fault.blame, fault.reason), (Blame::Host, "NoInstance"), "{fault}");
        calls.into_iter().for_each(|call| assert!(call.join().unwrap().unwrap().is_ok()));
    });
    assert!(call(&plugin, &json!({"behaviour": "nothing"})).unwrap().is_ok());
}

/// Keeps a call inside the host until the test has seen it there.
struct Held {
    inside: Arc<Barrier>,
    outside: Arc<Barrier>,
}

impl Host for Held {
    fn get(&mut self, _: &Gvk, _: Option<&str>, _: &str) -> Result<Option<Arc<str>>, Denied> {
        self.inside.wait();
        self.outside.wait();
        Ok(None)
    }

    fn list(&mut self, _: &Gvk, _: Option<&str>, _: &str) -> Result<Vec<Arc<str>>, Denied> {
        Ok(vec![])
    }

    fn render_client(&mut self, _: &str, _: &str) -> Result<String, Failure> {
        Ok(String::new())
    }

    fn log(&mut self, _: LogLevel, _: &str) {}
}

#[test]
fn without_a_pool_all_is_the_same() {
    // More address space than a processor has.
    let engine = Engine::new(EngineConfig { concurrency: 1 << 20, ..EngineConfig::default() }).unwrap();
    let plugin = engine.load(&Artifact::open(&guest("unruly")).unwrap(), PATIENT).unwrap();
    assert!(call(&plugin, &json!({"behaviour": "nothing"})).unwrap().is_ok());
    assert_eq!(reason(&plugin, &json!({"behaviour": "huge-object", "megabytes": 60})), "MemoryLimit");
    assert_eq!(reason(&plugin, &json!({"behaviour": "deep-recursion"})), "StackOverflow");
}
