//! The operator's watches fall silent, as if nothing happened any more, and what it knows grows old. No sequencer is started by what
//! was so before, and no status that is newer is written over.

use std::time::Duration;

use anyhow::Result;
use control_plane::AuditLevel;
use faults::{
    call::Class,
    proxy::{Fault, Proxy},
};
use serde_json::{Value, json};
use suite::{
    MINUTE, Operator, Site, condition,
    pair::{NAMES, Pair},
    paths, plugins,
};

/// Longer than the tests.
const FOR_EVER: Duration = Duration::from_secs(3600);
/// The second sequencer is asked once a second; what was to be done wrongly is done by then.
const AGAIN: usize = 15;

/// Two sequencers, of which the first makes blocks, under an operator behind a proxy.
struct Scene {
    pair: Pair,
    proxy: Proxy,
    _operator: Operator,
}

impl Scene {
    fn start(namespace: &'static str) -> Result<Self> {
        let site: &'static Site = Box::leak(Box::new(Site::start(AuditLevel::Metadata)));
        let proxy = Proxy::start(&site.plane)?;
        let kubeconfig = proxy.kubeconfig(site.directory(), site.plane.token())?;
        let components = plugins::argument();
        let operator = Operator::spawn_as(site, &kubeconfig, &[&components]);
        operator.wait_ready();
        let pair = Pair::start_on(site, namespace, "3s", |chain| chain.active = vec![NAMES[0]]);
        pair.follows(NAMES[0]);
        Ok(Self { pair, proxy, _operator: operator })
    }

    /// From now on no watch tells anything of networks and nodes. Lists are answered.
    fn silence(&self) {
        self.proxy.rule(|call| match call.class {
            Class::Watch if is_of_chain(&call.path) => Fault::Delay(FOR_EVER),
            _ => Fault::None,
        });
        self.proxy.drop_watches();
        let begun = || match self.proxy.hits() {
            hits if hits >= 2 => Ok(()),
            hits => Err(format!("{hits} watches are silent")),
        };
        suite::until("both watches to be silent", MINUTE, begun);
    }

    /// The active one makes no blocks any more: another one is to be started.
    fn stall(&self) {
        self.pair.chain().stalled = Some(NAMES[0]);
    }

    /// Who was started, in order.
    fn started(&self) -> Vec<&'static str> {
        let chain = self.pair.chain();
        chain.calls.iter().filter(|(_, what, _)| *what == "start").map(|(name, ..)| *name).collect()
    }

    fn starts_of(&self, name: &str) -> usize {
        self.started().into_iter().filter(|started| *started == name).count()
    }

    fn network(&self) -> Value {
        self.pair.site.get(&paths::of(&self.pair.network)).expect("a network")
    }
}

fn is_of_chain(path: &str) -> bool {
    path.ends_with("/optimismnetworks") || path.ends_with("/opnodes")
}

#[test]
fn no_sequencer_is_started_by_what_was_so_before() -> Result<()> {
    let scene = Scene::start("old-node")?;
    scene.silence();
    // Somebody takes the second one out of the choice. No watch tells.
    let second = paths::of(&scene.pair.nodes[1]);
    let stopped = |stopped: bool| json!({"spec": {"opNode": {"sequencer": {"stopped": stopped}}}});
    scene.pair.site.merge(&second, &stopped(true));
    scene.stall();
    scene.pair.asked(AGAIN);
    // The first one may have been stopped meanwhile, and started again: it is the only one left.
    assert_eq!(scene.starts_of(NAMES[1]), 0, "{:?} {}", scene.pair.chain().calls, scene.pair.site.log_tail());
    let read = scene.proxy.calls(Class::List);
    assert!(read.iter().any(|call| is_of_chain(&call.path)), "nothing was read afresh: {read:?}");

    // It was the picture that kept it from being started, and nothing else.
    scene.pair.site.merge(&second, &stopped(false));
    scene.proxy.calm();
    scene.proxy.drop_watches();
    scene.pair.follows(NAMES[1]);
    assert_eq!(scene.starts_of(NAMES[1]), 1, "{:?}", scene.pair.chain().calls);
    Ok(())
}

#[test]
fn no_status_is_written_over_a_newer_one() -> Result<()> {
    const HEAD: u64 = 1_000_000;
    let scene = Scene::start("old-status")?;
    scene.silence();
    // Another leader has heard of a block that this one knows nothing of.
    let path = format!("{}/status", paths::of(&scene.pair.network));
    let head = json!({"number": HEAD, "hash": format!("0x{HEAD:064x}"), "seen": scene.network()["status"]["sequencing"]["head"]["seen"]});
    scene.pair.site.merge(&path, &json!({"status": {"sequencing": {"head": head}}}));
    scene.stall();
    scene.pair.asked(AGAIN);
    let told = scene.network()["status"]["sequencing"]["head"]["number"].clone();
    assert_eq!(told, HEAD, "an old picture was written over it: {}", scene.network()["status"]);
    assert_eq!(scene.started(), [""; 0], "a chain goes on below its highest block");

    scene.proxy.calm();
    scene.proxy.drop_watches();
    // With a new picture it says why nothing goes on.
    let waits = |network: &Value| condition::brief(network, "SequencerActive").0 == "False";
    let network =
        scene.pair.site.wait("the operator to say what it waits for", &paths::of(&scene.pair.network), MINUTE, waits);
    assert_eq!(network.0["status"]["sequencing"]["head"]["number"], HEAD, "{}", network.0["status"]);
    assert_eq!(scene.started(), [""; 0]);
    Ok(())
}
