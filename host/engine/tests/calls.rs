//! Calls of a guest that was built with the SDK: each way to go wrong ends with a fault of its own, and the next call is as
//! good as the first.

mod support;

use opstack_core::answer::{Children, Failure};
use opstack_core::blame::Blame;
use opstack_engine::{Artifact, Limits, LoadError, Plugin};
use serde_json::{Value, json};
use std::sync::OnceLock;
use std::time::Duration;
use support::{PATIENT, Script, call, engine, guest, load, request};

fn plugin() -> Plugin {
    static PLUGIN: OnceLock<Plugin> = OnceLock::new();
    PLUGIN.get_or_init(|| load("hostile", PATIENT)).clone()
}

fn spec(behaviour: &str) -> Value {
    json!({"behaviour": behaviour, "target": "t"})
}

fn check(plugin: &Plugin, behaviour: &str, reason: &str) {
    let fault = call(plugin, &spec(behaviour)).expect_err(behaviour);
    assert_eq!((fault.reason, fault.blame), (reason, Blame::Plugin), "{behaviour}: {fault}");
    assert!(call(plugin, &spec("good")).unwrap().is_ok(), "the call after {behaviour}");
}

#[test]
fn every_way_to_go_wrong_has_its_reason() {
    let expected = [
        ("trap", "Trap"),
        ("memory-bomb", "MemoryLimit"),
        // The SDK's guests keep most of their stack in their memory.
        ("stack-overflow", "Trap"),
        ("huge-output", "OutputLimit"),
        ("ungranted-read", "NotGranted"),
    ];
    let plugin = load("hostile", Limits { memory: 128 << 20, ..PATIENT });
    expected.iter().for_each(|(behaviour, reason)| check(&plugin, behaviour, reason));
    check(&load("hostile", Limits { deadline: Duration::from_secs(1), ..PATIENT }), "endless-loop", "Deadline");
}

#[test]
fn a_panic_says_why() {
    let fault = call(&plugin(), &spec("trap")).unwrap_err();
    assert!(fault.message.contains("told to trap"), "{fault}");
}

#[test]
fn failures_of_the_plugin_are_answers() {
    let Ok(Err(Failure::Invalid(errors))) = call(&plugin(), &spec("invalid")) else { panic!("not invalid") };
    assert_eq!(errors[0].path, "spec.target");
    let answer = call(&plugin(), &spec("need"));
    assert!(matches!(answer, Ok(Err(Failure::Waiting(what))) if what.contains("ConfigMap ns/t")));
    assert!(matches!(call(&plugin(), &spec("other")), Ok(Err(Failure::Other(_)))));
}

#[test]
fn a_spec_that_does_not_parse_names_its_field() {
    let answer = call(&plugin(), &json!({"behaviour": "good", "count": "x"})).unwrap();
    assert!(matches!(answer, Err(Failure::Invalid(errors)) if errors[0].path == "spec.count"));
}

#[test]
fn the_log_of_a_call_is_bounded() {
    let host = Script::default();
    let answer = plugin().reconcile(Box::new(host.clone()), &request(&spec("log-flood"))).unwrap();
    assert!(answer.is_ok());
    let lines = host.lines.lock().unwrap();
    assert!(lines.iter().map(String::len).sum::<usize>() < 66 * 1024, "{} lines", lines.len());
    assert!(lines.last().unwrap().contains("dropped"));
}

#[test]
fn equal_requests_have_equal_answers() {
    let first = call(&plugin(), &spec("good")).unwrap().unwrap();
    for _ in 0..50 {
        assert_eq!(call(&plugin(), &spec("good")).unwrap().unwrap(), first);
    }
    assert!(matches!(first.children, Children::Apply(children) if children.len() == 1));
}

#[test]
fn a_thousand_traps_on_many_threads_leave_the_engine_well() {
    let plugin = plugin();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..250).for_each(|_| assert_eq!(call(&plugin, &spec("trap")).unwrap_err().reason, "Trap")));
        }
    });
    assert!(call(&plugin, &spec("good")).unwrap().is_ok());
}

#[test]
fn limits_are_those_of_the_plugin() {
    let (engine, artifact) = (engine(), Artifact::open(&guest("hostile")).unwrap());
    let load = |memory| engine.load(&artifact, Limits { memory, ..PATIENT });
    let (small, large) = (load(8 << 20).unwrap(), load(64 << 20).unwrap());
    let many = json!({"behaviour": "good", "data": {"x": "x".repeat(1 << 20)}, "count": 3});
    assert_eq!(call(&small, &many).unwrap_err().reason, "MemoryLimit");
    assert!(call(&large, &many).unwrap().is_ok());
    assert!(matches!(load(1 << 40), Err(LoadError::Limits { max_mib: 256 })));
}
