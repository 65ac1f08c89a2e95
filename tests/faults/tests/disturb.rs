//! The API server refuses, is cut off, forgets or is restarted while the operator works. The operator lives on, and ends where it
//! would have ended.

use std::{
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::Instant,
};

use anyhow::{Result, ensure};
use control_plane::ControlPlane;
use faults::{
    call::{Call, Class},
    lab::Lab,
    life::Life,
    proxy::{Fault, Moment},
};
use suite::MINUTE;

/// All ways in which a single call goes wrong.
/// A name and what makes the fault.
type Way = (&'static str, fn() -> Fault);

const WRONG: [Way; 8] = [
    ("409", || Fault::Answer(409)),
    ("429", || Fault::Answer(429)),
    ("429-later", || Fault::Later(429, 1)),
    ("500", || Fault::Answer(500)),
    ("503", || Fault::Answer(503)),
    ("504", || Fault::Answer(504)),
    ("cut-before", || Fault::Cut(Moment::Before)),
    ("cut-after", || Fault::Cut(Moment::After)),
];

/// The operator must not have been restarted by the fault.
fn alive(lab: &Lab) -> Result<()> {
    let log = lab.operator().log();
    ensure!(lab.operator().is_running(), "the operator has ended:\n{log}");
    ensure!(!log.contains("panicked"), "a part of the operator panicked:\n{log}");
    Ok(())
}

#[test]
fn a_call_that_fails_once_is_made_good() -> Result<()> {
    let lab = Lab::start()?;
    let life = Life::undisturbed(&lab)?;
    let most = life.calls.iter().max().copied().unwrap_or_default();
    for (name, fault) in WRONG {
        let begun = Instant::now();
        let mut hits = 0;
        for number in 1..=most {
            let subject = lab.subject(&format!("{name}-{number}"));
            for (step, state) in life.steps() {
                lab.proxy.rule(move |call| match call.class {
                    Class::Work if call.number == number => fault(),
                    _ => Fault::None,
                });
                subject.take(step);
                subject.wait_for(state);
                hits += lab.proxy.hits();
            }
        }
        println!("{name}: {hits} calls in {:?}", begun.elapsed());
        ensure!(hits == life.calls.iter().sum::<usize>(), "{name}: {hits} calls were hit, of {:?}", life.calls);
        alive(&lab)?;
    }
    Ok(())
}

#[test]
fn many_failures_of_all_kinds_are_outlived() -> Result<()> {
    let lab = Lab::start()?;
    let life = Life::undisturbed(&lab)?;
    let mut hits = 0;
    for storm in 0..4 {
        let subject = lab.subject(&format!("storm-{storm}"));
        for (step, state) in life.steps() {
            lab.proxy.rule(move |call| in_storm(call, storm));
            lab.proxy.drop_watches();
            subject.take(step);
            lab.proxy.drop_watches();
            subject.wait_for(state);
            hits += lab.proxy.hits();
        }
        alive(&lab)?;
    }
    println!("{hits} failures in 4 lives");
    ensure!(hits >= 40, "only {hits} failures");
    Ok(())
}

/// Every other call fails, each in another way; so do a watch and a list now and then.
fn in_storm(call: &Call, seed: usize) -> Fault {
    let turn = call.number + seed;
    match call.class {
        Class::Work if turn.is_multiple_of(2) => WRONG[turn / 2 % WRONG.len()].1(),
        Class::Watch if turn.is_multiple_of(3) => Fault::Expired,
        Class::List if turn.is_multiple_of(4) => Fault::Answer(500),
        _ => Fault::None,
    }
}

#[test]
fn what_happens_while_watches_are_broken_is_not_missed() -> Result<()> {
    let lab = Lab::start()?;
    let life = Life::undisturbed(&lab)?;
    let ways: [Way; 5] = [
        ("cut", || Fault::Cut(Moment::Before)),
        ("410", || Fault::Answer(410)),
        ("expired", || Fault::Expired),
        ("429", || Fault::Later(429, 1)),
        ("500", || Fault::Answer(500)),
    ];
    for (name, way) in ways {
        let begun = Instant::now();
        let subject = lab.subject(&format!("watches-{name}"));
        for (step, state) in life.steps() {
            // The first try to watch the object again fails, and so does the first of its children.
            let left = Mutex::new(vec!["/hostiles", "/configmaps"]);
            lab.proxy.rule(move |call| {
                let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
                let hit = left.iter().position(|kind| call.class == Class::Watch && call.path.ends_with(kind));
                hit.map(|kind| left.remove(kind)).map_or(Fault::None, |_| way())
            });
            lab.proxy.drop_watches();
            subject.take(step);
            subject.wait_for(state);
            ensure!(lab.proxy.hits() > 0, "{name}: no watch was hit");
        }
        println!("watches answered by {name}: {:?} for a life", begun.elapsed());
        alive(&lab)?;
    }
    Ok(())
}

/// A call waits between the two ends: the test does something meanwhile.
struct Halt {
    reached: mpsc::Receiver<()>,
    go_on: mpsc::Sender<()>,
}

fn halt(lab: &Lab, moment: Moment, number: usize) -> Halt {
    let (sender, reached) = mpsc::channel();
    let (go_on, waits) = mpsc::channel();
    let waits = Mutex::new(waits);
    let strike: Arc<dyn Fn() + Send + Sync> = Arc::new(move || {
        // Both fail only if the test is over.
        let _ = sender.send(());
        let _ = waits.lock().map(|waits| waits.recv());
    });
    lab.proxy.rule(move |call| match call.class {
        Class::Work if call.number == number => Fault::Strike(moment, strike.clone()),
        _ => Fault::None,
    });
    Halt { reached, go_on }
}

#[test]
fn an_api_server_that_restarts_in_the_middle_or_forgets_is_outlived() -> Result<()> {
    type Restart = fn(&ControlPlane) -> Result<()>;
    let ways: [(&str, Moment, Restart); 2] = [
        ("restart", Moment::Before, ControlPlane::restart_apiserver),
        ("expire", Moment::After, ControlPlane::expire_watches),
    ];
    let lab = Lab::start()?;
    let life = Life::undisturbed(&lab)?;
    for (name, moment, restart) in ways {
        let subject = lab.subject(&format!("server-{name}"));
        for (index, (step, state)) in life.steps().enumerate() {
            let halt = halt(&lab, moment, life.calls[index].div_ceil(2));
            subject.take(step);
            halt.reached.recv_timeout(MINUTE)?;
            restart(&lab.site.plane)?;
            halt.go_on.send(())?;
            let begun = Instant::now();
            subject.wait_for(state);
            println!("{name} in the middle of {step:?}: done {:?} after the API server was back", begun.elapsed());
        }
        alive(&lab)?;
    }
    Ok(())
}
