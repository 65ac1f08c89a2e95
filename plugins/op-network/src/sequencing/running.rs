//! While a sequencer makes blocks.

use std::collections::BTreeSet;

use super::decide::{Act, Decision, View};
use super::record::{Mark, Record, Stage, Still, Target, written};
use super::seen::{Millis, Said, Sequencer, Word};
use super::suspects::Suspect;
use super::verdict::{Standing, Verdict};

/// A head older than so many check intervals is looked at closely.
const SUSPICIOUS_INTERVALS: u64 = 3;
/// A node whose newest block is not older than this follows the one that makes them.
const FOLLOWS: Millis = 36_000;

/// One makes blocks.
pub fn running(view: View<'_>, record: Record, node: &str, still: Option<Still>) -> Decision {
    let active = view.seen.active();
    let others: BTreeSet<&str> = active.iter().copied().filter(|name| *name != node).collect();
    let said = view.seen.said(node);
    match (said, view.most_advanced(&others)) {
        (Some(said), Some(_)) if said.active => stop_others(view, record, node, &others),
        // Somebody has changed over by hand.
        (_, Some(other)) if record.standbys.contains(node) => view.adopt(record, &other),
        (_, Some(other)) => beside(view, record, node, still, &other),
        (Some(said), None) if said.active => watch(view, record, node, still, said),
        (Some(_), None) if record.standbys.contains(node) => {
            vacate(view, record, node, "it answers that it makes no blocks")
        }
        (_, None) => lost(view, record, node, still),
    }
}

/// The same stage, with what is known of its head.
fn hold(mut record: Record, node: &str, still: Option<Still>, verdict: Verdict) -> Decision {
    record.stage = Stage::Running { node: node.into(), still };
    Decision::hold(record, verdict)
}

/// Nobody makes blocks any more.
pub fn vacate(view: View<'_>, record: Record, node: &str, why: &str) -> Decision {
    let stage = Stage::Vacant { previous: Some(node.into()), target: Target::Highest, refused: None };
    let message = format!("{node} makes no blocks any more: {why}");
    Decision::hold(record.at(stage, view.now), Verdict::new(Standing::Waiting, &message))
        .warning("SequencerStopped", message)
}

/// Two that make blocks fork the chain; the one that was made active goes on.
fn stop_others(view: View<'_>, record: Record, node: &str, others: &BTreeSet<&str>) -> Decision {
    let acts: Vec<_> = others.iter().map(|name| Act::Stop((*name).into())).collect();
    let failed = acts.iter().zip(others).any(|(act, name)| {
        let ended = view.seen.ended(&act.id(record.epoch));
        ended.is_some_and(|ended| view.seen.said(name).is_some_and(|said| said.at > ended.at))
    });
    let names: Vec<_> = others.iter().copied().collect();
    let message = format!(
        "{} makes blocks beside {node}, which forks the chain; it is being stopped. Find out who started it",
        names.join(", ")
    );
    let verdict = Verdict::new(Standing::SeveralActive, message);
    // Another epoch makes it another act, which is tried once more.
    if failed { Decision::hold(record.next_epoch(), verdict) } else { Decision::hold(record, verdict).acting(acts) }
}

/// Another one makes blocks beside one that is silent, and that this operator has not started.
fn beside(view: View<'_>, mut record: Record, node: &str, still: Option<Still>, other: &str) -> Decision {
    let suspects = of(view, &record, node);
    if view.is_approved(&record, &suspects) {
        let (record, message) = view.approve(record, &suspects);
        return view.adopt(record, other).warning("PromotionApproved", message);
    }
    let why = format!("it doesn't answer, and {other} makes blocks, which this operator has not started");
    let verdict = view.ask(&mut record, &suspects, Standing::SeveralActive, &why);
    hold(record, node, still, verdict)
}

/// What of a node may make blocks: its pods that were active, or where none is known whatever it has.
fn of(view: View<'_>, record: &Record, node: &str) -> Vec<Suspect> {
    let mut suspects: Vec<_> =
        view.suspects(record, None).into_iter().filter(|suspect| suspect.name() == node).collect();
    if suspects.is_empty() {
        suspects.push(Suspect::Unheard(node.into()));
    }
    suspects
}

/// Looks whether its head moves.
fn watch(view: View<'_>, record: Record, node: &str, still: Option<Still>, said: &Said) -> Decision {
    let still = standing(view, still, said);
    let eligible = view.seen.node(node).is_some_and(|node| node.eligible && node.wanted);
    let why = match still {
        Some(still) if view.too_long(Some(still.since)) => {
            format!("has made no block since {}, when it had block {}", written(still.since), still.number)
        }
        _ if !eligible => "is not to make blocks any more, by its OpNode".into(),
        Some(_) | None => {
            let verdict = Verdict::new(Standing::Active, format!("{node} makes the blocks"));
            return hold(record, node, still, verdict);
        }
    };
    match successor(view, &record, node, said, eligible) {
        Ok(successor) => {
            let message = format!("{node} {why}; it is being stopped, and {successor} is to go on");
            let verdict = Verdict::new(Standing::Stopping, &message);
            let record = record.at(Stage::Stopping { node: node.into(), still, hash: None }, view.now).next_epoch();
            Decision::hold(record, verdict).warning("SequencerHandover", message)
        }
        Err(none) => {
            let standing = if eligible { Standing::HeadStandsStill } else { Standing::Active };
            let message = format!("{node} {why}, but no other sequencer can take over: {none}");
            hold(record, node, still, Verdict::new(standing, message))
        }
    }
}

/// Since when the head stands still. A head that is young, or another one than before (be it lower), moves.
fn standing(view: View<'_>, still: Option<Still>, said: &Said) -> Option<Still> {
    let (number, time) = said.head.as_ref().map_or((0, 0), |head| (head.number, head.time));
    let age = said.at.saturating_sub(time.saturating_mul(1000));
    let suspicious = (view.policy.check_interval * SUSPICIOUS_INTERVALS).min(view.policy.max_block_time);
    match still {
        _ if age < suspicious => None,
        Some(still) if still.number == number => Some(still),
        _ => Some(Still { number, since: view.now }),
    }
}

/// Who could take over at once. From a head that stands still, `exact`ly that is wanted: one that has not got it by now might
/// never. One that follows a head which moves will have it.
///
/// # Errors
/// Why nobody could.
fn successor(view: View<'_>, record: &Record, node: &str, said: &Said, exact: bool) -> Result<String, String> {
    let number = said.head.as_ref().map_or(0, |head| head.number);
    // What others told since its own answer it may have had by then.
    let is_above = |mark: &&Mark| mark.number > number && mark.at <= said.at;
    if let Some(mark) = record.head.as_ref().filter(is_above) {
        let gap = mark.number - number;
        return Err(format!("{node} itself is {gap} blocks below the highest that was ever told, {}", mark.number));
    }
    let head = said.head.as_ref().map(|head| head.hash.as_str());
    let takes_over = |other: &Sequencer| {
        let own = other.ready()?;
        let age = said.at.saturating_sub(own.time.saturating_mul(1000));
        let follows = !exact && age < FOLLOWS;
        let has_head = Some(own.hash.as_str()) == head;
        if has_head || follows { Ok(()) } else { Err(format!("has block {} and not the head", own.number)) }
    };
    let mut reasons = vec![];
    for other in view.seen.nodes.iter().filter(|other| other.name != node) {
        match takes_over(other) {
            Ok(()) => return Ok(other.name.clone()),
            Err(why) => reasons.push(format!("{} {why}", other.name)),
        }
    }
    if reasons.is_empty() { Err("there is none".into()) } else { Err(reasons.join(", ")) }
}

/// It doesn't answer, or another pod than its own does. It may make blocks all the same.
fn lost(view: View<'_>, mut record: Record, node: &str, still: Option<Still>) -> Decision {
    let number = record.head.as_ref().map_or(0, |mark| mark.number);
    let still = still.unwrap_or(Still { number, since: view.now });
    let wanted = view.seen.node(node).is_some_and(|node| node.wanted);
    let why = match view.seen.node(node).map(|node| &node.word) {
        None => "its OpNode is gone, and nothing tells whether its pod has ended".into(),
        Some(Word::Silent(why)) => format!("it gives no answer since {} ({why})", written(still.since)),
        Some(Word::Unheard) => format!("it has no running pod that can be asked since {}", written(still.since)),
        Some(Word::Said(_)) => format!(
            "since {} another pod has its name, and nothing tells whether the one before has ended",
            written(still.since)
        ),
    };
    let is_late = !wanted || view.too_long(Some(still.since));
    if record.standbys.contains(node) {
        if is_late {
            return vacate(view, record, node, "its pod has ended");
        }
        return hold(record, node, Some(still), silent(node, &why));
    }
    let suspects = of(view, &record, node);
    if view.is_approved(&record, &suspects) {
        let (record, message) = view.approve(record, &suspects);
        let mut decision = vacate(view, record, node, "a person vouches for it");
        decision.notices.clear();
        return decision.warning("PromotionApproved", message);
    }
    let verdict =
        if is_late { view.ask(&mut record, &suspects, Standing::NotProvenStopped, &why) } else { silent(node, &why) };
    hold(record, node, Some(still), verdict)
}

fn silent(node: &str, why: &str) -> Verdict {
    Verdict::new(Standing::NoAnswer, format!("{node} made the blocks, but {why}"))
}
