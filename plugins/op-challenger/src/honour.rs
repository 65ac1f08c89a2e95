//! What of the spec has no effect: the condition `FieldsHonored`.

use opstack_sdk::opstack::honoured::Honoured;

use crate::args::OP_PROGRAM;
use crate::games::{Games, Prestate};
use crate::spec::{Cannon, ChallengerSpec, NoRpc};

/// The settings that have no effect; `has_files` where the chain is told by its files rather than by its name.
pub fn honoured(spec: &ChallengerSpec, games: &Games, has_files: bool) -> Honoured {
    let mut honoured = Honoured::by("op-challenger");
    let cannon = &spec.fault_proof.cannon;
    if let Some(server) = cannon.server.as_deref().filter(|server| !server.starts_with('/')) {
        honoured.refuse(
            "spec.faultProof.cannon.server",
            format!("{server:?} is no path; op-challenger runs an executable of its own container, such as {OP_PROGRAM}, and dials no server"),
        );
    } else if cannon.server.is_some() && !games.need_op_program() {
        honoured.refuse("spec.faultProof.cannon.server", "only games of the type cannon run op-program");
    }
    honour_machine(cannon, games, &mut honoured);
    honour_files(cannon, games, has_files, &mut honoured);
    match Prestate::of(cannon) {
        _ if !games.need_prestate() => {}
        Prestate::Malformed(text) => honoured.refuse(
            "spec.faultProof.cannon.prestate",
            format!("{text:?} is neither a path nor a hash of 0x and 64 hexadecimal digits"),
        ),
        Prestate::Path(_) if cannon.prestates_url.is_some() => {
            honoured.refuse("spec.faultProof.cannon.prestate", "prestatesUrl is given, and goes before a path");
        }
        _ => {}
    }
    spec.security.report("spec.security", &mut honoured);
    honoured.idle("spec.rpc", spec.rpc != NoRpc::default(), "op-challenger has no RPC server");
    let also_from = !spec.network_policy.also_from.is_empty();
    honoured.idle("spec.networkPolicy.alsoFrom", also_from, "op-challenger has no RPC server to let anybody reach");
    honoured
}

/// The machine that no game of these types runs.
fn honour_machine(cannon: &Cannon, games: &Games, honoured: &mut Honoured) {
    let usual = Cannon::default();
    let mut refuse = |field: &str, is_idle: bool, why: &str| {
        if is_idle {
            honoured.refuse(format!("spec.faultProof.cannon.{field}"), why);
        }
    };
    let runs_no_machine = format!("games of the type {} run no machine", games.names());
    refuse("bin", !games.need_cannon() && cannon.bin != usual.bin, &runs_no_machine);
    let no_kona = "only games of the types cannon-kona and super-cannon-kona run kona-host";
    refuse("konaServer", !games.need_kona() && cannon.kona_server != usual.kona_server, no_kona);
    let no_step =
        format!("games of the type {} never get to a step of the machine, so they need no prestate", games.names());
    refuse("prestate", !games.need_prestate() && cannon.prestate.is_some(), &no_step);
    refuse("prestatesUrl", !games.need_prestate() && cannon.prestates_url.is_some(), &no_step);
}

/// The chain's files, where the program reads none.
fn honour_files(cannon: &Cannon, games: &Games, has_files: bool, honoured: &mut Honoured) {
    if games.need_cannon() && has_files {
        return;
    }
    let why = if games.need_cannon() {
        "the program knows the chain by its name in the superchain registry, and reads no file of it".into()
    } else {
        format!("games of the type {} read no file of the chain", games.names())
    };
    let usual = Cannon::default();
    for (field, is_given) in [
        ("rollupConfigPath", cannon.rollup_config_path != usual.rollup_config_path),
        ("l2GenesisPath", cannon.l2_genesis_path != usual.l2_genesis_path),
        ("l1GenesisPath", cannon.l1_genesis_path.is_some()),
        ("depsetConfigPath", cannon.depset_config_path.is_some()),
    ] {
        if is_given {
            honoured.refuse(format!("spec.faultProof.cannon.{field}"), &why);
        }
    }
}
