//! Each way in which an endpoint can be bad has words of its own in the condition, and is over with the first good answer.

use std::time::{Duration, Instant};

use rpc_double::{Double, Fault, Recording};
use serde_json::{Value, json};
use suite::{MINUTE, Site, condition, paths};

use crate::chain;
use crate::world::{self, INTERVAL, RUNTIME, world};

const NAMESPACE: &str = "faults";

/// One way to be bad, and what the network's condition says then.
struct Case {
    name: &'static str,
    spoil: fn(&Double),
    reason: &'static str,
    /// A part of the message.
    says: &'static str,
    /// `spec.l1RpcTimeout`
    timeout: &'static str,
}

const CASES: [Case; 9] = [
    Case {
        timeout: "2s",
        ..bad("slow", |l1| l1.spoil_all(Fault::Slow(Duration::from_secs(4))), "Timeout", "no answer within 2s")
    },
    Case { timeout: "3s", ..bad("hangs", |l1| l1.spoil_all(Fault::Hang), "Timeout", "no answer within 3s") },
    bad("fails", |l1| l1.spoil_all(Fault::Status(500)), "HTTPStatus", "HTTP status 500"),
    bad("breaks", |l1| l1.spoil_all(Fault::Half), "ConnectionBroken", "the connection broke"),
    bad("is-silent-in-part", |l1| l1.spoil_all(Fault::Missing), "AnswerInvalid", "eth_blockNumber is not answered"),
    bad("is-huge", |l1| l1.spoil_all(Fault::Huge(3 << 20)), "AnswerTooLarge", "larger than 1048576 bytes"),
    bad("refuses", |l1| RUNTIME.block_on(l1.close()), "ConnectionRefused", "no connection"),
    bad(
        "is-another",
        |l1| l1.answer("eth_chainId", json!("0x1")),
        "WrongChain",
        "serves chain 1, but spec.l1ChainID is 900",
    ),
    bad("errs", |l1| l1.fail("eth_chainId", -32000, "not today"), "RPCError", "not today"),
];

const fn bad(name: &'static str, spoil: fn(&Double), reason: &'static str, says: &'static str) -> Case {
    Case { name, spoil, reason, says, timeout: "10s" }
}

/// A network of a case, and its L1.
struct Subject {
    case: &'static Case,
    path: String,
    l1: Double,
}

#[test]
fn each_fault_has_its_words_and_ends_with_the_first_good_answer() {
    let site = &world().site;
    chain::namespace(site, NAMESPACE);
    let subjects: Vec<Subject> = CASES.iter().map(|case| make(site, case)).collect();
    for Subject { path, .. } in &subjects {
        wait(site, path, "to be connected", |network| connected(network) == ("True", "RPCEndpointReachable"));
    }
    subjects.iter().for_each(|subject| (subject.case.spoil)(&subject.l1));
    for Subject { case, path, .. } in &subjects {
        let told = |network: &Value| {
            connected(network) == ("False", case.reason)
                && condition::message(network, "L1Connected").contains(case.says)
        };
        let network = wait(site, path, case.says, told);
        assert_eq!(network["status"]["phase"], "Error", "{network}");
        println!("F: an L1 that {}: {}", case.name, condition::message(&network, "L1Connected"));
    }
    subjects.iter().for_each(Subject::heal);
    let begun = Instant::now();
    let asked: Vec<usize> = subjects.iter().map(|subject| subject.l1.count("eth_chainId")).collect();
    for (Subject { case, path, l1 }, asked) in subjects.iter().zip(asked) {
        wait(site, path, "to be connected again", |network| connected(network) == ("True", "RPCEndpointReachable"));
        let questions = l1.count("eth_chainId") - asked;
        println!("F: an L1 that {}: well again after {questions} questions, {:?}", case.name, begun.elapsed());
    }
    // All were asked at their own time; the last of them is no later than an interval, its jitter, and the way to the status.
    assert!(begun.elapsed() < INTERVAL + INTERVAL / 3, "{:?}", begun.elapsed());
}

fn make(site: &Site, case: &'static Case) -> Subject {
    let l1 = world::double("anvil");
    let mut network = chain::network(NAMESPACE, case.name, &l1.url());
    network["spec"]["l1RpcTimeout"] = case.timeout.into();
    site.create(&network);
    Subject { case, path: paths::of(&network), l1 }
}

impl Subject {
    fn heal(&self) {
        self.l1.heal();
        self.l1.replay(&Recording::load("anvil"));
        if self.case.name == "refuses" {
            RUNTIME.block_on(self.l1.reopen());
        }
    }
}

fn connected(network: &Value) -> (&str, &str) {
    condition::brief(network, "L1Connected")
}

#[track_caller]
fn wait(site: &Site, path: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    site.wait(&format!("{path}: {what}"), path, MINUTE, is_so).0
}

/// Whatever an endpoint does, the state goes to and fro with it, and nothing is written in between.
#[test]
fn an_endpoint_that_flaps_is_told_as_it_is_and_no_more_often() {
    const FLIPS: usize = 3;
    let site = &world().site;
    chain::namespace(site, "flaps");
    let l1 = world::double("anvil");
    let mut network = chain::network("flaps", "net", &l1.url());
    // Without contracts there is one question to L1.
    network["spec"]["contractAddresses"] = json!({"discoveryMethod": "manual"});
    site.create(&network);
    let path = paths::of(&network);
    wait(site, &path, "to be connected", |network| connected(network).0 == "True");
    let (mark, before) = (site.audit.mark().expect("a mark"), l1.seen().requests);
    l1.script((0..2 * FLIPS).map(|index| (index % 2 == 0).then_some(Fault::Status(503))));
    for flip in 0..FLIPS {
        wait(site, &path, &format!("to be unreachable, {flip}"), |network| connected(network).0 == "False");
        wait(site, &path, &format!("to be connected again, {flip}"), |network| connected(network).0 == "True");
    }
    let events = suite::audit::writes(&site.audit.events_since(mark).expect("events")).in_namespace("flaps");
    let writes = events.by_resource("optimismnetworks");
    let questions = l1.seen().requests - before;
    println!("F: {questions} questions to an endpoint that flaps, {} statuses", writes.len());
    assert_eq!(writes.len(), 2 * FLIPS, "{writes}");
    assert!((2 * FLIPS..=2 * FLIPS + 1).contains(&questions), "{questions} questions");
}
