//! While a sequencer is being stopped, and while one is being started.

use super::decide::{Act, DECLARED_FOR, Decision, SETTLED_AFTER, TOLD_AFTER, View};
use super::record::{Record, Stage, Still, Target};
use super::running::vacate;
use super::seen::{Ended, Millis, Outcome, Said};
use super::verdict::{Standing, Verdict};

/// The one that makes blocks is being stopped. The act is declared until it is known to have stopped: it runs once.
pub fn stopping(
    view: View<'_>,
    record: Record,
    node: &str,
    (still, hash): (Option<Still>, Option<String>),
) -> Decision {
    let act = Act::Stop(node.into());
    let ended = view.seen.ended(&act.id(record.epoch));
    let acknowledged = match ended.map(|ended| &ended.outcome) {
        Some(Outcome::Done(Some(hash))) => Some(hash.clone()),
        _ => hash,
    };
    // The word of another pod of its name says nothing of the one that is being stopped.
    let said = view.seen.said(node).filter(|said| said.active || !record.may_run(node));
    // That it makes none is believed sooner than that it does: a call may still arrive.
    let told = ended.map_or(0, |ended| ended.at.saturating_add(TOLD_AFTER));
    let later = said.filter(|said| said.at >= if said.active { settled(ended) } else { told });
    match (acknowledged, later) {
        (Some(hash), Some(Said { active: false, .. })) => stopped(view, acquitted(view, record, node), node, hash),
        // It was stopped, and what it answered was lost; nobody makes blocks, so its head is the one that it stopped at.
        (None, Some(Said { active: false, head: Some(head), .. })) => stopped(view, record, node, head.hash.clone()),
        (Some(hash), None) if said.is_none() => stopped(view, acquitted(view, record, node), node, hash),
        (None, None) if said.is_none() && record.standbys.contains(node) => {
            vacate(view, record, node, "its pod has ended")
        }
        // It wasn't stopped, or it can't be known: it counts as active, and is judged anew.
        (_, Some(Said { active: true, .. })) if ended.is_some() => resume(view, record, node, still),
        _ if view.too_long(record.since) => resume(view, record, node, still),
        (hash, _) => {
            let verdict = Verdict::new(Standing::Stopping, format!("{node} is being stopped"));
            let mut record = record;
            record.stage = Stage::Stopping { node: node.into(), still, hash };
            Decision::hold(record, verdict).acting(vec![act])
        }
    }
}

/// From when on a node's word tells what became of an act.
fn settled(ended: Option<&Ended>) -> Millis {
    ended.map_or(0, |ended| match ended.outcome {
        Outcome::Unknown(_) => ended.at.saturating_add(SETTLED_AFTER),
        Outcome::Done(_) | Outcome::NotDone(_) => ended.at.saturating_add(TOLD_AFTER),
    })
}

/// One that was active has answered that it stopped: of its pods the one that is there, or the only one that was active.
fn acquitted(view: View<'_>, mut record: Record, node: &str) -> Record {
    let pod = view.seen.node(node).and_then(|node| node.pod.as_ref());
    record.acquit(node, pod.map(|pod| pod.uid.as_str()));
    record
}

fn stopped(view: View<'_>, record: Record, node: &str, hash: String) -> Decision {
    let message = format!("{node} was stopped at block {hash}");
    let stage = Stage::Vacant { previous: Some(node.into()), target: Target::Stopped(hash), refused: None };
    Decision::hold(record.at(stage, view.now), Verdict::new(Standing::Waiting, &message))
        .warning("SequencerStopped", message)
}

fn resume(view: View<'_>, record: Record, node: &str, still: Option<Still>) -> Decision {
    let silent = view.seen.said(node).is_none();
    let still = still.or_else(|| silent.then_some(Still { number: 0, since: record.since.unwrap_or(view.now) }));
    let message = format!("{node} could not be stopped; nothing is started beside it");
    let record = record.at(Stage::Running { node: node.into(), still }, view.now);
    Decision::hold(record, Verdict::new(Standing::HeadStandsStill, &message)).warning("SequencerNotStopped", message)
}

/// From which one went on last, and where the next one is to.
type Before = (Option<String>, Target);

/// A candidate is being started.
pub fn starting(view: View<'_>, record: Record, candidate: String, hash: &str, before: Before) -> Decision {
    let act = Act::Start(candidate.clone(), hash.into());
    let ended = view.seen.ended(&act.id(record.epoch));
    let said = view.seen.said(&candidate);
    if said.is_some_and(|said| said.active) {
        let mut record = record;
        if ended.is_some() {
            // The act rested on a fresh look at pods, in which those that had cleared themselves were still those of their names.
            record.processes.retain(|process| process.denied.is_none());
        }
        return view.adopt(record, &candidate);
    }
    let later = said.filter(|said| said.at >= settled(ended));
    let is_gone = record.standbys.contains(&candidate);
    match (ended.map(|ended| &ended.outcome), later) {
        (Some(Outcome::NotDone(why)), Some(_)) => refused(view, record, candidate, before, why),
        (Some(Outcome::NotDone(why)), None) if is_gone => refused(view, record, candidate, before, why),
        // It may have made blocks in between, which only it has.
        (Some(_), Some(_)) => vacate(view, record, &candidate, "it was started, and answers that it makes none"),
        (Some(_), None) if is_gone => vacate(view, record, &candidate, "its pod has ended"),
        // Declared as long as it isn't settled, so that its outcome is kept.
        (Some(_), None) => unsettled(view, record, candidate, hash, vec![act]),
        (None, Some(said)) if view.lasts(record.since, withdrawn_for(view)) => {
            let why = "whether it was started is not known, and it answers that it makes no blocks";
            // With another head it may have been, and have made blocks that only it has.
            if has(said, hash) {
                refused(view, record, candidate, before, why)
            } else {
                vacate(view, record, &candidate, why)
            }
        }
        (None, Some(said)) if may_begin(view, &record, &candidate, said, hash) => {
            hold(record, &candidate, hash).acting(vec![act])
        }
        (None, _) => unsettled(view, record, candidate, hash, vec![]),
    }
}

/// After so long a start without an outcome is no longer under way. Times are those of measurements, which are that old.
fn withdrawn_for(view: View<'_>) -> Millis {
    DECLARED_FOR + SETTLED_AFTER + 2 * view.policy.check_interval
}

/// Whether the start may be sent: all is as it was when it was decided, and it goes to the very pod that was noted.
fn may_begin(view: View<'_>, record: &Record, candidate: &str, said: &Said, hash: &str) -> bool {
    let others = view.seen.active().into_iter().any(|name| name != candidate);
    let in_time = !view.lasts(record.since, DECLARED_FOR);
    let is_meant = view
        .seen
        .node(candidate)
        .and_then(|node| node.pod.as_ref())
        .is_some_and(|pod| !pod.ended && record.processes.iter().any(|process| process.uid == pod.uid));
    in_time && is_meant && has(said, hash) && !others && view.suspects(record, Some(candidate)).is_empty()
}

fn has(said: &Said, hash: &str) -> bool {
    said.head.as_ref().is_some_and(|head| head.hash == hash)
}

/// It may have been started. When that lasts too long, it counts as active until it is heard.
fn unsettled(view: View<'_>, record: Record, candidate: String, hash: &str, acts: Vec<Act>) -> Decision {
    let silent = view.seen.said(&candidate).is_none();
    if !(silent && view.too_long(record.since)) {
        return hold(record, &candidate, hash).acting(acts);
    }
    let still = Some(Still { number: 0, since: record.since.unwrap_or(view.now) });
    let message = format!("{candidate} was being started, and doesn't answer");
    let record = record.at(Stage::Running { node: candidate, still }, view.now);
    Decision::hold(record, Verdict::new(Standing::NoAnswer, message))
}

fn hold(record: Record, candidate: &str, hash: &str) -> Decision {
    let message = format!("{candidate} is being started from block {hash}");
    Decision::hold(record, Verdict::new(Standing::Starting, message))
}

/// It was certainly not started.
fn refused(view: View<'_>, mut record: Record, candidate: String, (previous, target): Before, why: &str) -> Decision {
    // Its word is that of the pod that is there, and of no other that was active under its name.
    let pod = view.seen.node(&candidate).and_then(|node| node.pod.as_ref()).map(|pod| pod.uid.clone());
    record.processes.retain(|process| pod.as_ref() != Some(&process.uid));
    if !record.may_run(&candidate) {
        record.standbys.insert(candidate.clone());
    }
    let message = format!("{candidate} was not started: {why}");
    let stage = Stage::Vacant { previous, target, refused: Some(candidate) };
    Decision::hold(record.at(stage, view.now), Verdict::new(Standing::Waiting, &message))
        .warning("SequencerNotStarted", message)
}
