//! What every program of the OP Stack takes alike, for its `op-service` does: how it logs, and where its metrics are.
//! Flags of `op-service/{log,metrics}/cli.go` (optimism v1.16.13, v1.19.6).

use super::shared::{Logging, Metrics};

impl Logging {
    /// Arguments of the program.
    pub fn args(&self) -> Vec<String> {
        let mut args =
            vec![format!("--log.level={}", self.level.as_str()), format!("--log.format={}", self.format.as_str())];
        if self.color {
            args.push("--log.color=true".into());
        }
        args
    }
}

impl Metrics {
    /// Arguments of a program that serves its metrics on a port; none where they are off. The path needs no flag: the server
    /// answers on every one.
    pub fn args(&self, port: u16) -> Vec<String> {
        if !self.enabled {
            return vec![];
        }
        vec!["--metrics.enabled=true".into(), format!("--metrics.addr={}", self.host), format!("--metrics.port={port}")]
    }
}
