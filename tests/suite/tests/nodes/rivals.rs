//! Two batchers with one account on L1: one of them runs, and the other one as soon as that is gone.

use serde_json::{Value, json};
use suite::{MINUTE, condition, paths};

use crate::chain;
use crate::world::{self, world};

const NAMESPACE: &str = "rivals";
const NAMES: [&str; 2] = ["batcher", "batcher-2"];

fn workload(name: &str) -> String {
    format!("/apis/apps/v1/namespaces/{NAMESPACE}/statefulsets/{name}")
}

#[test]
fn of_two_with_one_account_one_runs() {
    let site = &world().site;
    chain::namespace(site, NAMESPACE);
    let l1 = world::double("anvil");
    site.create(&chain::network(NAMESPACE, "net", &l1.url()));
    site.create(&chain::sequencer(NAMESPACE, "seq"));
    let key = json!({"privateKey": {"secretRef": {"name": "signer", "key": "batcher"}}});
    let batchers = NAMES.map(|name| chain::component("OpBatcher", NAMESPACE, name, &key));
    batchers.iter().for_each(|batcher| drop(site.create(batcher)));

    let refused = |batcher: &Value| condition::brief(batcher, "Ready") == ("False", "AccountInUse");
    let both = || batchers.each_ref().map(|batcher| site.get(&paths::of(batcher)).unwrap_or_default());
    let settled = || match both().each_ref().map(refused) {
        [one, two] if one != two => Ok(usize::from(one)),
        _ => Err(format!("{:?}\n{}", both().map(|batcher| batcher["status"].clone()), site.log_tail())),
    };
    let (runs, _) = suite::until("one of them to be refused", MINUTE, settled);
    let pods = |index: usize| site.get(&workload(NAMES[index])).map(|set| set["spec"]["replicas"].clone());
    assert_eq!([pods(runs), pods(1 - runs)], [Some(1.into()), Some(0.into())]);
    let told = condition::message(&both()[1 - runs], "Ready").to_string();
    assert!(told.contains(&format!("{NAMESPACE}/{}", NAMES[runs])), "it does not say who signs: {told}");

    site.delete(&paths::of(&batchers[runs]));
    site.wait_gone(&workload(NAMES[runs]));
    let other = &batchers[1 - runs];
    site.wait_gone(&format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{}", NAMES[runs]));
    site.wait("the other one to be told that it may", &paths::of(other), MINUTE, |batcher| !refused(batcher));
    let path = workload(NAMES[1 - runs]);
    site.wait("the other one to run", &path, MINUTE, |set| set["spec"]["replicas"] == 1);
    println!("N7: of two with one account one ran, then the other one");
}
