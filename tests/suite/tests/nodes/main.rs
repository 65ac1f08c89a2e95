//! "Status that was measured": networks, nodes and components with doubles behind them that answer as the real programs did,
//! or badly. The pods are made by the controllers of Kubernetes; that they run is reported as a kubelet would.
//!
//! All tests share one control plane and one operator, and each has a namespace and doubles of its own. Endpoints are asked
//! every 15 s, so most of the time is spent waiting for the next question.

mod aged;
mod conditions;
mod failover;
mod faults;
mod limits;
mod measured;
mod pace;
mod page;
mod rivals;
mod rollout;
mod scale;

use suite::{chain, pair, world};
