//! The tenant of one namespace attacks: another one's objects, statuses and endpoints stay as they are, its programs are asked as
//! before, and its life goes on.
//!
//! One control plane and one operator serve all attacks, which stay in place: what one of them does late is felt at the end.
//! `OPSTACK_ATTACK=name` runs the attack of that name alone.

mod behaviors;
mod life;
mod load;

use std::{env, time::Instant};

use adversary::{attack, stage::Stage};

/// So many attacks of objects alone are made at once: they don't hide each other, and what is felt names objects.
const WAVE: usize = 10;
/// By so many mebibytes the operator may grow for some dozens of objects.
const MEMORY: u64 = 64;

#[test]
fn no_attack_of_a_tenant_is_felt_by_another() {
    let Some(stage) = Stage::start() else { return };
    let mut peace = stage.peace();
    let mut attacks = attack::all(&stage.facts(&peace));
    attacks.retain(|attack| is_chosen(&attack.name));
    let behaviors: Vec<_> = behaviors::ALL.iter().filter(|(name, _)| is_chosen(name)).collect();
    let count = attacks.len() + behaviors.len();
    let begun = Instant::now();
    let mut failures = Vec::new();
    for wave in attacks.chunks(WAVE) {
        failures.extend(stage.run(wave));
        let names: Vec<_> = wave.iter().map(|attack| attack.name.as_str()).collect();
        failures.extend(stage.felt(&mut peace).into_iter().map(|felt| format!("one of {names:?} is felt: {felt}")));
        println!("B: {names:?}, {:?} after the beginning", begun.elapsed());
    }
    for (name, act) in behaviors {
        failures.extend(act(&stage).err().map(|error| format!("{name}: {error}")));
        failures.extend(stage.felt(&mut peace).into_iter().map(|felt| format!("{name} is felt: {felt}")));
        println!("B: {name}, {:?} after the beginning", begun.elapsed());
    }
    let grown = stage.grown(&peace);
    if grown > MEMORY {
        failures.push(format!("the operator has grown by {grown} MiB for {count} attacks"));
    }
    if is_chosen("load") {
        failures.extend(load::is_borne(&stage, &mut peace));
    } else {
        failures.extend(stage.watch(&mut peace));
    }
    failures.extend(stage.neglected(&peace, begun));
    failures.extend(stage.trespassed());
    failures.extend(life::goes_on(&stage));
    println!("figure attacks_of_a_tenant {count}, in {:?}", begun.elapsed());
    assert!(failures.is_empty(), "{} failures of {count} attacks:\n{}", failures.len(), failures.join("\n"));
    assert!(count >= 40 || chosen().is_some(), "only {count} attacks");
}

fn chosen() -> Option<String> {
    env::var("OPSTACK_ATTACK").ok().filter(|name| !name.is_empty())
}

fn is_chosen(name: &str) -> bool {
    chosen().is_none_or(|chosen| chosen == name)
}
