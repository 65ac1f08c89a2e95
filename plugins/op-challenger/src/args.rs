//! From the spec to the arguments of op-challenger: `op-challenger/flags/flags.go` and `op-service`, v1.16.13 and
//! v1.19.6.

use opstack_sdk::answer::Failure;
use opstack_sdk::opstack::endpoint::check_url;
use opstack_sdk::values::Address;

use crate::games::{Games, Prestate};
use crate::resources::Chain;
use crate::spec::{Cannon, ChallengerSpec};

/// Where the images have op-program.
pub const OP_PROGRAM: &str = "/usr/local/bin/op-program";

/// The program's own arguments.
pub fn args(spec: &ChallengerSpec, games: &Games, factory: Option<&Address>, chain: &Chain) -> Vec<String> {
    let mut args = vec![format!("--datadir={}", spec.data_dir), format!("--game-types={}", games.names())];
    args.extend(factory.map(|factory| format!("--game-factory-address={factory}")));
    let allowed: Vec<_> = spec.dispute_game.game_allowlist.iter().map(Address::as_str).collect();
    if !allowed.is_empty() {
        args.push(format!("--game-allowlist={}", allowed.join(",")));
    }
    args.extend([
        format!("--http-poll-interval={}", spec.monitoring.interval),
        format!("--max-concurrency={}", spec.monitoring.max_games),
        format!("--num-confirmations={}", spec.monitoring.num_confirmations),
    ]);
    // A network's name and files exclude each other. The name also stands for the factory.
    if let Chain::Registry(name) = chain
        && (games.need_cannon() || factory.is_none())
    {
        args.push(format!("--network={name}"));
    }
    if games.need_cannon() {
        args.extend(cannon_args(&spec.fault_proof.cannon, games, chain));
    }
    args
}

/// What the program would not take, or by what it would watch nothing: no interval switches its polling off
/// (`op-service/client/polling.go`, v1.19.6).
///
/// # Errors
/// `invalid` with all of it.
pub fn check(spec: &ChallengerSpec) -> Result<(), Failure> {
    let mut errors: Vec<_> = spec.monitoring.interval.check_interval("spec.monitoring.interval").into_iter().collect();
    for (path, url) in [
        ("spec.l2EthRpc", &spec.l2_eth_rpc),
        ("spec.rollupRpc", &spec.rollup_rpc),
        ("spec.superRootRpc", &spec.super_root_rpc),
    ] {
        errors.extend(check_url(path, url.as_ref()));
    }
    Failure::check(errors)
}

fn cannon_args(cannon: &Cannon, games: &Games, chain: &Chain) -> Vec<String> {
    let mut args = vec![format!("--cannon-bin={}", cannon.bin)];
    if games.need_op_program() {
        args.push(format!("--cannon-server={}", server(cannon)));
    }
    if games.need_kona() {
        args.push(format!("--cannon-kona-server={}", cannon.kona_server));
    }
    if games.need_prestate() {
        args.extend(prestate_args(cannon, games));
    }
    if let Chain::Files(_, l1) = chain {
        args.push(format!("--rollup-config={}", cannon.rollup_config_path));
        args.push(format!("--l2-genesis={}", cannon.l2_genesis_path));
        args.extend(l1.iter().map(|path| format!("--l1-genesis={path}")));
        args.extend(cannon.depset_config_path.iter().map(|path| format!("--depset-config={path}")));
    }
    args
}

fn prestate_args(cannon: &Cannon, games: &Games) -> Vec<String> {
    if let Some(url) = &cannon.prestates_url {
        return vec![format!("--prestates-url={url}")];
    }
    let Prestate::Path(path) = Prestate::of(cannon) else { return vec![] };
    let mut args = vec![];
    if games.need_op_program() {
        args.push(format!("--cannon-prestate={path}"));
    }
    if games.need_kona() {
        args.push(format!("--cannon-kona-prestate={path}"));
    }
    args
}

/// The executable of the type cannon; a URL is none.
fn server(cannon: &Cannon) -> &str {
    cannon.server.as_deref().filter(|server| server.starts_with('/')).unwrap_or(OP_PROGRAM)
}
