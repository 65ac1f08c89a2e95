//! The tenant of one namespace attacks: another one's objects, statuses and endpoints stay as they are, its programs are asked as
//! before, and its life goes on.
//!
//! One control plane and one operator serve all attacks, which stay in place: what one of them does late is felt at the end.
//! `OPSTACK_ATTACK=name` runs the attack of that name alone.

mod behaviors;
mod life;

use std::{env, time::Instant};

use adversary::{
    attack,
    stage::{Peace, Stage},
};

/// What the operator may grow by for some dozens of objects.
const MEMORY: u64 = 64;

#[test]
fn no_attack_of_a_tenant_is_felt_by_another() {
    let Some(stage) = Stage::start() else { return };
    let mut peace = stage.peace();
    let facts = stage.facts(&peace);
    let begun = Instant::now();
    let mut failures = Vec::new();
    let mut count = 0;
    for attack in attack::all(&facts) {
        count += one(&attack.name, &stage, &mut peace, &mut failures, || stage.run(&attack));
    }
    for (name, act) in behaviors::ALL {
        count += one(name, &stage, &mut peace, &mut failures, || act(&stage));
    }
    failures.extend(stage.watch(&peace).into_iter().map(|felt| format!("all of them after a while: {felt}")));
    failures.extend(stage.neglected(&peace, begun));
    let grown = stage.grown(&peace);
    if grown > MEMORY {
        failures.push(format!("the operator has grown by {grown} MiB"));
    }
    let asked = stage.closed.calls();
    if !asked.is_empty() || !stage.closed.paths().is_empty() {
        failures
            .push(format!("a server of the operator's own machine was asked: {:?} {asked:?}", stage.closed.paths()));
    }
    failures.extend(life::goes_on(&stage));
    println!("figure attacks_of_a_tenant {count}");
    assert!(failures.is_empty(), "{} failures of {count} attacks:\n{}", failures.len(), failures.join("\n"));
    assert!(count >= 40 || chosen().is_some(), "only {count} attacks");
}

fn chosen() -> Option<String> {
    env::var("OPSTACK_ATTACK").ok().filter(|name| !name.is_empty())
}

/// Runs an attack unless another one is chosen, and adds to the failures what went wrong; gives how many were run.
fn one(
    name: &str,
    stage: &Stage,
    peace: &mut Peace,
    failures: &mut Vec<String>,
    act: impl FnOnce() -> Result<(), String>,
) -> usize {
    if chosen().is_some_and(|chosen| chosen != name) {
        return 0;
    }
    let begun = Instant::now();
    let mut wrong: Vec<_> = act().err().into_iter().collect();
    let felt = stage.felt(peace);
    if !felt.is_empty() {
        // The next one is held against the victim as it is now.
        *peace = stage.rebased(peace.clone());
    }
    wrong.extend(felt.into_iter().map(|felt| format!("the victim feels it: {felt}")));
    println!("B: {name}: {} in {:?}", if wrong.is_empty() { "nothing is felt" } else { "WRONG" }, begun.elapsed());
    failures.extend(wrong.into_iter().map(|what| format!("{name}: {what}")));
    1
}
