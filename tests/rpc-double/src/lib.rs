//! A JSON-RPC server for tests that misbehaves on request, and a clock that only tests move.
//!
//! [`Double`] stands for a node: it listens on the loopback, answers the methods it was taught, and spoils its answers
//! as told: late, never, half, wrong, too large, in another order. Whatever is spoilt, the work is done and recorded
//! first, so a test can tell "not asked" from "asked and not answered".
//!
//! ```
//! use rpc_double::{Double, Fault};
//! use serde_json::json;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let node = Double::start().await;
//! node.answer("eth_chainId", json!("0x1"));
//! node.on("admin_stopSequencer", |_params| Ok(json!("0xabc")));
//! node.spoil("admin_stopSequencer", Fault::Hang);
//! // ... something asks `node.url()` ...
//! assert_eq!(node.count("admin_stopSequencer"), 0);
//! # }
//! ```
//!
//! What a good node says need not be made up: [`Double::replay`] answers as a real program did, see [`Recording`].
//!
//! Nothing here sleeps. To wait for something use [`Double::until`] or [`bounded`], which fail in the end by the real
//! clock, even where [`Frozen`] has stopped tokio's.

mod clock;
mod connection;
mod double;
mod fault;
mod http;
mod recording;
mod state;

pub use clock::{Frozen, bounded};
pub use double::Double;
pub use fault::Fault;
pub use recording::Recording;
pub use state::{Call, RpcError, Seen};
