//! `spec.sequencer` and `status.sequencing` of an `OptimismNetwork`: who makes the blocks, and who decides it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::GoDuration;

/// The sequencers of a network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SequencerSpec {
    /// Which of several sequencers makes the blocks.
    pub ha: HighAvailability,
}

/// Which of several sequencers makes the blocks. `checkInterval` is for the modes `Operator` and `Conductor`, the rest for
/// `Operator`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HighAvailability {
    /// Who decides.
    pub mode: HaMode,
    /// How long the head may stand still, or the active sequencer be silent, before another one is to take over; at least
    /// `checkInterval`.
    pub max_block_time: GoDuration,
    /// How often each sequencer is asked; at least 1s.
    pub check_interval: GoDuration,
    /// Whether the chain may go on although blocks may be lost that the last sequencer has made and no other one has.
    pub allow_unsafe_head_loss: bool,
}

impl Default for HighAvailability {
    fn default() -> Self {
        Self {
            mode: HaMode::Manual,
            max_block_time: GoDuration::of_minutes(5),
            check_interval: GoDuration::of_secs(5),
            allow_unsafe_head_loss: false,
        }
    }
}

/// Who decides which sequencer makes the blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum HaMode {
    /// The oldest sequencer makes blocks as soon as it runs, later ones stand by, and only a person changes that.
    #[default]
    Manual,
    /// The operator: all sequencers boot stopped, and it starts one at a time.
    Operator,
    /// op-conductor, by the vote of its members, one beside each sequencer: all sequencers boot stopped. The operator forms the
    /// cluster, for which it starts the first sequencer once; after that it starts and stops none.
    Conductor,
}

/// What the operator knows of the sequencers of a network, and what it is about to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SequencingStatus {
    /// How far the operator is.
    pub stage: SequencingStage,
    /// Counts what the operator began.
    pub epoch: u64,
    /// The sequencer that makes the blocks (`namespace/name`); absent while none is known to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<String>,
    /// The one that did so last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// The one that is being started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidate: Option<String>,
    /// The one whose start came to nothing last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Hash of the block at which the last one was stopped, and from which the next one has to go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<String>,
    /// Hash of the block from which the candidate is being started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starting_from: Option<String>,
    /// Since when the stage is as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub since: Option<String>,
    /// The highest block that any sequencer has ever told, and what the next one must not fall behind. Written every 15 s at
    /// most while blocks come, and at once when the active sequencer falls silent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<SeenBlock>,
    /// Since when the active sequencer shows no new block, or doesn't answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub still: Option<StandingStill>,
    /// Sequencers that are known to make no blocks: they said so, or their pod has ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub standbys: Vec<String>,
    /// Pods of sequencers that may make blocks: each was started, or said that it does, and nothing proves since then that
    /// it has ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub processes: Vec<SequencerProcess>,
    /// Present while a person's word is waited for: the annotation `optimism.io/approve-promotion` with the value
    /// `<uid of this object>/<approvalNonce>` vouches that the pods named in the condition `SequencerActive` make no blocks. Each
    /// counts once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval_nonce: Option<String>,
    /// Sequencers that are taken for stopped on a person's word alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub approved: Vec<String>,
    /// What the last change of the sequencer may have lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<String>,
    /// op-conductor's cluster, where that decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conductor: Option<ConductorStatus>,
}

/// A pod of a sequencer that may make blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SequencerProcess {
    /// The sequencer (`namespace/name`).
    pub sequencer: String,
    /// The pod's `metadata.uid`: another pod of the same name is another process.
    #[serde(rename = "podUID")]
    pub pod_uid: String,
    /// Name of the Node on which it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// `status.nodeInfo.systemUUID` of that Node.
    #[serde(rename = "systemUUID", skip_serializing_if = "Option::is_none")]
    pub system_uuid: Option<String>,
    /// `status.nodeInfo.bootID` of that Node: with another one the machine was started again, and nothing of before runs.
    #[serde(rename = "bootID", skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
    /// How often its container was restarted by then.
    pub restarts: u32,
    /// Since when it says that it makes no blocks. It is forgotten when another one was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub denied: Option<String>,
}

/// What the operator knows of op-conductor's cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ConductorStatus {
    /// The sequencer (`namespace/name`) whose op-conductor begins the cluster; absent where the cluster was there before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub founder: Option<String>,
    /// Whether the cluster is there, with all sequencers of that time as members. From then on it decides, and no op-conductor
    /// begins another one, not even on an empty volume.
    pub formed: bool,
    /// The members, by the word of the one that leads: the sequencers (`namespace/name`), or ids that are no sequencer's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
}

/// How far the operator is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SequencingStage {
    /// No sequencer is known to make blocks.
    #[default]
    Vacant,
    /// One is being started.
    Starting,
    /// One makes blocks.
    Running,
    /// The one that makes blocks is being stopped.
    Stopping,
}

/// A block, and when it was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SeenBlock {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: String,
    /// When it was seen.
    #[schemars(extend("format" = "date-time"))]
    pub seen: String,
}

/// A block at which the chain stands still.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct StandingStill {
    /// Its number; 0 where it isn't known.
    pub number: u64,
    /// Since when.
    #[schemars(extend("format" = "date-time"))]
    pub since: String,
}
