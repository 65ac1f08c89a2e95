//! Budgets of one object and of a namespace.

use super::*;
use crate::answer::Resource;
use crate::ids::GroupKind;
use crate::probe::{Probe, Question, Target};
use serde_json::Value;

fn key(namespace: &str, name: &str) -> ObjectKey {
    ObjectKey::new(GroupKind::new("g", "K"), namespace, name)
}

fn answer(questions: usize) -> Answer {
    let probe = |number: usize| Probe {
        id: number.to_string(),
        target: Target::Url("http://node".into()),
        question: Question::HttpGet,
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        wake_on: vec![],
    };
    Answer {
        children: Children::Apply(vec![]),
        secrets: vec![],
        probes: (0..questions).map(probe).collect(),
        actions: vec![],
        status: Value::Null,
        conditions: vec![],
        events: vec![],
        requeue_after: None,
    }
}

fn ledger(settings: &[&str]) -> Ledger {
    let mut limits = Limits::default();
    settings.iter().for_each(|setting| limits.set(setting).unwrap());
    Ledger::new(limits)
}

#[test]
fn an_object_over_its_budget_is_the_plugins_fault_and_says_which_figure_and_what_to_do() {
    let mut ledger = ledger(&["questions-per-object=10"]);
    assert_eq!(ledger.claim(&key("ns", "a"), &answer(10)), Ok(vec![]));
    let fault = ledger.claim(&key("ns", "a"), &answer(11)).unwrap_err();
    assert_eq!((fault.blame, fault.reason), (Blame::Plugin, OVER_BUDGET));
    for part in ["11 questions", "is 10", "--budget questions-per-object"] {
        assert!(fault.message.contains(part), "{fault}");
    }
    assert_eq!(ledger.granted("ns", Item::Questions), 10, "what it had stays");
}

#[test]
fn every_item_is_bounded() {
    let mut one = answer(1);
    one.probes[0].wake_on = vec!["/a".into(); 2];
    one.children = Children::Apply(vec![Resource { object: "{}".into(), policy: crate::answer::Policy::Delete }; 2]);
    let secret =
        crate::answer::GeneratedSecret { namespace: "ns".into(), name: "a".into(), labels: vec![], entries: vec![] };
    one.secrets = vec![secret; 2];
    one.events = vec![held_back(); 2];
    for item in ["children", "secrets", "pointers", "events"] {
        let fault = ledger(&[&format!("{item}-per-object=1")]).claim(&key("ns", "a"), &one).unwrap_err();
        assert!(fault.message.contains(&format!("2 {item}")), "{fault}");
    }
    for item in ["children", "secrets", "pointers"] {
        let fault = ledger(&[&format!("{item}-per-namespace=1")]).claim(&key("ns", "a"), &one).unwrap_err();
        assert_eq!(fault.blame, Blame::Spec, "{fault}");
    }
}

#[test]
fn a_namespace_over_its_budget_harms_no_other_and_goes_on_when_there_is_room() {
    let mut ledger = ledger(&["questions-per-namespace=10"]);
    let [first, second, third] = ["a", "b", "c"].map(|name| key("hog", name));
    assert_eq!(ledger.claim(&first, &answer(6)), Ok(vec![]));
    for late in [&second, &third] {
        let fault = ledger.claim(late, &answer(5)).unwrap_err();
        assert_eq!((fault.blame, fault.reason), (Blame::Spec, OVER_BUDGET));
        assert!(fault.message.contains("hog would have 11 questions"), "{fault}");
    }
    assert_eq!(ledger.claim(&key("victim", "a"), &answer(10)), Ok(vec![]));
    assert_eq!(ledger.claim(&first, &answer(6)), Ok(vec![]), "it has them");
    let mut woken = ledger.claim(&first, &answer(5)).unwrap();
    woken.sort();
    assert_eq!(woken, [second.clone(), third.clone()]);
    assert_eq!(ledger.claim(&second, &answer(5)), Ok(vec![]));
    assert!(ledger.claim(&third, &answer(5)).is_err());
    assert_eq!(ledger.release(&first), std::slice::from_ref(&third));
    assert_eq!(ledger.claim(&third, &answer(5)), Ok(vec![]));
    [second, third].iter().for_each(|owner| drop(ledger.release(owner)));
    assert_eq!((ledger.granted("hog", Item::Questions), ledger.tenants.len()), (0, 1));
}

#[test]
fn events_are_held_back_and_come_again() {
    let mut ledger = ledger(&["events-per-namespace=60"]);
    let event = || Event { warning: false, reason: "R".into(), message: "m".into() };
    let many = || (0..100).map(|_| event()).collect::<Vec<_>>();
    let written = ledger.events(&key("ns", "a"), many(), Duration::ZERO);
    assert_eq!((written.len(), written.last().map(|event| event.reason.as_str())), (50, Some("EventsHeldBack")));
    assert_eq!(ledger.events(&key("ns", "b"), many(), Duration::ZERO).len(), 10, "what the namespace has left");
    assert_eq!(ledger.events(&key("other", "a"), many(), Duration::ZERO).len(), 50);
    assert!(ledger.events(&key("ns", "a"), many(), Duration::from_secs(1)).is_empty());
    assert_eq!(ledger.events(&key("ns", "a"), many(), REFILL).len(), 50);
}

#[test]
fn a_setting_that_is_none_says_what_there_is() {
    let error = Limits::default().set("questions=7").unwrap_err().to_string();
    assert!(error.contains("questions-per-object") && error.contains("answer-bytes-per-namespace"), "{error}");
}
