//! In what state the operator may find two sequencers, and what it makes of each: by what it calls, of the programs themselves.

use rpc_double::Fault;
use serde_json::Value;
use suite::{MINUTE, condition, paths};

use crate::pair::{NAMES, Pair, other};

/// Looks at the pair this often to be sure that nothing more happens: each is asked once a second.
const AGAIN: usize = 5;

#[test]
fn one_that_is_active_stays() {
    let pair = Pair::start("found-active", "30s", |chain| chain.active = NAMES[1..].into());
    pair.follows(NAMES[1]);
    pair.asked(AGAIN);
    let chain = pair.chain();
    assert_eq!((chain.active.as_slice(), chain.calls.as_slice()), (&NAMES[1..], &[][..]));
}

#[test]
fn of_two_that_are_active_one_is_stopped() {
    let pair = Pair::start("found-two", "30s", |chain| chain.active = NAMES.into());
    let one = || match pair.chain().active.as_slice() {
        [one] => Ok(*one),
        several => Err(format!("{several:?}\n{}", pair.site.log_tail())),
    };
    let (left, _) = suite::until("one to be left", MINUTE, one);
    pair.follows(left);
    pair.asked(AGAIN);
    let said: Vec<_> = pair.chain().calls.iter().map(|(name, what, _)| (*name, *what)).collect();
    assert_eq!(said, [(other(left), "stop")], "nothing else was called");
}

#[test]
fn the_one_that_is_behind_is_not_started() {
    let pair = Pair::start("found-behind", "30s", |chain| chain.behind = Some((NAMES[0], 90)));
    pair.follows(NAMES[1]);
    assert_eq!(pair.chain().calls, [(NAMES[1], "start", 100)], "the highest block is gone on from");
}

#[test]
fn another_goes_on_from_the_head_of_one_that_stalls() {
    // The one that stalls has no block that comes after.
    let pair = Pair::start("stalls", "3s", |chain| {
        (chain.active, chain.stalled, chain.behind) = (vec![NAMES[0]], Some(NAMES[0]), Some((NAMES[0], 100)));
    });
    pair.follows(NAMES[1]);
    assert_eq!(pair.chain().calls, [(NAMES[0], "stop", 100), (NAMES[1], "start", 100)]);
}

/// Nobody knows whether it still makes blocks.
#[test]
fn one_that_falls_silent_is_not_replaced_without_proof() {
    let pair = Pair::start("silent", "3s", |chain| chain.active = NAMES[..1].into());
    pair.follows(NAMES[0]);
    pair.pods[0].consensus.spoil_all(Fault::Status(503));
    let path = paths::of(&pair.network);
    let told = |network: &Value| condition::brief(network, "SequencerActive").1 == "NotProvenStopped";
    let network = pair.site.wait("the operator to say what it doubts", &path, MINUTE, told).0;
    pair.asked(AGAIN);
    let calls = pair.chain().calls.clone();
    assert!(calls.is_empty(), "{calls:?} {network}");

    pair.pods[0].consensus.heal();
    pair.follows(NAMES[0]);
    let again = |network: &Value| condition::brief(network, "SequencerActive").1 == "Active";
    pair.site.wait("it to be heard again", &path, MINUTE, again);
    let calls = pair.chain().calls.clone();
    assert!(calls.is_empty(), "{calls:?}");
}
