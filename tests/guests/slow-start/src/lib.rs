//! A guest that never says what it is.

use opstack_sdk::schemars::{self, JsonSchema};
use opstack_sdk::serde::{self, Deserialize, Serialize};
use opstack_sdk::{Answer, Context, Failure, Manifest, Object, Workload};

/// The plugin.
pub struct SlowStart;

opstack_sdk::register_workload!(SlowStart);

/// Nothing.
#[derive(Deserialize, JsonSchema)]
#[serde(crate = "self::serde")]
#[schemars(crate = "self::schemars")]
pub struct Spec {}

/// Nothing.
#[derive(Serialize, JsonSchema)]
#[serde(crate = "self::serde")]
#[schemars(crate = "self::schemars")]
pub struct Status {}

impl Workload for SlowStart {
    type Spec = Spec;
    type Status = Status;

    fn manifest() -> Manifest {
        loop {
            std::hint::black_box(());
        }
    }

    fn reconcile(_: &Context<'_>, _: &Object<Spec>) -> Result<Answer<Status>, Failure> {
        Ok(Answer::new(Status {}))
    }
}
