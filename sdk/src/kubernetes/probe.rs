//! Probes of containers and the timings that suit programs which hold a chain.

use k8s_openapi::api::core::v1::{ExecAction, HTTPGetAction, Probe, TCPSocketAction};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// GET on a port of the pod; 200 to 399 passes.
pub fn http_probe(path: &str, port: u16) -> Probe {
    let action = HTTPGetAction { path: Some(path.into()), port: IntOrString::Int(port.into()), ..Default::default() };
    Probe { http_get: Some(action), ..Default::default() }
}

/// A port of the pod accepts connections.
pub fn tcp_probe(port: u16) -> Probe {
    let action = TCPSocketAction { port: IntOrString::Int(port.into()), ..Default::default() };
    Probe { tcp_socket: Some(action), ..Default::default() }
}

/// A command in the container exits with 0.
pub fn exec_probe(command: impl IntoIterator<Item = impl Into<String>>) -> Probe {
    let command = command.into_iter().map(Into::into).collect();
    Probe { exec: Some(ExecAction { command: Some(command) }), ..Default::default() }
}

/// Asked every ten seconds for as long as `minutes` until it passes once; liveness waits for it.
pub fn startup(probe: Probe, minutes: i32) -> Probe {
    timed(probe, 10, minutes * 6)
}

/// A minute of silence restarts the container: a busy node must not be killed for being slow.
pub fn liveness(probe: Probe) -> Probe {
    timed(probe, 10, 6)
}

/// Two misses take the pod out of its Services.
pub fn readiness(probe: Probe) -> Probe {
    timed(probe, 5, 2)
}

fn timed(probe: Probe, period: i32, failures: i32) -> Probe {
    Probe { period_seconds: Some(period), failure_threshold: Some(failures), timeout_seconds: Some(5), ..probe }
}
