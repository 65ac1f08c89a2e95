//! The operator is killed at each of its calls in turn, just before the API server hears of it and just after it has done it.
//! Another one takes up the work, and ends where an operator ends that nobody kills.

use anyhow::{Context as _, Result, ensure};
use faults::{
    call::{Call, Class},
    lab::{Lab, Step},
    life::{Life, lines},
    proxy::{Fault, Moment},
    state,
};
use suite::{MINUTE, until};

#[test]
fn an_operator_that_is_killed_at_any_call_leaves_nothing_undone_and_nothing_double() -> Result<()> {
    let mut lab = Lab::start()?;
    let life = Life::undisturbed(&lab)?;
    let mut kills = 0;
    for (index, step) in Step::ALL.into_iter().enumerate() {
        for moment in [Moment::Before, Moment::After] {
            for call in 1..=life.calls[index] {
                killed_at(&mut lab, &life, index, moment, call)
                    .with_context(|| format!("{step:?}, killed {moment:?} call {call}"))?;
                kills += 1;
            }
        }
    }
    println!("calls of create, update and delete: {:?}; killed at {kills} points", life.calls);
    let left: Vec<_> = state::owned(&lab.site).into_iter().filter(|object| !object.starts_with("Secret ")).collect();
    ensure!(left.is_empty(), "left behind: {left:?}");
    Ok(())
}

/// One life of an object, in which the operator is killed at one call of one step.
fn killed_at(lab: &mut Lab, life: &Life, at: usize, moment: Moment, number: usize) -> Result<()> {
    let namespace = format!("step-{at}-{moment:?}-{number}").to_lowercase();
    let subject = lab.subject(&namespace);
    life.replay(&subject, 0..at);
    let killer = lab.killer();
    lab.proxy.rule(move |call| match call.class {
        Class::Work if call.number == number => Fault::Strike(moment, killer.clone()),
        _ => Fault::None,
    });
    subject.take(Step::ALL[at]);
    until(
        "the operator to be killed",
        MINUTE,
        || if lab.operator().is_running() { Err(String::new()) } else { Ok(()) },
    );
    let secrets = subject.secrets();
    lab.restart()?;
    let subject = lab.known(&namespace);
    subject.wait_for(&life.states[at]);
    let after = subject.secrets();
    let kept = secrets.iter().all(|(name, data)| after.get(name) == Some(data));
    ensure!(kept, "the values of a Secret changed");
    let more: Vec<_> = lab.proxy.calls(Class::Work).into_iter().filter(Call::is_write).collect();
    ensure!(more.len() <= life.calls[at], "too many writes to finish the step:\n{}", lines(&more));
    life.replay(&subject, at + 1..Step::ALL.len());
    Ok(())
}
