//! The kind `OpChallenger`: op-challenger, which plays the dispute games of a chain.
//!
//! It keeps its state on a volume, and runs the fault proof machine itself: there are no Jobs.

use k8s_openapi::api::core::v1::ConfigMap;
use opstack_sdk::answer::{Answer, Condition, Failure};
use opstack_sdk::cluster::{Context, kind_of};
use opstack_sdk::manifest::{Column, Manifest};
use opstack_sdk::opstack::component::{Account, Component, Obstacle, manifest, obstacle};
use opstack_sdk::opstack::network::Network;
use opstack_sdk::opstack::roles::{ROLE, Role};
use opstack_sdk::opstack::{CHALLENGER, NODE, signing};
use opstack_sdk::values::Address;
use opstack_sdk::{Object, Workload, register_workload};

mod args;
mod games;
mod honour;
mod resources;
mod spec;
mod status;

use games::Games;
pub use resources::PROGRAM;
use resources::{Chain, Endpoints};
use spec::ChallengerSpec;
use status::ChallengerStatus;

/// The plugin.
pub struct OpChallenger;

register_workload!(OpChallenger);

/// Claims are called after their template, then after the object: `data-geth-x-0` is that of a node `x`, and would be that of a
/// challenger `geth-x`.
const NAME_RULE: (&str, &str) = (
    "has(self.status) || !self.metadata.name.matches('^(op-node|op-conductor|geth|reth)-')",
    "metadata.name must not begin with op-node-, op-conductor-, geth- or reth-, or the challenger and a node would share a volume; use another name",
);

/// Checks the name of a new object as [`NAME_RULE`] does.
fn check_claim_name(name: &str) -> Result<(), Failure> {
    let is_taken = ["op-node-", "op-conductor-", "geth-", "reth-"].iter().any(|start| name.starts_with(start));
    if is_taken { Err(Failure::invalid("metadata.name", format!("{name:?}: {}", NAME_RULE.1))) } else { Ok(()) }
}

impl Workload for OpChallenger {
    type Spec = ChallengerSpec;
    type Status = ChallengerStatus;

    fn manifest() -> Manifest {
        let mut manifest = manifest(&PROGRAM, env!("CARGO_PKG_VERSION"), CHALLENGER);
        manifest.reads.extend([NODE.to_ref(), kind_of::<ConfigMap>()]);
        manifest.owns.push(kind_of::<ConfigMap>());
        manifest.object_rules.push(NAME_RULE);
        manifest.rpc_methods.push("eth_getCode");
        manifest.columns.extend([
            Column::integer("Games", ".status.challengerInfo.activeGames"),
            Column::integer("Resolved", ".status.challengerInfo.totalGamesResolved"),
            Column::integer("Moves", ".status.challengerInfo.totalChallengesMade"),
        ]);
        manifest
    }

    fn reconcile(cx: &Context<'_>, object: &Object<ChallengerSpec>) -> Result<Answer<ChallengerStatus>, Failure> {
        let spec = &object.spec;
        let games = Games::of(&spec.fault_proof);
        let component = Component::open(cx, (&object.metadata, &object.status), &PROGRAM, spec.common())?;
        if object.status.is_null() {
            check_claim_name(&object.metadata.name)?;
        }
        spec.fault_proof.cannon.check_paths()?;
        args::check(spec)?;
        let signing = component.signing()?;
        let factory = factory(&component.network, spec);
        let endpoints = obstacle(Endpoints::find(&component, spec, &games))?;
        let account = signing.as_ref().ok();
        let address = account.and_then(signing::Signing::address);
        let status = |phase| ChallengerStatus {
            phase,
            processes: component.processes(),
            account: address.clone(),
            balance: Account::of(cx).map(|account| account.ether()),
            sources: endpoints.iter().flat_map(Endpoints::nodes).collect(),
            challenger_info: status::info(&component, &object.status),
        };
        let ready = signing.as_ref().map_err(Obstacle::from).and_then(|signing| {
            games::check_prestate(&games, &spec.fault_proof.cannon)?;
            Ok((signing, endpoints.as_ref().map_err(Clone::clone)?))
        });
        let chain = obstacle(Chain::find(&component, spec, &games))?;
        // While something is missing, nobody knows better.
        let has_files = !matches!(chain, Ok(Chain::Registry(_) | Chain::Unneeded));
        let mut answer = match (ready, chain) {
            (Ok((signing, endpoints)), Ok(chain)) => match check_factory(factory, &chain, &component.network) {
                Err(obstacle) => obstacle.answer(status),
                Ok(()) => component.answer(
                    signing,
                    status,
                    resources::work(&component, spec, &games, factory, endpoints, chain),
                )?,
            },
            (Err(obstacle), _) | (_, Err(obstacle)) => obstacle.answer(status),
        };
        let endpoints = endpoints.as_ref().ok();
        answer.conditions.extend(status::connections(&component, factory, endpoints));
        let mut honoured = honour::honoured(spec, &games, has_files);
        // What stands in variables is not rendered as an argument too.
        component.note_variables(&mut honoured, || args::args(spec, &games, factory, &Chain::Unneeded));
        answer.conditions.extend(component.conditions(&signing));
        answer.condition(role(&component.network, &games, address.as_deref()));
        answer.condition(resources::source_condition(&component, spec, &games)).condition(honoured.condition());
        answer.probes.extend(status::probes(&component, factory, endpoints));
        answer.probes.extend(component.account_probes(account));
        warn(&mut answer, spec, &games);
        Ok(answer)
    }
}

/// The condition about the account's role.
fn role(network: &Network, games: &Games, account: Option<&str>) -> Condition {
    if games.need_role() {
        return network.roles().condition(Role::Challenger, account);
    }
    let message = format!("anybody may challenge in games of the type {}", games.names());
    Condition::yes(ROLE, "RoleNotNeeded", message)
}

/// The spec's address before that of the network's status.
fn factory<'a>(network: &'a Network, spec: &'a ChallengerSpec) -> Option<&'a Address> {
    spec.dispute_game.factory_addr.get().or_else(|| network.contract(|c| c.dispute_game_factory_addr.as_ref()))
}

/// The program knows the factory of a chain of the registry. Of any other it has to be told.
fn check_factory(factory: Option<&Address>, chain: &Chain, network: &Network) -> Result<(), Obstacle> {
    match (factory, chain) {
        (Some(_), _) | (None, Chain::Registry(_)) => Ok(()),
        (None, _) => Err(Obstacle::waiting(&format!(
            "the address of the DisputeGameFactory: neither spec.disputeGame.factoryAddr nor the status of {} has it",
            network.title()
        ))),
    }
}

fn warn(answer: &mut Answer<ChallengerStatus>, spec: &ChallengerSpec, games: &Games) {
    if games.need_op_program() && spec.image.is_none() && spec.fault_proof.cannon.server.is_none() {
        answer.warn(
            "OpProgramRemoved",
            "games of the type cannon run op-program, which newer images of op-challenger lack, and chains respect cannon-kona instead since Karst; set spec.faultProof.traceType: cannon-kona, or spec.image and spec.faultProof.cannon.server",
        );
    }
}
