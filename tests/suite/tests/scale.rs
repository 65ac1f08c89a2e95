//! Accept C: with 1,000 objects, what does not change costs nothing: no write, no read of an object, no reconcile of
//! the operator's own making.

use std::{
    thread,
    time::{Duration, Instant},
};

use control_plane::{AuditLevel, AuditLog, Events, Mark};
use serde_json::json;
use suite::{MINUTE, Operator, Site, audit, condition, hostile, paths, plugins, until};

const OBJECTS: usize = 1000;
const CHILDREN: usize = 2;
const NAMESPACE: &str = "scale";

#[test]
fn a_thousand_objects_at_rest_cost_nothing() {
    let site = Site::start(AuditLevel::Metadata);
    let operator = Operator::start(&site);
    site.install(&plugins::hostile());
    site.namespace(NAMESPACE);
    let begun = Instant::now();
    create_all(&site);
    let created = begun.elapsed();
    converged(&site);
    println!("C: {OBJECTS} objects created in {created:?}, converged after {:?}", begun.elapsed());
    operator.settle();
    let reconciles = operator.reconciles();
    println!("C: {reconciles} reconciles to converge");
    // What an object's own writes set off must not wake it.
    assert!(reconciles <= OBJECTS as u64 * 102 / 100, "{reconciles} reconciles for {OBJECTS} objects");

    idle(&site, &operator);
    resync(&site, &operator);
    let operator = restart(&site, operator);
    one_change_costs_what_it_must(&site, &operator);
    operator.stop();
}

fn create_all(site: &Site) {
    const THREADS: usize = 4;
    thread::scope(|scope| {
        for first in 0..THREADS {
            scope.spawn(move || {
                for index in (first..OBJECTS).step_by(THREADS) {
                    let more = json!({"count": CHILDREN, "data": {"index": index.to_string()}});
                    site.create(&hostile::with(NAMESPACE, &format!("o{index:04}"), "good", &more));
                }
            });
        }
    });
}

fn converged(site: &Site) {
    until("all objects to be ready", 10 * MINUTE, || {
        let objects = site.list(&hostile::paths(NAMESPACE));
        let ready = objects.iter().filter(|object| condition::is(object, "Ready", "True", "Ready")).count();
        if ready == OBJECTS { Ok(()) } else { Err(format!("{ready} of {OBJECTS}\n{}", site.log_tail())) }
    });
    let children = site.list(&paths::config_maps(NAMESPACE));
    let ours = children.iter().filter(|child| !child["metadata"]["ownerReferences"].is_null()).count();
    assert_eq!(ours, OBJECTS * CHILDREN);
}

/// Nothing happens, so nothing is done.
fn idle(site: &Site, operator: &Operator) {
    const WINDOW: Duration = Duration::from_secs(5);
    let (mark, before, begun) = (site.audit.mark().expect("a mark"), operator.reconciles(), Instant::now());
    until("a while to pass", 2 * WINDOW, || if begun.elapsed() >= WINDOW { Ok(()) } else { Err("time".into()) });
    let reconciles = operator.reconciles() - before;
    println!("C: {reconciles} reconciles in {WINDOW:?} of rest");
    assert_eq!(reconciles, 0, "something wakes objects all the time");
    costs_nothing("rest", &site.audit, mark);
}

/// All watches break and can't go on: every kind is listed anew.
fn resync(site: &Site, operator: &Operator) {
    let (mark, before) = (site.audit.mark().expect("a mark"), operator.reconciles());
    site.plane.expire_watches().expect("the API server restarts");
    let listed = |events: &Events, resource: &str| {
        let lists = events.by_user_agent_prefix(audit::AGENT).by_resource(resource).successes();
        // A watch that begins with the state of things counts as a list.
        lists.iter().any(|event| event.verb == "list" || event.request_uri.contains("sendInitialEvents=true"))
    };
    let all = site.audit.wait_for(mark, 2 * MINUTE, |events| {
        ["hostiles", "configmaps"].iter().all(|resource| listed(events, resource))
    });
    all.expect("every kind is listed anew");
    operator.settle();
    println!("C: {} reconciles in a resync of {OBJECTS} objects", operator.reconciles() - before);
    costs_nothing("a resync", &site.audit, mark);
}

/// Another process looks at everything once, in memory.
fn restart(site: &Site, operator: Operator) -> Operator {
    operator.stop();
    let mark = site.audit.mark().expect("a mark");
    let begun = Instant::now();
    let operator = Operator::start(site);
    until("all objects to be looked at", 2 * MINUTE, || match operator.reconciles() {
        reconciles if reconciles >= OBJECTS as u64 => Ok(()),
        reconciles => Err(format!("{reconciles}\n{}", site.log_tail())),
    });
    println!("C: {OBJECTS} objects were looked at {:?} after a restart", begun.elapsed());
    operator.settle();
    assert_eq!(operator.reconciles(), OBJECTS as u64, "each object once");
    costs_nothing("a restart", &site.audit, mark);
    operator
}

fn costs_nothing(what: &str, audit: &AuditLog, mark: Mark) {
    let events = audit.events_since(mark).expect("events");
    let (writes, gets) = (audit::writes(&events), audit::gets(&events).in_namespace(NAMESPACE));
    let all = events.by_user_agent_prefix(audit::AGENT);
    let count = |verb: &str| all.by_verb(verb).len();
    println!(
        "C: {what}: {} writes, {} reads of objects, {} lists, {} watches",
        writes.len(),
        gets.len(),
        count("list"),
        count("watch")
    );
    assert!(writes.is_empty(), "{what} wrote:\n{writes}");
    assert!(gets.is_empty(), "{what} read single objects:\n{gets}");
}

/// The rule is not kept by doing nothing at all: one change, one reconcile and its writes.
fn one_change_costs_what_it_must(site: &Site, operator: &Operator) {
    let (mark, before) = (site.audit.mark().expect("a mark"), operator.reconciles());
    site.merge(&hostile::path(NAMESPACE, "o0500"), &json!({"spec": {"data": {"index": "another"}}}));
    for child in ["o0500-0", "o0500-1"] {
        let path = paths::config_map(NAMESPACE, child);
        site.wait("the change", &path, MINUTE, |child| child["data"]["index"] == "another");
    }
    site.wait_ready(&hostile::path(NAMESPACE, "o0500"), "True", "Ready");
    operator.settle();
    let writes = audit::writes(&site.audit.events_since(mark).expect("events"));
    let reconciles = operator.reconciles() - before;
    println!("C: one change of {OBJECTS} objects: {reconciles} reconciles, {} writes", writes.len());
    assert_eq!(writes.len(), CHILDREN + 1, "the children and the status:\n{writes}");
    assert!(reconciles <= 2, "{reconciles} reconciles for one change");
}
