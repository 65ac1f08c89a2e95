//! The plugin of the execution client op-geth (`spec.executionClient.name: geth`).
//!
//! Support of op-geth ended upstream on 2026-05-31; it follows chains up to Jovian. op-reth is the client for new nodes.

pub mod args;
pub mod owned;
pub mod pod;

use opstack_sdk::ExecutionClient;
use opstack_sdk::answer::Failure;
use opstack_sdk::execution::{ClientFragment, ClientRequest};

/// op-geth.
pub struct Geth;

opstack_sdk::register_execution_client!(Geth);

impl ExecutionClient for Geth {
    const NAME: &'static str = "geth";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const DATA_FORMAT: &'static str = "geth";

    fn render(request: &ClientRequest) -> Result<ClientFragment, Failure> {
        owned::settings().check_client_args(&request.extra_args)?;
        Ok(pod::fragment(request))
    }
}
