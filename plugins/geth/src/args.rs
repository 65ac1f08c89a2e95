//! Arguments of op-geth v1.101702.3: `cmd/utils/flags.go`, `internal/debug/flags.go`.

use opstack_sdk::execution::{ClientRequest, Genesis, Unsupported};
use opstack_sdk::opstack::execution::{AuthRpc, GcMode, StateScheme, SyncMode, TxPool};
use opstack_sdk::opstack::overrides::with_extra_args;
use opstack_sdk::opstack::shared::{LogFormat, LogLevel};

/// Port of the metrics; the path is `/debug/metrics/prometheus`.
pub const METRICS_PORT: u16 = 6060;
/// Name of the configuration file.
pub const CONFIG: &str = "config.toml";

/// Directory of the chain's data.
pub fn data_dir(request: &ClientRequest) -> &str {
    request.settings.data_dir.as_deref().unwrap_or("/data/geth")
}

/// Arguments that `geth init` and `geth` must agree on.
pub fn data(request: &ClientRequest) -> Vec<String> {
    let settings = &request.settings;
    vec![
        format!("--datadir={}", data_dir(request)),
        format!("--state.scheme={}", settings.state_scheme.as_str()),
        format!("--db.engine={}", settings.db_engine.as_str()),
    ]
}

/// All arguments.
pub fn args(request: &ClientRequest) -> Vec<String> {
    let settings = &request.settings;
    let mut args = data(request);
    if let Genesis::Network(name) = &request.genesis {
        args.push(format!("--op-network={name}"));
    }
    if has_config(request) {
        args.push(format!("--config={}/{CONFIG}", request.mounts.files.path));
    }
    args.extend([
        format!("--syncmode={}", sync_mode(request).as_str()),
        format!("--gcmode={}", settings.gc_mode.as_str()),
        format!("--cache={}", settings.cache),
        // Its socket would be in the data directory, for nobody.
        "--ipcdisable".into(),
    ]);
    if settings.gc_mode == GcMode::Archive && settings.state_scheme == StateScheme::Path {
        // By path, the default keeps 90,000 blocks of history in either mode; 0 is all of it.
        args.push("--history.state=0".into());
    }
    args.extend(rpc(request));
    args.extend(p2p(request));
    args.extend(txpool(&settings.txpool));
    args.extend(rollup(request));
    args.extend(logging(request));
    if request.metrics {
        args.extend(["--metrics".into(), "--metrics.addr=0.0.0.0".into(), format!("--metrics.port={METRICS_PORT}")]);
    }
    with_extra_args(args, &request.extra_args)
}

/// On an empty database op-geth in the mode snap takes no block that is handed to it, and stays where it is
/// (`eth/catalyst/api.go`, op-geth v1.101702.3).
fn sync_mode(request: &ClientRequest) -> SyncMode {
    if request.block_by_block { SyncMode::Full } else { request.settings.sync_mode }
}

/// The virtual hosts are `*`: a Service is called by its name, which geth's default refuses with 403.
fn rpc(request: &ClientRequest) -> Vec<String> {
    let networking = &request.settings.networking;
    let mut args = vec![
        "--authrpc.addr=127.0.0.1".into(),
        format!("--authrpc.port={}", networking.authrpc.port),
        "--authrpc.vhosts=*".into(),
        format!("--authrpc.jwtsecret={}", request.jwt_path),
    ];
    let http = &networking.http;
    if http.enabled {
        args.extend([
            "--http".into(),
            format!("--http.addr={}", http.host),
            format!("--http.port={}", http.port),
            "--http.vhosts=*".into(),
            format!("--http.api={}", http_apis(request).join(",")),
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

fn http_apis(request: &ClientRequest) -> Vec<String> {
    let mut apis = request.settings.networking.http.apis.clone();
    if request.miner_api && !apis.iter().any(|api| api == "miner") {
        apis.push("miner".into());
    }
    apis
}

fn p2p(request: &ClientRequest) -> Vec<String> {
    let p2p = &request.settings.networking.p2p;
    let mut args = vec![
        format!("--port={}", p2p.port),
        format!("--maxpeers={}", p2p.max_peers),
        format!("--nodekey={}", request.node_key),
        // Nothing in a cluster answers UPnP.
        "--nat=none".into(),
    ];
    if p2p.no_discovery == Some(true) {
        args.push("--nodiscover".into());
    }
    if matches!(request.genesis, Genesis::File(_)) {
        // The built-in ones are those of Ethereum.
        args.push("--bootnodes=".into());
    }
    if !p2p.net_restrict.is_empty() {
        args.push(format!("--netrestrict={}", p2p.net_restrict));
    }
    args
}

fn txpool(pool: &TxPool) -> Vec<String> {
    let mut args = vec![
        format!("--txpool.journal={}", pool.journal),
        format!("--txpool.lifetime={}", pool.lifetime),
        format!("--txpool.pricebump={}", pool.price_bump),
        format!("--txpool.accountslots={}", pool.account_slots),
        format!("--txpool.globalslots={}", pool.global_slots),
        format!("--txpool.accountqueue={}", pool.account_queue),
        format!("--txpool.globalqueue={}", pool.global_queue),
    ];
    if !pool.locals.is_empty() {
        let locals: Vec<_> = pool.locals.iter().map(ToString::to_string).collect();
        args.push(format!("--txpool.locals={}", locals.join(",")));
    }
    if pool.no_locals {
        args.push("--txpool.nolocals".into());
    }
    if pool.journal_remotes {
        args.push("--txpool.journalremotes".into());
    }
    args
}

fn rollup(request: &ClientRequest) -> Vec<String> {
    let rollup = &request.settings.rollup;
    let mut args = vec![];
    if let Some(url) = &request.sequencer_http {
        args.push(format!("--rollup.sequencerhttp={url}"));
    }
    if rollup.disable_tx_pool_gossip {
        args.push("--rollup.disabletxpoolgossip=true".into());
    }
    if rollup.compute_pending_block {
        args.push("--rollup.computependingblock=true".into());
    }
    args
}

fn logging(request: &ClientRequest) -> Vec<String> {
    let verbosity = match request.logging.level {
        LogLevel::Error => 1,
        LogLevel::Warn => 2,
        LogLevel::Info => 3,
        LogLevel::Debug => 4,
        LogLevel::Trace => 5,
    };
    let format = match request.logging.format {
        LogFormat::Logfmt => "logfmt",
        LogFormat::Json => "json",
    };
    vec![format!("--verbosity={verbosity}"), format!("--log.format={format}")]
}

/// Whether there is anything that only the configuration file can say.
pub fn has_config(request: &ClientRequest) -> bool {
    lasting(request).chain(&request.siblings).next().is_some()
}

/// Peers whose change must reach a client that runs.
fn lasting(request: &ClientRequest) -> impl Iterator<Item = &String> {
    request.settings.networking.p2p.static_peers.iter().chain(&request.peers)
}

/// What of the configuration file the client must be restarted for.
pub fn restart_on(request: &ClientRequest) -> String {
    static_nodes(lasting(request))
}

/// Static peers have no flag.
pub fn config(request: &ClientRequest) -> String {
    static_nodes(lasting(request).chain(&request.siblings))
}

fn static_nodes<'a>(nodes: impl Iterator<Item = &'a String>) -> String {
    // enode URLs hold nothing that TOML would want escaped.
    let nodes: Vec<_> = nodes.map(|node| format!("  \"{node}\",\n")).collect();
    format!("[Node.P2P]\nStaticNodes = [\n{}]\n", nodes.concat())
}

/// Settings without a counterpart.
pub fn unsupported(request: &ClientRequest) -> Vec<Unsupported> {
    let networking = &request.settings.networking;
    let mut lacks = vec![];
    let mut lack = |path: &str, changed: bool, reason: &str| {
        if changed {
            lacks.push(Unsupported { path: path.into(), reason: reason.into() });
        }
    };
    lack(
        "networking.authrpc.apis",
        networking.authrpc.apis != AuthRpc::default().apis,
        "op-geth has the namespaces of the engine API built in",
    );
    lack("networking.http.cors.methods", networking.http.cors.methods_differ(), "op-geth has GET and POST built in");
    lacks
}
