//! Who may do what on L1: asked of SystemConfig, and of the game or oracle that takes proposals.

use alloy_primitives::Bytes;
use opstack_sdk::opstack::abi::{self, DisputeGameFactory, OptimismPortal, Permissioned, SystemConfig};
use opstack_sdk::opstack::contracts::Contracts;
use opstack_sdk::opstack::roles::Roles;
use opstack_sdk::values::Address;

use crate::ask::{Asker, Batch, Silence};

/// Names of the probes begin with this. Roles change more often than addresses, and are asked for more often.
pub const PREFIX: &str = "role";
/// Types of games that only a proposer may begin (`src/dispute/lib/Types.sol`).
const PERMISSIONED: u32 = 1;
const SUPER_PERMISSIONED: u32 = 5;

/// The roles that are known, and those of `before` where L1 says nothing now.
pub fn look(asker: &mut Asker<'_>, known: &Contracts, before: &Roles) -> Roles {
    let signers = known.system_config_addr.as_ref().map(|at| signers(asker, at));
    let players = known.dispute_game_factory_addr.as_ref().map(|at| {
        let permissioned = games(asker, at, known.optimism_portal_addr.as_ref())?;
        match permissioned {
            Game::Players(players) => Ok(players),
            Game::Implementation(game) => players(asker, &game),
            Game::None => Ok(Players::default()),
        }
    });
    let players = players.or_else(|| known.l2_output_oracle_addr.as_ref().map(|oracle| self::players(asker, oracle)));
    let mut roles = signers.map_or(Ok(Roles::default()), |signers| signers).unwrap_or_else(|_| before.clone());
    (roles.proposer, roles.challenger) = match players {
        None => (None, None),
        Some(Ok(Players { proposer, challenger })) => (proposer, challenger),
        Some(Err(_)) => (before.proposer.clone(), before.challenger.clone()),
    };
    roles
}

fn signers(asker: &mut Asker<'_>, at: &Address) -> Result<Roles, Silence> {
    let mut batch = Batch::new();
    let batcher = batch.call(at, &SystemConfig::batcherHashCall {});
    let signer = batch.call(at, &SystemConfig::unsafeBlockSignerCall {});
    let owner = batch.call(at, &SystemConfig::ownerCall {});
    let answer = asker.ask(&format!("{PREFIX}s"), batch)?;
    let address = |found: Result<alloy_primitives::Address, _>| found.ok().and_then(abi::address);
    // Version 0 of the batcher's hash is its address, in the low 20 bytes.
    let batcher = answer.value(batcher).ok().filter(|hash| hash[..12].iter().all(|byte| *byte == 0));
    Ok(Roles {
        batcher: batcher.and_then(|hash| abi::address(alloy_primitives::Address::from_word(hash))),
        unsafe_block_signer: address(answer.value(signer)),
        owner: address(answer.value(owner)),
        ..Roles::default()
    })
}

/// Who plays permissioned games.
#[derive(Clone, Debug, Default)]
struct Players {
    proposer: Option<Address>,
    challenger: Option<Address>,
}

/// Where the players are.
enum Game {
    /// In the factory itself, since its version 1.3.
    Players(Players),
    /// In the contract of the game, before.
    Implementation(Address),
    /// There is no permissioned game.
    None,
}

fn games(asker: &mut Asker<'_>, factory: &Address, portal: Option<&Address>) -> Result<Game, Silence> {
    let mut batch = Batch::new();
    let mut of = |game: u32| {
        let implementation = batch.call(factory, &DisputeGameFactory::gameImplsCall { gameType: game });
        (implementation, batch.call(factory, &DisputeGameFactory::gameArgsCall { gameType: game }))
    };
    let (plain, superroot) = (of(PERMISSIONED), of(SUPER_PERMISSIONED));
    let respected = portal.map(|at| batch.call(at, &OptimismPortal::respectedGameTypeCall {}));
    let answer = asker.ask(&format!("{PREFIX}s-games"), batch)?;
    let implementation = |getter| answer.value::<DisputeGameFactory::gameImplsCall>(getter).ok().and_then(abi::address);
    let (game, args) = match (implementation(plain.0), implementation(superroot.0)) {
        (Some(_), Some(game))
            if respected.is_some_and(|respected| answer.value(respected) == Ok(SUPER_PERMISSIONED)) =>
        {
            (game, superroot.1)
        }
        (Some(game), _) => (game, plain.1),
        (None, Some(game)) => (game, superroot.1),
        (None, None) => return Ok(Game::None),
    };
    let players = answer.value(args).ok().and_then(|args| players_of(&args));
    Ok(players.map_or(Game::Implementation(game), Game::Players))
}

/// The players in a game's packed arguments (`src/dispute/lib/LibGameArgs.sol`). Super permissioned games had a
/// challenger first, and then none.
fn players_of(args: &Bytes) -> Option<Players> {
    let at = |start: usize| {
        let bytes = args.get(start..start + 20)?;
        abi::address(alloy_primitives::Address::from_slice(bytes))
    };
    match args.len() {
        164 => Some(Players { proposer: at(124), challenger: at(144) }),
        60 => Some(Players { proposer: at(20), challenger: at(40) }),
        40 => Some(Players { proposer: at(20), challenger: None }),
        _ => None,
    }
}

fn players(asker: &mut Asker<'_>, contract: &Address) -> Result<Players, Silence> {
    let mut batch = Batch::new();
    let proposer = batch.call(contract, &Permissioned::proposerCall {});
    let challenger = batch.call(contract, &Permissioned::challengerCall {});
    let answer = asker.ask(&format!("{PREFIX}s-players"), batch)?;
    let address = |found: Result<alloy_primitives::Address, _>| found.ok().and_then(abi::address);
    Ok(Players { proposer: address(answer.value(proposer)), challenger: address(answer.value(challenger)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn players_stand_at_the_end_of_a_games_arguments() {
        let packed = |length: usize, last: u8| {
            let mut bytes = vec![0; length];
            bytes[length - 1] = last;
            players_of(&bytes.into())
        };
        let challenger = |players: Option<Players>| players.unwrap().challenger.unwrap().as_str().to_lowercase();
        assert!(challenger(packed(164, 7)).ends_with("07"));
        assert!(challenger(packed(60, 9)).ends_with("09"));
        assert!(packed(40, 9).unwrap().proposer.is_some());
        // Permissionless games have no players, and what is unknown is not guessed.
        assert!(packed(124, 1).is_none() && packed(140, 1).is_none());
    }
}
