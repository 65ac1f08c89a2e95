//! While nobody makes blocks: who is to, and what stands in the way.

use super::decide::{Decision, View};
use super::record::{Mark, Record, Stage, Target};
use super::seen::{Block, Sequencer};
use super::suspects::Suspect;
use super::verdict::{Standing, Verdict};

/// What the next one goes on from, and why that may lose blocks.
struct Choice<'a> {
    node: &'a Sequencer,
    head: &'a Block,
    loss: Option<String>,
}

/// Nobody is known to make blocks.
pub fn vacant(
    view: View<'_>,
    record: Record,
    previous: Option<String>,
    target: Target,
    refused: Option<String>,
) -> Decision {
    if let Some(active) = view.most_advanced(&view.seen.active()) {
        return view.adopt(record, &active);
    }
    if view.seen.nodes.is_empty() && previous.is_none() {
        let message = "the network has no OpNode of type sequencer";
        return Decision::hold(record, Verdict::new(Standing::NoSequencer, message));
    }
    let suspects = view.suspects(&record, None);
    if !suspects.is_empty() {
        return unproven(view, record, suspects);
    }
    let chosen = match &target {
        Target::Stopped(hash) => at_hash(view, &record, hash, (previous.as_deref(), refused.as_deref())),
        Target::Highest => highest(view, &record, (previous.as_deref(), refused.as_deref())),
    };
    match chosen {
        Ok(choice) => start(view, record, &choice, previous, target),
        // What the last one stopped at is out of reach, and the user lets it go.
        Err(verdict) if verdict.standing == Standing::UnsafeHeadLossNotAllowed && view.policy.allow_loss => {
            let stage = Stage::Vacant { previous, target: Target::Highest, refused };
            Decision::hold(record.at(stage, view.now), verdict)
        }
        Err(verdict) => Decision::hold(record, verdict),
    }
}

/// Somebody may make blocks unseen.
fn unproven(view: View<'_>, mut record: Record, suspects: Vec<Suspect>) -> Decision {
    if view.is_approved(&record, &suspects) {
        let (record, message) = view.approve(record, &suspects);
        let verdict = Verdict::new(Standing::Waiting, &message);
        return Decision::hold(record, verdict).warning("PromotionApproved", message);
    }
    if !view.too_long(record.since) {
        let names: Vec<_> = suspects.iter().map(ToString::to_string).collect();
        let message = format!("{} must be heard first, to know that it makes no blocks", names.join(", "));
        return Decision::hold(record, Verdict::new(Standing::Waiting, message));
    }
    let verdict = view.ask(&mut record, &suspects, Standing::NotProvenStopped, "it can't be heard");
    Decision::hold(record, verdict)
}

/// Whoever has the very block at which the last one stopped. That one itself comes last, and not before time: it was
/// stopped for a reason.
fn at_hash<'a>(
    view: View<'a>,
    record: &Record,
    hash: &str,
    (previous, refused): (Option<&str>, Option<&str>),
) -> Result<Choice<'a>, Verdict> {
    let late = view.too_long(record.since);
    let mut candidates: Vec<_> =
        view.seen.nodes.iter().filter(|node| late || Some(node.name.as_str()) != previous).collect();
    candidates.sort_by_key(|node| (Some(node.name.as_str()) == previous, Some(node.name.as_str()) == refused));
    let reached = candidates.iter().find_map(|node| {
        let head = node.ready().ok().filter(|head| head.hash == hash)?;
        Some(Choice { node, head, loss: None })
    });
    if let Some(Choice { node, head, .. }) = &reached
        && let Some(what) = below(record.head.as_ref(), head)
    {
        let message = format!("{} could go on from block {}, without {what}", node.name, head.number);
        return Err(Verdict::loss_not_allowed(&message));
    }
    reached.ok_or_else(|| {
        let names: Vec<_> = candidates.iter().map(|node| where_it_is(node)).collect();
        let message = format!(
            "block {hash}, at which the last sequencer stopped, must be the newest one of its successor: {}",
            names.join(", ")
        );
        if late { Verdict::loss_not_allowed(&message) } else { Verdict::new(Standing::Waiting, message) }
    })
}

/// Whoever has the highest block; of equals the last one itself, which has only restarted.
fn highest<'a>(
    view: View<'a>,
    record: &Record,
    (previous, refused): (Option<&str>, Option<&str>),
) -> Result<Choice<'a>, Verdict> {
    let late = view.too_long(record.since);
    let mut loss = unheard(view, record, previous)?;
    let Some((holder, top)) = view.seen.highest() else {
        return Err(Verdict::new(Standing::NoCandidate, "no sequencer knows a block"));
    };
    let mut candidates: Vec<_> = view.seen.nodes.iter().filter_map(|node| Some((node, node.ready().ok()?))).collect();
    candidates.sort_by_key(|(node, _)| {
        let name = Some(node.name.as_str());
        (name == refused, name != previous)
    });
    let at_top = candidates.iter().find(|(_, head)| head.number == top.number);
    let best = candidates.iter().rev().max_by_key(|(_, head)| head.number);
    let (node, head) = match (at_top, best) {
        (Some(chosen), _) => *chosen,
        (None, _) if !late => {
            let message =
                format!("{} has the highest block, {}, and can't go on yet: {}", holder.name, top.number, all(view));
            return Err(Verdict::new(Standing::Waiting, message));
        }
        (None, None) => {
            return Err(Verdict::new(Standing::NoCandidate, format!("no sequencer can go on: {}", all(view))));
        }
        (None, Some(chosen)) => {
            let gap = top.number.saturating_sub(chosen.1.number);
            loss = Some(format!("{} blocks that only {} has, which can't go on", gap, holder.name));
            *chosen
        }
    };
    loss = below(record.head.as_ref(), head).or(loss);
    match loss {
        Some(what) if !view.policy.allow_loss => {
            let message = format!("{} could go on from block {}, without {what}", node.name, head.number);
            Err(Verdict::loss_not_allowed(&message))
        }
        loss => Ok(Choice { node, head, loss }),
    }
}

/// What is lost when somebody goes on from this block: it must not be below the highest that was ever told, nor another one of
/// that height.
fn below(highest: Option<&Mark>, head: &Block) -> Option<String> {
    let mark = highest?;
    let gap = mark.number.checked_sub(head.number)?;
    match gap {
        0 if mark.hash == head.hash => None,
        0 => Some(format!("block {} of before, which was another one ({})", mark.number, mark.hash)),
        gap => {
            Some(format!("at least {gap} blocks: the highest that was ever told was {} ({})", mark.number, mark.hash))
        }
    }
}

/// Whose head matters and is not known: that of the last one, or at the start that of each. Gives what that may lose.
///
/// # Errors
/// While those may come back by themselves.
fn unheard(view: View<'_>, record: &Record, previous: Option<&str>) -> Result<Option<String>, Verdict> {
    let names: Vec<&str> = match previous {
        Some(previous) => vec![previous],
        None => view.seen.nodes.iter().map(|node| node.name.as_str()).collect(),
    };
    let knows = |name: &&str| view.seen.said(name).is_some_and(|said| said.head.is_some());
    let silent: Vec<_> = names.into_iter().filter(|name| !knows(name)).collect();
    let returns = silent.iter().any(|name| {
        // A person knows that one that was approved doesn't.
        !record.approved.contains(*name) && view.seen.node(name).is_some_and(|node| node.wanted)
    });
    if silent.is_empty() {
        return Ok(None);
    }
    let names = silent.join(", ");
    if returns && !view.too_long(record.since) {
        let message = format!("{names} is waited for: it may have blocks that no other sequencer has");
        return Err(Verdict::new(Standing::Waiting, message));
    }
    Ok(Some(format!("the blocks that only {names} may have, which can't be asked")))
}

fn where_it_is(node: &Sequencer) -> String {
    match node.ready() {
        Ok(head) => format!("{} is at block {} ({})", node.name, head.number, head.hash),
        Err(why) => format!("{} {why}", node.name),
    }
}

fn all(view: View<'_>) -> String {
    let all: Vec<_> = view.seen.nodes.iter().map(where_it_is).collect();
    all.join(", ")
}

fn start(
    view: View<'_>,
    mut record: Record,
    choice: &Choice<'_>,
    previous: Option<String>,
    target: Target,
) -> Decision {
    let Choice { node, head, loss } = choice;
    record.standbys.remove(&node.name);
    // From here on this very pod may make blocks.
    view.suspect(&mut record, node);
    record.loss = loss.as_ref().map(|what| {
        let at = super::record::written(view.now);
        format!("{at}: {} goes on from block {} ({}), without {what}", node.name, head.number, head.hash)
    });
    if record.loss.is_some() {
        // What was known of the chain's head is no longer on the chain.
        record.head = None;
    }
    let message = format!("{} is being started from block {} ({})", node.name, head.number, head.hash);
    let warning = record.loss.clone();
    let stage = Stage::Starting { candidate: node.name.clone(), hash: head.hash.clone(), previous, target };
    let decision = Decision::hold(record.at(stage, view.now).next_epoch(), Verdict::new(Standing::Starting, &message))
        .noticing("SequencerPromoted", message);
    match warning {
        Some(warning) => decision.warning("UnsafeHeadLost", warning),
        None => decision,
    }
}
