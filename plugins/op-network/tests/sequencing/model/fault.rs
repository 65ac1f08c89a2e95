//! What can go wrong in the model, and the rules that can be turned off.

/// What can go wrong next. Sequencers are meant by number; what is said of a pod is of the present one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The operator can't reach it, or can again; it goes on.
    Cut(usize),
    /// Other sequencers can't reach it, or can again.
    Isolated(usize),
    /// It makes no blocks although it is active, or does again.
    Stalled(usize),
    /// It loses sight of L1, or sees it again.
    BehindL1(usize),
    /// It answers nothing and makes nothing, or does again.
    Hangs(usize),
    /// Its container ends, and another one comes after so many seconds, so many blocks lower.
    Restarts(usize, u64, u64),
    /// Its pod is deleted, ends and says so, and another one comes after so many seconds.
    Deleted(usize, u64),
    /// Its pod's object is deleted and nobody knows what became of the process; another pod comes after so many seconds.
    Forced(usize, u64),
    /// Its machine is cut off from everybody; what runs there goes on, unseen.
    MachineLost(usize),
    /// A machine is there again; its kubelet ends what has no pod any more.
    MachineBack(usize),
    /// A machine starts again: nothing of before runs.
    Reboot(usize),
    /// Another machine gets the name of a lost one.
    Namesake(usize),
    /// A person switches a lost machine off and says so.
    OutOfService(usize),
    /// A person makes sure of what is asked, and vouches for it.
    Approve,
    /// The network's object is deleted and made again with the same annotations.
    MadeAgain,
    /// The next call is done, and its answer lost.
    AnswerLost,
    /// The next call arrives so many seconds late, and its answer is lost.
    Late(u64),
    /// The operator stands still between the check and the next call, for so many seconds.
    Paused(u64),
    /// The next call is refused.
    Refused,
    /// The operator forgets all that is not written down.
    Crash,
    /// The other operator takes over.
    Failover,
    /// Both operators take themselves for the leader for so many seconds.
    TwoLeaders(u64),
    /// What an operator's watches told stays as it is for so many seconds.
    OldPicture(usize, u64),
    /// The next decision can't be written down.
    NotWritten,
    /// The next status arrives so many seconds late, after its sender has lost the Lease.
    LateStatus(u64),
}

/// Rules of which each can be turned off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// A pod is known by its uid, not by its name.
    pub identity: bool,
    /// A pod that is gone has not ended by that.
    pub absence: bool,
    /// A machine is known by more than its name.
    pub systems: bool,
    /// The highest block that was ever told counts.
    pub heads: bool,
    /// A person's word names the uid of the network and a nonce.
    pub word: bool,
    /// An act rests on a fresh read.
    pub fresh: bool,
    /// A status is written over the version that it was decided from.
    pub versions: bool,
    /// After a pause the fence is asked again.
    pub fence: bool,
    /// Who has no consent isn't listed.
    pub consent: bool,
}

/// As it is.
pub const RULES: Rules = Rules {
    identity: true,
    absence: true,
    systems: true,
    heads: true,
    word: true,
    fresh: true,
    versions: true,
    fence: true,
    consent: true,
};
