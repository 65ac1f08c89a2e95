//! The operator is killed at each of its calls in turn, just before the API server hears of it and just after it has done it.
//! Another one takes up the work, and ends where an operator ends that nobody kills.

use anyhow::{Context as _, Result, ensure};
use faults::{
    call::Class,
    lab::{Lab, Step},
    proxy::{Fault, Moment},
    state::{self, State},
};
use suite::{MINUTE, until};

/// What a life without faults comes to, step by step.
struct Reference {
    states: Vec<State>,
    calls: Vec<usize>,
}

#[test]
fn an_operator_that_is_killed_at_any_call_leaves_nothing_undone_and_nothing_double() -> Result<()> {
    let mut lab = Lab::start()?;
    let reference = undisturbed(&lab)?;
    let mut kills = 0;
    for (index, step) in Step::ALL.into_iter().enumerate() {
        for moment in [Moment::Before, Moment::After] {
            for call in 1..=reference.calls[index] {
                killed_at(&mut lab, &reference, index, moment, call)
                    .with_context(|| format!("{step:?}, killed {moment:?} call {call}"))?;
                kills += 1;
            }
        }
    }
    println!("calls of create, update and delete: {:?}; killed at {kills} points", reference.calls);
    let left: Vec<_> = state::owned(&lab.site).into_iter().filter(|object| !object.starts_with("Secret ")).collect();
    ensure!(left.is_empty(), "left behind: {left:?}");
    Ok(())
}

fn undisturbed(lab: &Lab) -> Result<Reference> {
    let subject = lab.subject("undisturbed");
    let (mut states, mut calls) = (Vec::new(), Vec::new());
    for step in Step::ALL {
        lab.proxy.count();
        subject.take(step);
        states.push(subject.wait_done(step));
        lab.proxy.wait_idle(MINUTE)?;
        let made = lab.proxy.calls(Class::Work);
        println!("{step:?}:");
        made.iter().for_each(|call| println!("  {call}"));
        calls.push(made.len());
    }
    let maps: Vec<_> = states.iter().map(|state| state.names("ConfigMap")).collect();
    assert_eq!(maps, [vec!["probe-0", "probe-1", "probe-2"], vec!["probe-0"], vec![]]);
    assert!(states.iter().all(|state| state.names("Secret") == ["probe-key"]), "it is retained");
    assert!(calls.iter().all(|calls| *calls >= 2), "{calls:?}");
    Ok(Reference { states, calls })
}

/// One life of an object, in which the operator is killed at one call of one step.
fn killed_at(lab: &mut Lab, reference: &Reference, at: usize, moment: Moment, number: usize) -> Result<()> {
    let namespace = format!("step-{at}-{moment:?}-{number}").to_lowercase();
    let subject = lab.subject(&namespace);
    for (step, state) in Step::ALL.into_iter().zip(&reference.states).take(at) {
        subject.take(step);
        subject.wait_for(state);
    }
    let killer = lab.killer();
    lab.proxy.rule(move |call| match call.class {
        Class::Work if call.number == number => Fault::Strike(moment, killer.clone()),
        _ => Fault::None,
    });
    subject.take(Step::ALL[at]);
    until("the operator to be killed", MINUTE, || if lab.operator().is_running() { Err(String::new()) } else { Ok(()) });
    let secrets = subject.secrets();
    lab.restart()?;
    let subject = lab.known(&namespace);
    subject.wait_for(&reference.states[at]);
    let after = subject.secrets();
    let kept = secrets.iter().all(|(name, data)| after.get(name) == Some(data));
    ensure!(kept, "the values of a Secret changed");
    let more = lab.proxy.calls(Class::Work).iter().filter(|call| call.is_write()).count();
    ensure!(more <= reference.calls[at], "{more} writes to finish what takes {} calls", reference.calls[at]);
    for (step, state) in Step::ALL.into_iter().zip(&reference.states).skip(at + 1) {
        subject.take(step);
        subject.wait_for(state);
    }
    Ok(())
}
