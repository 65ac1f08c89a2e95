//! The kind `OpBatcher`: op-batcher, which posts a sequencer's blocks to L1.
//!
//! One process for one account: two would post the same data and fight over nonces.

use opstack_sdk::answer::{Answer, Failure};
use opstack_sdk::cluster::Context;
use opstack_sdk::manifest::Manifest;
use opstack_sdk::opstack::component::{Component, Obstacle, manifest, obstacle};
use opstack_sdk::opstack::{BATCHER, NODE, signing};
use opstack_sdk::{Object, Workload, register_workload};

mod args;
mod resources;
mod spec;
mod status;

use resources::{PROGRAM, Sequencer};
use spec::BatcherSpec;
use status::BatcherStatus;

/// The plugin.
pub struct OpBatcher;

register_workload!(OpBatcher);

impl Workload for OpBatcher {
    type Spec = BatcherSpec;
    type Status = BatcherStatus;

    fn manifest() -> Manifest {
        let mut manifest = manifest(&PROGRAM, env!("CARGO_PKG_VERSION"), BATCHER);
        manifest.reads.push(NODE.to_ref());
        manifest
    }

    fn reconcile(cx: &Context<'_>, object: &Object<BatcherSpec>) -> Result<Answer<BatcherStatus>, Failure> {
        let spec = &object.spec;
        let component = Component::open(cx, &object.metadata, &PROGRAM, spec.common())?;
        let signing = component.signing()?;
        let sequencer = obstacle(Sequencer::find(&component, spec))?;
        let status = |phase| BatcherStatus {
            phase,
            account: signing.as_ref().ok().and_then(signing::Signing::address),
            batcher_info: status::info(&component),
        };
        let mut answer = match (&signing, &sequencer) {
            (Ok(signing), Ok(sequencer)) => {
                let mut answer = Answer::new(status(component.phase("Deployment")));
                component.render(&mut answer, signing, resources::work(spec, sequencer))?;
                answer
            }
            (Err(nobody), _) => Obstacle::from(nobody).answer(status),
            (_, Err(obstacle)) => obstacle.clone().answer(status),
        };
        let sequencer = sequencer.as_ref().ok();
        answer.conditions.extend(status::connections(&component, sequencer));
        answer.condition(signing::condition(&signing)).condition(args::honoured(spec).condition());
        answer.probes.extend(status::probes(&component, sequencer));
        Ok(answer)
    }
}
