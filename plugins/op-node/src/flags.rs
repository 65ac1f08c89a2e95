//! What op-node and op-conductor take, by release.

use opstack_sdk::opstack::flags::Flags;

/// op-node's flags.
pub const OP_NODE: Flags = Flags { program: "op-node", table: include_str!("../flags/op-node.tsv") };

/// op-conductor's flags.
pub const OP_CONDUCTOR: Flags = Flags { program: "op-conductor", table: include_str!("../flags/op-conductor.tsv") };
