//! An endpoint that does not answer keeps nobody else waiting, and however many ask it, it has few questions at a time.

use rpc_double::Fault;
use serde_json::{Value, json};
use suite::{MINUTE, condition, paths};

use crate::chain;
use crate::world::{self, RUNTIME, world};

/// Questions in flight at one endpoint, as the prober's default has it.
const AT_ONCE: usize = 2;
const OBJECTS: usize = 8;

fn reached(network: &Value) -> bool {
    condition::is(network, "L1Connected", "True", "RPCEndpointReachable")
}

#[test]
fn a_question_without_an_answer_keeps_no_reconcile_waiting() {
    let site = &world().site;
    chain::namespace(site, "held");
    let (held, good) = (world::double("anvil"), world::double("anvil"));
    held.spoil_all(Fault::Hold);
    let network = |name, l1| {
        let mut network = chain::network("held", name, l1);
        network["spec"]["l1RpcTimeout"] = "30s".into();
        // Without contracts there is one question to L1.
        network["spec"]["contractAddresses"] = json!({"discoveryMethod": "manual"});
        network
    };
    let (asks, others) = (network("asks", &held.url()), network("others", &good.url()));
    site.create(&asks);
    RUNTIME.block_on(held.until("the question to arrive", |seen| seen.in_flight() == 1));

    site.create(&others);
    site.wait("another network to be connected", &paths::of(&others), MINUTE, reached);
    let changed = json!({"spec": {"sharedConfig": {"logging": {"level": "debug"}}}});
    for object in [&others, &asks] {
        site.merge(&paths::of(object), &changed);
        site.wait("the change to be looked at", &paths::of(object), MINUTE, |network| {
            network["status"]["observedGeneration"] == 2
        });
    }
    assert_eq!(held.seen().finished, 0, "all this came before the one answer");
    held.heal();
    held.release();
    site.wait("the answer", &paths::of(&asks), MINUTE, reached);
}

#[test]
fn an_endpoint_has_few_questions_at_a_time_however_many_ask_it() {
    let site = &world().site;
    chain::namespace(site, "crowd");
    let l1 = world::double("anvil");
    l1.spoil_all(Fault::Hold);
    let networks: Vec<Value> = (0..OBJECTS)
        .map(|index| {
            let mut network = chain::network("crowd", &format!("net-{index}"), &l1.url());
            network["spec"]["l1RpcTimeout"] = "30s".into();
            // Another question each, for equal ones are asked once.
            network["spec"]["contractAddresses"]["disputeGameFactoryAddr"] = format!("0x{:040x}", index + 1).into();
            network
        })
        .collect();
    networks.iter().for_each(|network| _ = site.create(network));
    for network in &networks {
        site.wait("the network to be looked at", &paths::of(network), MINUTE, |network| {
            condition::brief(network, "L1Connected") == ("Unknown", "NotObserved")
        });
    }
    RUNTIME.block_on(l1.until("the first questions", |seen| seen.in_flight() == AT_ONCE));
    l1.heal();
    l1.release();
    for network in &networks {
        site.wait("its turn", &paths::of(network), MINUTE, reached);
    }
    let seen = l1.seen();
    println!("F: {OBJECTS} objects asked one endpoint: {} requests, at most {} at once", seen.requests, seen.peak);
    assert!(seen.requests >= OBJECTS, "{seen:?}");
    assert_eq!(seen.peak, AT_ONCE);
}
