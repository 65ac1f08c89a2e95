//! The kind `OpProposer`: op-proposer, which proposes the state of L2 to a contract on L1.
//!
//! One process for one account: two would propose the same and fight over nonces.

use opstack_sdk::answer::{Answer, Failure};
use opstack_sdk::cluster::Context;
use opstack_sdk::manifest::{Column, Manifest};
use opstack_sdk::opstack::component::{Account, Component, Obstacle, manifest, obstacle};
use opstack_sdk::opstack::upstream::Upstream;
use opstack_sdk::opstack::{NODE, PROPOSER, signing};
use opstack_sdk::{Object, Workload, register_workload};

mod args;
mod proposals;
mod releases;
mod resources;
mod role;
mod spec;
mod status;
mod target;

use resources::Outputs;
pub use resources::PROGRAM;
use spec::ProposerSpec;
use status::ProposerStatus;
use target::Contract;

/// The plugin.
pub struct OpProposer;

register_workload!(OpProposer);

impl Workload for OpProposer {
    type Spec = ProposerSpec;
    type Status = ProposerStatus;

    fn manifest() -> Manifest {
        let mut manifest = manifest(&PROGRAM, env!("CARGO_PKG_VERSION"), PROPOSER);
        manifest.reads.push(NODE.to_ref());
        manifest.rpc_methods.extend(["eth_getCode", "eth_call", "optimism_syncStatus"]);
        manifest.columns.extend([
            Column::head("Proposed", ".status.proposerInfo.lastProposalSubmitted.l2BlockNumber"),
            Column::date("Last Proposal", ".status.proposerInfo.lastProposalSubmitted.timestamp"),
            Column::text("Next Due", ".status.proposerInfo.nextProposalDue").wide(),
        ]);
        manifest
    }

    fn reconcile(cx: &Context<'_>, object: &Object<ProposerSpec>) -> Result<Answer<ProposerStatus>, Failure> {
        let spec = &object.spec;
        let component = Component::open(cx, (&object.metadata, &object.status), &PROGRAM, spec.common())?;
        args::check(spec, component.network.spec.l1_chain_id.get())?;
        let signing = component.signing()?;
        let contract = obstacle(Contract::find(&component.network, spec))?;
        let outputs = obstacle(Outputs::find(&component, spec, contract.as_ref().ok()))?;
        let account = signing.as_ref().ok();
        let address = account.and_then(signing::Signing::address);
        let status = |phase| ProposerStatus {
            phase,
            processes: component.processes(),
            account: address.clone(),
            balance: Account::of(cx).map(|account| account.ether()),
            sources: Upstream::nodes(outputs.iter().map(|outputs| &outputs.upstream)),
            proposer_info: status::info(&component, spec, address.as_deref(), contract.as_ref().ok(), &object.status),
        };
        let mut answer = match (&signing, &contract, &outputs) {
            (Ok(signing), Ok(contract), Ok(outputs)) => {
                component.answer(signing, status, resources::work(spec, outputs, contract))?
            }
            (Err(nobody), ..) => Obstacle::from(nobody).answer(status),
            (_, Err(obstacle), _) | (_, _, Err(obstacle)) => obstacle.clone().answer(status),
        };
        let (contract, outputs) = (contract.as_ref().ok(), outputs.as_ref().ok());
        answer.conditions.extend(status::connections(&component, spec, contract, outputs));
        answer.conditions.extend(component.conditions(&signing));
        answer.condition(role::condition(&component, spec, contract, address.as_deref()));
        answer.condition(resources::source_condition(&component, spec, contract, outputs));
        let mut honoured = args::honoured(spec, contract);
        let args = || contract.map(|contract| args::args(spec, contract)).unwrap_or_default();
        component.note_variables(&mut honoured, args);
        answer.condition(honoured.condition());
        answer.probes.extend(status::probes(&component, spec, contract, outputs));
        answer.probes.extend(component.account_probes(account));
        Ok(answer)
    }
}
