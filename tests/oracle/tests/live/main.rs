//! Whole pods of a sequencer, op-node and op-geth, as they are rendered: made, started, stopped and started again, on a chain of
//! their own above an L1 that makes blocks.

mod chain;
mod engine;
mod init;
mod l1;

use op_programs::Release;
use oracle::{Live, Running, Verdict, network};
use serde_json::{Value, json};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

const SANDBOX: &str = env!("CARGO_BIN_EXE_sandbox");
/// Ports of op-geth's RPC and of op-node's, as they are by default.
const GETH: u16 = 8545;
const NODE: u16 = 9545;

/// Enters a network of the test's own; says so where that is not allowed.
fn entered() -> bool {
    match network::enter() {
        Ok(()) => true,
        Err(why) => {
            println!("skipped: {why:#}");
            false
        }
    }
}

/// A sequencer's pod of which nothing runs yet.
fn pod(release: Release) -> Live {
    Live::new(chain::pod(), Path::new(SANDBOX), release).unwrap()
}

/// Asks until there is an answer; what is said instead, and what a program wrote, is told when there is none.
fn until<T>(what: &str, program: Option<&Running>, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let begun = Instant::now();
    loop {
        let seen = match ask() {
            Ok(answer) => return answer,
            Err(seen) => seen,
        };
        if begun.elapsed() > Duration::from_secs(90) {
            panic!("in vain: {what}: {seen}\n{}", program.map(Running::output).unwrap_or_default());
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// A block of op-geth, as soon as it answers.
fn block(number: &str, geth: &Running) -> Value {
    let params = json!([number, false]);
    until("op-geth to answer", Some(geth), || match network::call(GETH, "eth_getBlockByNumber", &params) {
        Ok(Value::Null) => Err(format!("there is no block {number}")),
        answer => answer.map_err(|error| format!("{error:#}")),
    })
}

/// What a program that did as it should has written.
fn output(verdict: Verdict) -> String {
    match verdict {
        Verdict::Taken(output) => output,
        other => panic!("{other:?}"),
    }
}
