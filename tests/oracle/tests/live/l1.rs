//! An L1 with a block a second, as far as a sequencer without batches looks at it.

use op_programs::OpPrograms;
use oracle::task::{Bound, Proof, Task};
use oracle::{Running, Sandbox, network};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;
use tempfile::TempDir;

use crate::{SANDBOX, until};

/// Where the sequencer's network says that it is.
const EXECUTION: u16 = 9001;
const BEACON: u16 = 9002;

/// The SystemConfig of the rollup configuration, and its slot of the address that signs blocks
/// (`keccak256("systemconfig.unsafeblocksigner") - 1`). op-node wants a proof of it.
const SYSTEM_CONFIG: &str = "0x2222222222222222222222222222222222222222";
const UNSAFE_BLOCK_SIGNER: &str = "0x65a7ed542fb37fe237fdfbdd70b31598523fe5b32879e307bae27a0bd9581c08";

/// It ends when this is dropped.
pub struct L1 {
    /// The hash of its first block.
    pub genesis: Value,
    _anvil: Running,
    _home: TempDir,
}

impl L1 {
    /// Starts it in the network of this thread; its first block is of a time, in seconds.
    pub fn start(time: u64) -> Self {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| {
            let path = home.path().join(name);
            fs::create_dir(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
            path
        };
        let (port, time) = (format!("--port={EXECUTION}"), format!("--timestamp={time}"));
        let command = ["anvil", "--chain-id=1", "--block-time=1", &port, &time];
        let anvil = Sandbox::new(Path::new(SANDBOX)).start(&Task {
            root: at("root"),
            programs: vec![("anvil".into(), OpPrograms::find().unwrap().anvil().into())],
            command: command.map(Into::into).to_vec(),
            environment: vec![("HOME".into(), "/tmp".into())],
            bound: vec![Bound { path: "/tmp".into(), host: at("tmp"), read_only: false }],
            helpers: vec![],
            user: (1000, 1000),
            hosts: vec![],
            listeners: vec![],
            proof: Proof::Stops,
            shares_network: true,
        });
        let anvil = anvil.unwrap();
        beacon();
        let ask = |method: &str, params: Value| {
            until("the L1 to answer", Some(&anvil), || {
                network::call(EXECUTION, method, &params).map_err(|error| format!("{error:#}"))
            })
        };
        let genesis = ask("eth_getBlockByNumber", json!(["0x0", false]))["hash"].clone();
        ask("anvil_setCode", json!([SYSTEM_CONFIG, "0x00"]));
        ask("anvil_setStorageAt", json!([SYSTEM_CONFIG, UNSAFE_BLOCK_SIGNER, format!("0x{:0>64}", "f0")]));
        Self { genesis, _anvil: anvil, _home: home }
    }
}

/// The consensus layer: it has no blobs, and gives the same answer to all that is asked at a start.
fn beacon() {
    let listener = TcpListener::bind(("127.0.0.1", BEACON)).unwrap();
    let body = json!({"data": {"version": "none", "genesis_time": "0", "SECONDS_PER_SLOT": "1"}}).to_string();
    let answer = move |mut stream: TcpStream| {
        let request = BufReader::new(stream.try_clone()?).lines();
        // The head; a GET has no body.
        request.take_while(|line| line.as_ref().is_ok_and(|line| !line.is_empty())).for_each(drop);
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
        write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    // Who does not wait for the answer does not want it.
    thread::spawn(move || listener.incoming().for_each(|stream| _ = stream.and_then(&answer)));
}
