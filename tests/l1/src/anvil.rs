//! anvil, for the life of a test.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use anyhow::{Context as _, Result};

use crate::Rpc;

/// A running chain. It ends with this value.
#[derive(Debug)]
pub struct Anvil {
    child: Child,
    rpc: Rpc,
}

impl Anvil {
    /// Starts a chain with this id on a free port of the loopback.
    pub fn start(program: &Path, chain_id: u64) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(["--host", "127.0.0.1", "--port", "0", "--chain-id", &chain_id.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = go_build::spawn(command).context("failed to start anvil")?;
        let stdout = child.stdout.take().context("the output of anvil is not a pipe")?;
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let address = lines.find_map(|line| line.strip_prefix("Listening on ").map(str::to_owned));
        // Its log would fill the pipe.
        thread::spawn(move || lines.for_each(drop));
        let anvil = Self { child, rpc: Rpc::new(&format!("http://{}", address.unwrap_or_default())) };
        anvil.rpc.call("eth_chainId", "[]").context("anvil ended, or does not answer")?;
        Ok(anvil)
    }

    /// Where it answers.
    pub fn rpc(&self) -> &Rpc {
        &self.rpc
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
