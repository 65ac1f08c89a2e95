//! What the types of games need (`op-challenger/flags/flags.go`, `op-challenger/game/types`, v1.19.6).

use opstack_sdk::opstack::component::Obstacle;
use opstack_sdk::opstack::status::Phase;
use opstack_sdk::values::Hash32;

use crate::spec::{Cannon, FaultProof, TraceType};

/// The types to play, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Games(Vec<TraceType>);

impl Games {
    /// Those of the spec.
    pub fn of(spec: &FaultProof) -> Self {
        let mut types = vec![spec.trace_type];
        for more in &spec.additional_trace_types {
            if !types.contains(more) {
                types.push(*more);
            }
        }
        Self(types)
    }

    /// For `--game-types`.
    pub fn names(&self) -> String {
        self.0.iter().map(|kind| name(*kind)).collect::<Vec<_>>().join(",")
    }

    fn any(&self, types: &[TraceType]) -> bool {
        self.0.iter().any(|kind| types.contains(kind))
    }

    /// Whether op-program has to run. Permissioned games never get to a step.
    pub fn need_op_program(&self) -> bool {
        self.any(&[TraceType::Cannon])
    }

    /// Whether kona has to run.
    pub fn need_kona(&self) -> bool {
        self.any(&[TraceType::CannonKona, TraceType::SuperCannonKona])
    }

    /// Whether the machine is configured at all: its path, and the chain's files.
    pub fn need_cannon(&self) -> bool {
        self.need_kona() || self.any(&[TraceType::Cannon, TraceType::Permissioned])
    }

    /// Whether an absolute prestate has to be had.
    pub fn need_prestate(&self) -> bool {
        self.need_op_program() || self.need_kona()
    }

    /// Whether some of them take moves of one account only.
    pub fn need_role(&self) -> bool {
        self.any(&[TraceType::Permissioned])
    }

    /// Whether output roots are compared.
    pub fn need_rollup_rpc(&self) -> bool {
        !self.0.iter().all(|kind| [TraceType::SuperCannonKona, TraceType::Zk].contains(kind))
    }

    /// Whether super roots are compared.
    pub fn need_super_roots(&self) -> bool {
        self.any(&[TraceType::SuperCannonKona, TraceType::Zk])
    }

    /// Whether the set of chains that depend on each other has to be known.
    pub fn need_depset(&self) -> bool {
        self.any(&[TraceType::SuperCannonKona])
    }
}

fn name(kind: TraceType) -> &'static str {
    match kind {
        TraceType::Cannon => "cannon",
        TraceType::Alphabet => "alphabet",
        TraceType::Permissioned => "permissioned",
        TraceType::CannonKona => "cannon-kona",
        TraceType::SuperCannonKona => "super-cannon-kona",
        TraceType::Zk => "zk",
        TraceType::Fast => "fast",
    }
}

/// What `spec.faultProof.cannon.prestate` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prestate<'a> {
    /// Nothing.
    Absent,
    /// The path of a file.
    Path(&'a str),
    /// A hash; the file is under the URL of prestates.
    Hash,
    /// Neither.
    Malformed(&'a str),
}

impl<'a> Prestate<'a> {
    /// Reads it.
    pub fn of(cannon: &'a Cannon) -> Self {
        match cannon.prestate.as_deref().filter(|text| !text.is_empty()) {
            None => Self::Absent,
            Some(path) if path.starts_with('/') => Self::Path(path),
            Some(text) if Hash32::parse(text).is_ok() => Self::Hash,
            Some(text) => Self::Malformed(text),
        }
    }
}

/// A game that gets to a step can't be played without the absolute prestate: the program refuses to start.
///
/// # Errors
/// When there is none.
pub fn check_prestate(games: &Games, cannon: &Cannon) -> Result<(), Obstacle> {
    let path = matches!(Prestate::of(cannon), Prestate::Path(_));
    if !games.need_prestate() || cannon.prestates_url.is_some() || path {
        return Ok(());
    }
    Err(Obstacle {
        phase: Phase::Error,
        reason: "PrestateMissing",
        message: format!(
            "games of the type {} need the absolute prestate: set spec.faultProof.cannon.prestatesUrl to where its file is, or spec.faultProof.cannon.prestate to the path of the file in the container",
            games.names()
        ),
    })
}
