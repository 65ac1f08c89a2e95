//! op-conductor: the programs beside the sequencers of a network that vote which of them makes the blocks.
//!
//! op-node's plugin runs it, the network's forms the cluster, and others dial the one that leads. Here is what both sides must
//! say alike: names, addresses, questions and answers (optimism v1.19.6, `op-conductor/rpc/api.go`).

use serde::Deserialize;
use serde_json::Value;

use super::observed::result;
use crate::answer::Observation;

/// Name of its RPC's port, in pods and Services.
pub const RPC_NAME: &str = "conductor-rpc";
/// Its RPC's port where the spec says nothing. op-node expects it there (`--conductor.rpc`).
pub const RPC_PORT: u16 = 8547;
/// Name of the port by which the members talk to each other.
pub const CONSENSUS_NAME: &str = "conductor-raft";
/// That port where the spec says nothing.
pub const CONSENSUS_PORT: u16 = 50_050;

/// What each is asked, in this order.
pub const QUESTIONS: [(&str, &str); 4] = [
    ("conductor_leader", "[]"),
    ("conductor_clusterMembership", "[]"),
    ("conductor_paused", "[]"),
    ("conductor_sequencerHealthy", "[]"),
];

/// By which name the op-conductor of a pod is a member: unique among all sequencers of a network, and in no two of its lives
/// that of two volumes. It is a directory's name, too.
pub fn member_id(namespace: &str, pod: &str) -> String {
    format!("{namespace}.{pod}")
}

/// What an op-conductor said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Milliseconds since 1970 at which it was measured.
    pub at: u64,
    /// Whether it leads. That its op-node makes blocks says less: one that was deposed may not know it yet.
    pub leads: bool,
    /// Ids of the members that it knows, itself included; none before it is in a cluster.
    pub members: Vec<String>,
    /// Whether it starts and stops nothing, for the time being.
    pub paused: bool,
    /// Whether it takes its op-node for healthy: by the age of the head and the number of peers.
    pub healthy: bool,
}

#[derive(Deserialize)]
struct Membership {
    /// `null` where there are none.
    servers: Option<Vec<Server>>,
}

#[derive(Deserialize)]
struct Server {
    id: String,
}

/// What an observation of [`QUESTIONS`] says.
///
/// # Errors
/// Why it says nothing.
pub fn read(seen: &Observation) -> Result<Said, String> {
    let answer: Value = match &seen.answer {
        Err(why) => return Err(why.clone()),
        Ok(_) if seen.stale => return Err("its last answer is old".into()),
        Ok(json) => serde_json::from_str(json).unwrap_or_default(),
    };
    let flag = |index: usize| {
        let value = result(&answer, index).map_err(|why| format!("{}: {why}", QUESTIONS[index].0))?;
        value.as_bool().ok_or_else(|| format!("{}: {value} is neither true nor false", QUESTIONS[index].0))
    };
    let members = result(&answer, 1).map_err(|why| format!("{}: {why}", QUESTIONS[1].0))?;
    let members = Membership::deserialize(members).map_err(|error| format!("{}: {error}", QUESTIONS[1].0))?;
    Ok(Said {
        at: seen.measured_at,
        leads: flag(0)?,
        members: members.servers.into_iter().flatten().map(|server| server.id).collect(),
        paused: flag(2)?,
        healthy: flag(3)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(answer: Result<&str, &str>) -> Observation {
        let answer = answer.map(Into::into).map_err(Into::into);
        Observation { probe: "op-conductor".into(), pod: "seq-0".into(), measured_at: 7, stale: false, answer }
    }

    #[test]
    fn a_member_tells_who_leads_and_whom_it_knows() {
        let answer = r#"[{"result":true},
            {"result":{"servers":[{"id":"a.seq-0","addr":"seq-0.a:50050","suffrage":0},{"id":"a.other-0","addr":"o:1","suffrage":1}],"version":3}},
            {"result":false},{"result":true}]"#;
        let members = vec!["a.seq-0".to_string(), "a.other-0".into()];
        assert_eq!(read(&seen(Ok(answer))), Ok(Said { at: 7, leads: true, members, paused: false, healthy: true }));
    }

    #[test]
    fn one_outside_of_a_cluster_knows_nobody() {
        let answer = r#"[{"result":false},{"result":{"servers":null,"version":0}},{"result":true},{"result":true}]"#;
        assert_eq!(read(&seen(Ok(answer))).map(|said| said.members), Ok(vec![]));
    }

    #[test]
    fn silence_has_a_reason() {
        assert_eq!(read(&seen(Err("refused"))), Err("refused".into()));
        let error = r#"[{"result":true},{"error":{"code":-1,"message":"shut down"}},{"result":true},{"result":true}]"#;
        assert_eq!(read(&seen(Ok(error))), Err("conductor_clusterMembership: shut down".into()));
        assert_eq!(read(&Observation { stale: true, ..seen(Ok("[]")) }), Err("its last answer is old".into()));
    }
}
