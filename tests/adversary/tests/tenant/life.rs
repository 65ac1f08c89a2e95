//! With all attacks in place the victim does what it wants: its node is changed, its sequencers change, its network is deleted.

use adversary::{stage::Stage, victim};
use serde_json::{Value, json};
use suite::{MINUTE, pair::NAMES, paths, try_until};

/// What does not work any more.
pub fn goes_on(stage: &Stage) -> Vec<String> {
    let deeds = [a_node_is_changed(stage), the_sequencer_changes(stage), a_network_is_deleted(stage)];
    deeds.into_iter().filter_map(Result::err).collect()
}

/// The turn of the network's rollouts is free.
fn a_node_is_changed(stage: &Stage) -> Result<(), String> {
    let (site, set) = (stage.site(), format!("/apis/apps/v1/namespaces/{}/statefulsets/rep", victim::NAMESPACE));
    let template = || site.get(&set).map(|set| set["spec"]["template"].clone());
    let before = template();
    site.merge(&paths::of(&stage.victim.node), &json!({"spec": {"logging": {"level": "debug"}}}));
    try_until(MINUTE, || {
        let node = site.get(&paths::of(&stage.victim.node)).unwrap_or_default();
        if template() == before { Err(format!("the victim's node is not changed: {}", node["status"])) } else { Ok(()) }
    })
}

fn the_sequencer_changes(stage: &Stage) -> Result<(), String> {
    let pair = &stage.victim.pair;
    let index = usize::from(pair.chain().active.first() != Some(&NAMES[0]));
    stage.site().merge(&paths::of(&pair.nodes[index]), &json!({"spec": {"opNode": {"sequencer": {"stopped": true}}}}));
    let next = format!("{}/{}", victim::NAMESPACE, NAMES[1 - index]);
    try_until(MINUTE, || {
        let network: Value = stage.site().get(&paths::of(&pair.network)).unwrap_or_default();
        let (active, sequencing) = (pair.chain().active.clone(), &network["status"]["sequencing"]);
        if active == [NAMES[1 - index]] && sequencing["active"] == next.as_str() {
            return Ok(());
        }
        Err(format!("the sequencer does not change: {active:?} {sequencing}"))
    })
}

fn a_network_is_deleted(stage: &Stage) -> Result<(), String> {
    let spare = paths::of(&stage.victim.spare);
    stage.site().delete(&spare);
    try_until(MINUTE, || match stage.site().get(&spare) {
        None => Ok(()),
        Some(network) => Err(format!("the victim's network is not deleted: {}", network["status"])),
    })
}
