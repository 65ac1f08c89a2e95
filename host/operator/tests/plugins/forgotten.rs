//! What goes with an object that is gone.

use opstack_core::ids::ObjectKey;
use opstack_core::probe::{Probe, Question, Target};
use opstack_engine::CompileLimits;
use std::time::Duration;

use crate::world::World;

#[tokio::test]
async fn an_object_that_is_forgotten_is_not_asked_about() {
    let world = World::leading(CompileLimits::default()).await;
    let key: ObjectKey = "OpNode.optimism.io/ns/node".parse().unwrap();
    let probe = Probe {
        id: "head".into(),
        target: Target::Url("http://127.0.0.1:9".into()),
        question: Question::HttpGet,
        interval: Duration::from_secs(60),
        timeout: Duration::from_secs(1),
        wake_on: vec![],
    };
    world.cx.chain.declare(&key, &[probe]);
    let owners = || world.cx.chain.gauges().iter().find(|(name, _)| name == "probe_owners").map(|(_, count)| *count);
    assert_eq!(owners(), Some(1.0));
    world.cx.forget(&key);
    assert_eq!(owners(), Some(0.0));
}
