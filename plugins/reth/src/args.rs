//! Arguments of op-reth v2.4.0: `op-reth node --help`, as in the documentation of optimism v1.19.6.

use opstack_sdk::answer::Failure;
use opstack_sdk::execution::{ClientRequest, Genesis, SIBLINGS, Unsupported};
use opstack_sdk::opstack::execution::{AuthRpc, DbEngine, GcMode, StateScheme, SyncMode, TxPool};
use opstack_sdk::opstack::overrides::with_extra_args;
use opstack_sdk::opstack::shared::{LogFormat, LogLevel};

use crate::chains::chain;

/// Port of the metrics.
pub const METRICS_PORT: u16 = 9001;
/// States kept by a node that prunes: of a sequencer, what covers the sequencing window; of others 30 days at a block
/// every two seconds (optimism v1.19.6, node-operators/guides/management/archive-node). Bodies are never pruned: op-node
/// reads the first transaction of old blocks.
const KEPT_BY_SEQUENCER: u64 = 22_000;
const KEPT: u64 = 1_296_000;

/// Directory of the chain's data.
pub fn data_dir(request: &ClientRequest) -> &str {
    request.settings.data_dir.as_deref().unwrap_or("/data/reth")
}

/// All arguments.
///
/// # Errors
/// `waiting` for a chain that op-reth does not know.
pub fn args(request: &ClientRequest) -> Result<Vec<String>, Failure> {
    let settings = &request.settings;
    let mut args = vec![
        "node".into(),
        format!("--chain={}", chain(request)?),
        format!("--datadir={}", data_dir(request)),
        format!("--engine.cross-block-cache-size={}", settings.cache),
        // Its socket would be outside of the volumes.
        "--ipcdisable".into(),
    ];
    if settings.gc_mode == GcMode::Full {
        let kept = if request.sequencer { KEPT_BY_SEQUENCER } else { KEPT };
        let flags = ["minimum-distance", "receipts.distance", "account-history.distance", "storage-history.distance"];
        args.extend(flags.map(|flag| format!("--prune.{flag}={kept}")));
    }
    args.extend(rpc(request));
    args.extend(p2p(request));
    args.extend(txpool(&settings.txpool, data_dir(request)));
    args.extend(rollup(request));
    args.extend(logging(request));
    if request.metrics {
        args.push(format!("--metrics=0.0.0.0:{METRICS_PORT}"));
    }
    Ok(with_extra_args(args, &request.extra_args))
}

fn rpc(request: &ClientRequest) -> Vec<String> {
    let networking = &request.settings.networking;
    let mut args = vec![
        "--authrpc.addr=127.0.0.1".into(),
        format!("--authrpc.port={}", networking.authrpc.port),
        format!("--authrpc.jwtsecret={}", request.jwt_path),
    ];
    let http = &networking.http;
    if http.enabled {
        let mut apis = http.apis.clone();
        if request.miner_api && !apis.iter().any(|api| api == "miner") {
            apis.push("miner".into());
        }
        args.extend([
            "--http".into(),
            format!("--http.addr={}", http.host),
            format!("--http.port={}", http.port),
            format!("--http.api={}", apis.join(",")),
        ]);
        if !http.cors.origins.is_empty() {
            args.push(format!("--http.corsdomain={}", http.cors.origins.join(",")));
        }
    }
    let ws = &networking.ws;
    if ws.enabled {
        args.extend([
            "--ws".into(),
            format!("--ws.addr={}", ws.host),
            format!("--ws.port={}", ws.port),
            format!("--ws.api={}", ws.apis.join(",")),
        ]);
        if !ws.origins.is_empty() {
            args.push(format!("--ws.origins={}", ws.origins.join(",")));
        }
    }
    args
}

fn p2p(request: &ClientRequest) -> Vec<String> {
    let p2p = &request.settings.networking.p2p;
    let mut args = vec![
        "--addr=0.0.0.0".into(),
        format!("--port={}", p2p.port),
        format!("--discovery.port={}", p2p.port),
        format!("--max-peers={}", p2p.max_peers),
        format!("--p2p-secret-key={}", request.node_key),
        // Nothing in a cluster answers UPnP, and asking the internet for the own address tells nothing of use.
        "--nat=none".into(),
    ];
    if p2p.no_discovery == Some(true) {
        args.push("--disable-discovery".into());
    }
    let siblings = (!request.siblings.is_empty()).then(|| format!("$({SIBLINGS})"));
    let trusted: Vec<_> = p2p.static_peers.iter().chain(&request.peers).chain(&siblings).map(String::as_str).collect();
    if !trusted.is_empty() {
        args.push(format!("--trusted-peers={}", trusted.join(",")));
    }
    if !p2p.net_restrict.is_empty() {
        args.push(format!("--netrestrict={}", p2p.net_restrict));
    }
    args
}

fn txpool(pool: &TxPool, data_dir: &str) -> Vec<String> {
    let mut args = vec![
        format!("--txpool.lifetime={}", pool.lifetime.as_secs()),
        format!("--txpool.pricebump={}", pool.price_bump),
        format!("--txpool.max-account-slots={}", pool.account_slots),
        format!("--txpool.pending-max-count={}", pool.global_slots),
        format!("--txpool.queued-max-count={}", pool.global_queue),
    ];
    if pool.journal.is_empty() {
        args.push("--txpool.disable-transactions-backup".into());
    } else {
        args.push(format!("--txpool.transactions-backup={data_dir}/{}", pool.journal));
    }
    args.extend(pool.locals.iter().map(|account| format!("--txpool.locals={account}")));
    if pool.no_locals {
        args.push("--txpool.nolocals".into());
    }
    args
}

fn rollup(request: &ClientRequest) -> Vec<String> {
    let rollup = &request.settings.rollup;
    let mut args = vec![];
    if let Some(url) = &request.sequencer_http {
        args.push(format!("--rollup.sequencer={url}"));
    }
    if rollup.disable_tx_pool_gossip {
        args.push("--rollup.disable-tx-pool-gossip".into());
    }
    if rollup.compute_pending_block {
        args.push("--rollup.compute-pending-block".into());
    }
    if request.sequencer {
        // The defaults are made for Ethereum's blocks of twelve seconds.
        args.extend(["--builder.interval=100ms".into(), "--builder.deadline=2".into()]);
    }
    args
}

fn logging(request: &ClientRequest) -> Vec<String> {
    let verbosity = match request.logging.level {
        LogLevel::Error => "-v",
        LogLevel::Warn => "-vv",
        LogLevel::Info => "-vvv",
        LogLevel::Debug => "-vvvv",
        LogLevel::Trace => "-vvvvv",
    };
    let format = match request.logging.format {
        LogFormat::Logfmt => "log-fmt",
        LogFormat::Json => "json",
    };
    let color = if request.logging.color { "always" } else { "never" };
    vec![
        verbosity.into(),
        format!("--log.stdout.format={format}"),
        format!("--color={color}"),
        // Files would be outside of the volumes.
        "--log.file.max-files=0".into(),
    ]
}

/// Settings without a counterpart, where they differ from their defaults.
pub fn unsupported(request: &ClientRequest) -> Vec<Unsupported> {
    let settings = &request.settings;
    let (networking, pool) = (&settings.networking, &settings.txpool);
    let mut lacks = vec![];
    let mut lack = |path: &str, changed: bool, reason: &str| {
        if changed {
            lacks.push(Unsupported { path: path.into(), reason: reason.into() });
        }
    };
    lack(
        "syncMode",
        settings.sync_mode != SyncMode::default(),
        "op-reth has no such choice: it executes every block, as full says",
    );
    lack("stateScheme", settings.state_scheme != StateScheme::default(), "op-reth has one layout of its own");
    lack("dbEngine", settings.db_engine != DbEngine::default(), "op-reth has databases of its own (MDBX, RocksDB)");
    lack(
        "networking.authrpc.apis",
        networking.authrpc.apis != AuthRpc::default().apis,
        "op-reth has the namespaces of the engine API built in",
    );
    lack("networking.http.cors.methods", networking.http.cors.methods_differ(), "op-reth has GET and POST built in");
    lack("txpool.journalRemotes", pool.journal_remotes, "op-reth keeps local transactions only");
    lack(
        "txpool.accountQueue",
        pool.account_queue != TxPool::default().account_queue,
        "op-reth has no limit for one account's waiting transactions; txpool.accountSlots counts them too",
    );
    lacks
}

/// Whether the chain comes from a file.
pub fn has_file(request: &ClientRequest) -> bool {
    matches!(request.genesis, Genesis::File(_))
}
