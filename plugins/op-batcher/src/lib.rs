//! The kind `OpBatcher`: op-batcher, which posts a sequencer's blocks to L1.
//!
//! One process for one account: two would post the same data and fight over nonces.

use opstack_sdk::answer::{Answer, Failure};
use opstack_sdk::cluster::Context;
use opstack_sdk::manifest::{Column, Manifest};
use opstack_sdk::opstack::component::{Account, Component, Obstacle, manifest, obstacle};
use opstack_sdk::opstack::roles::Role;
use opstack_sdk::opstack::{BATCHER, NODE, signing};
use opstack_sdk::{Object, Workload, register_workload};

mod args;
mod channel;
mod resources;
mod spec;
mod status;
mod throttling;
mod window;

pub use resources::PROGRAM;
use resources::Sequencer;
use spec::BatcherSpec;
use status::BatcherStatus;
use throttling::Miner;

/// The plugin.
pub struct OpBatcher;

register_workload!(OpBatcher);

impl Workload for OpBatcher {
    type Spec = BatcherSpec;
    type Status = BatcherStatus;

    fn manifest() -> Manifest {
        let mut manifest = manifest(&PROGRAM, env!("CARGO_PKG_VERSION"), BATCHER);
        manifest.reads.push(NODE.to_ref());
        manifest.rpc_methods.extend(["rpc_modules"].into_iter().chain(window::METHODS));
        manifest.columns.extend([
            Column::integer("Pending", ".status.batcherInfo.pendingBatches"),
            Column::date("Last Batch", ".status.batcherInfo.lastBatchSubmitted.timestamp"),
            Column::integer("Transactions", ".status.batcherInfo.totalBatchesSubmitted").wide(),
        ]);
        manifest
    }

    fn reconcile(cx: &Context<'_>, object: &Object<BatcherSpec>) -> Result<Answer<BatcherStatus>, Failure> {
        let spec = &object.spec;
        let component = Component::open(cx, (&object.metadata, &object.status), &PROGRAM, spec.common())?;
        args::check(spec)?;
        let signing = component.signing()?;
        let sequencer = obstacle(Sequencer::find(&component, spec))?;
        let miner = Miner::find(&component, spec);
        let account = signing.as_ref().ok();
        let status = |phase| BatcherStatus {
            phase,
            processes: component.processes(),
            account: account.and_then(signing::Signing::address),
            balance: Account::of(cx).map(|account| account.ether()),
            sources: sequencer.iter().flat_map(Sequencer::nodes).collect(),
            batcher_info: status::info(&component, &object.status),
        };
        let ready = signing.as_ref().map_err(Obstacle::from).and_then(|signing| {
            let sequencer = sequencer.as_ref().map_err(Clone::clone)?;
            miner.check()?;
            channel::check(spec, window::Told::of(cx).as_ref())?;
            Ok((signing, sequencer))
        });
        let mut answer = match ready {
            Ok((signing, sequencer)) => component.answer(signing, status, resources::work(spec, sequencer))?,
            Err(obstacle) => obstacle.answer(status),
        };
        let sequencer = sequencer.as_ref().ok();
        answer.conditions.extend(status::connections(&component, sequencer));
        answer.conditions.extend(component.conditions(&signing));
        let address = account.and_then(signing::Signing::address);
        answer.condition(component.network.roles().condition(Role::Batcher, address.as_deref()));
        let window = window::condition(cx, sequencer);
        answer.events.extend(window::warning(&window));
        let mut honoured = args::honoured(spec);
        component.note_variables(&mut honoured, || args::args(spec));
        answer.condition(window).condition(miner.condition()).condition(honoured.condition());
        answer.probes.extend(status::probes(&component, sequencer));
        answer.probes.extend(window::probe(sequencer));
        answer.probes.extend(component.account_probes(account));
        Ok(answer)
    }
}
