//! The plugin of the execution client op-reth (`spec.executionClient.name: reth`), the default.

pub mod args;
pub mod chains;
pub mod owned;
pub mod pod;

use opstack_sdk::ExecutionClient;
use opstack_sdk::answer::Failure;
use opstack_sdk::execution::{ClientFragment, ClientRequest};

/// op-reth.
pub struct Reth;

opstack_sdk::register_execution_client!(Reth);

impl ExecutionClient for Reth {
    const NAME: &'static str = "reth";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const DATA_FORMAT: &'static str = "reth";

    fn render(request: &ClientRequest) -> Result<ClientFragment, Failure> {
        owned::settings().check_client_args(&request.extra_args)?;
        pod::fragment(request)
    }
}
