//! op-conductor's cluster: how it is formed and kept, held against a small model of op-conductor and op-node.

use op_network::conducting::decide::decide;
use op_network::conducting::decision::{Act, Decision, Record};
use op_network::conducting::seen::{Seen, Voter};
use op_network::sequencing::seen::{Block, Ended, Outcome, Said as OpNodeSaid, Sequencer, Word};
use op_network::sequencing::verdict::Standing;
use opstack_sdk::opstack::conductor::Said;

const NOW: u64 = 1_705_314_600_000;

fn leads(voter: &Voter) -> bool {
    voter.said().is_some_and(|said| said.leads)
}

/// A sequencer that stands by at a block, whose op-conductor is in no cluster.
fn voter(name: &str, number: u64) -> Voter {
    let head = Block { number, hash: format!("0x{number:064x}"), time: NOW / 1000 };
    let said = OpNodeSaid { at: NOW, active: false, head: Some(head), l1_time: NOW / 1000 };
    Voter {
        sequencer: Sequencer {
            name: format!("chains/{name}"),
            eligible: true,
            wanted: true,
            gone: false,
            pod: None,
            word: Word::Said(said),
        },
        id: format!("chains.{name}-0"),
        address: format!("{name}-0.{name}-headless.chains.svc:50050"),
        conductor: Ok(Said { at: NOW, leads: false, members: vec![], paused: false, healthy: true }),
    }
}

fn three() -> Vec<Voter> {
    ["a", "b", "c"].map(|name| voter(name, 0)).into()
}

fn said(voter: &mut Voter, change: impl FnOnce(&mut Said)) {
    change(voter.conductor.as_mut().expect("it speaks"));
}

fn set_active(voter: &mut Voter, active: bool) {
    if let Word::Said(said) = &mut voter.sequencer.word {
        said.active = active;
    }
}

/// One of a cluster with these members leads it and makes blocks.
fn lead(voters: &mut [Voter], leader: usize, members: &[usize]) {
    let ids: Vec<_> = members.iter().map(|index| voters[*index].id.clone()).collect();
    for index in members {
        said(&mut voters[*index], |said| (said.members, said.leads) = (ids.clone(), *index == leader));
    }
    set_active(&mut voters[leader], true);
}

fn seen(voters: Vec<Voter>) -> Seen {
    Seen { voters, ended: vec![] }
}

fn formed() -> Record {
    Record { epoch: 9, founder: Some("chains/a".into()), formed: true }
}

fn founded() -> Record {
    Record { formed: false, ..formed() }
}

/// What the programs make of an act.
fn perform(voters: &mut [Voter], act: &Act) {
    let at = |voters: &[Voter], name: &str| voters.iter().position(|voter| voter.name() == name).expect("it is there");
    match act {
        Act::Start(name, hash) => {
            let index = at(voters, name);
            assert_eq!(voters[index].head().map(|head| &head.hash), Some(hash), "op-node refuses another block");
            assert!(leads(&voters[index]), "op-node refuses without the lead");
            set_active(&mut voters[index], true);
        }
        Act::Add { id, .. } => {
            let leader = voters.iter().find(|voter| leads(voter)).and_then(Voter::said).expect("it leads");
            let ids: Vec<_> = leader.members.iter().chain([id]).cloned().collect();
            for voter in voters.iter_mut().filter(|voter| ids.contains(&voter.id)) {
                said(voter, |said| said.members.clone_from(&ids));
            }
        }
        Act::Remove { id, .. } => {
            voters.iter_mut().for_each(|voter| said(voter, |said| said.members.retain(|member| member != id)));
        }
        Act::Resume(name) => {
            let index = at(voters, name);
            said(&mut voters[index], |said| said.paused = false);
        }
    }
}

/// Decides and performs until nothing more is to be done; what was done, and the last decision.
fn run(mut record: Record, voters: &mut [Voter]) -> (Vec<Act>, Decision) {
    let mut acts = vec![];
    for _ in 0..30 {
        let decision = decide(record.clone(), &seen(voters.to_vec()));
        match &decision.act {
            Some(act) => {
                perform(voters, act);
                acts.push(act.clone());
            }
            None if decision.record == record => return (acts, decision),
            None => {}
        }
        // op-conductor that is told to begin a cluster leads one of its own, paused.
        if let Some(founder) = &decision.record.founder
            && voters.iter().all(|voter| !leads(voter))
        {
            let founder = voters.iter_mut().find(|voter| voter.name() == founder).expect("it is there");
            let id = founder.id.clone();
            said(founder, |said| (said.leads, said.paused, said.members) = (true, true, vec![id]));
        }
        record = decision.record;
    }
    panic!("it never comes to rest: {acts:?}")
}

#[test]
fn a_cluster_is_formed_from_nothing_and_then_left_alone() {
    let mut voters = three();
    let (acts, decision) = run(Record::default(), &mut voters);
    let leader = || "chains/a".to_string();
    let add = |name: &str| {
        let joining = voter(name, 0);
        Act::Add { leader: leader(), id: joining.id, address: joining.address }
    };
    let start = Act::Start(leader(), format!("0x{:064x}", 0));
    assert_eq!(acts, [start, add("b"), add("c"), Act::Resume(leader())]);
    assert!(decision.record.formed);
    assert_eq!((decision.verdict.standing, decision.active), (Standing::Active, Some(leader())));
}

#[test]
fn one_that_came_from_another_mode_begins_with_the_highest_block() {
    let mut voters = three();
    voters[1] = voter("b", 70);
    said(&mut voters[0], |said| (said.leads, said.paused) = (true, true));
    let decision = decide(founded(), &seen(voters.clone()));
    assert_eq!(decision.act, None);
    assert!(decision.verdict.message.contains("chains/b has block 70"), "{}", decision.verdict.message);
    voters[0].sequencer.word = voters[1].sequencer.word.clone();
    let decision = decide(founded(), &seen(voters));
    assert_eq!(decision.act, Some(Act::Start("chains/a".into(), format!("0x{:064x}", 70))));
}

#[test]
fn nobody_is_started_beside_one_that_makes_blocks_or_may() {
    let led = || {
        let mut voters = three();
        said(&mut voters[0], |said| (said.leads, said.paused) = (true, true));
        voters
    };
    let mut active = led();
    set_active(&mut active[2], true);
    let mut silent = led();
    silent[2].sequencer.word = Word::Silent("refused".into());
    let mut ending = led();
    (ending[2].sequencer.word, ending[2].sequencer.wanted) = (Word::Unheard, false);
    for voters in [active, silent, ending] {
        let decision = decide(founded(), &seen(voters));
        assert_eq!((decision.act, decision.verdict.standing), (None, Standing::Waiting));
        assert!(decision.verdict.message.starts_with("chains/c"), "{}", decision.verdict.message);
    }
    let mut gone = led();
    (gone[2].sequencer.word, gone[2].sequencer.wanted, gone[2].sequencer.gone) = (Word::Unheard, false, true);
    assert!(matches!(decide(founded(), &seen(gone)).act, Some(Act::Start(..))));
}

#[test]
fn no_cluster_is_begun_beside_one_that_may_be_there() {
    let mut voters = three();
    said(&mut voters[1], |said| said.members = vec!["chains.b-0".into(), "chains.z-0".into()]);
    let decision = decide(Record::default(), &seen(voters));
    assert_eq!((decision.record.founder, decision.act), (None, None));
    assert_eq!(decision.verdict.standing, Standing::NoLeader);
}

#[test]
fn a_cluster_that_is_there_is_taken_as_it_is() {
    let mut voters = three();
    lead(&mut voters, 2, &[0, 1, 2]);
    said(&mut voters[0], |said| said.paused = true);
    let decision = decide(Record::default(), &seen(voters));
    assert!(decision.record.formed);
    assert_eq!((decision.record.founder, decision.act), (None, None), "whoever paused it resumes it");
    assert_eq!(decision.active.as_deref(), Some("chains/c"));
    assert!(decision.verdict.message.contains("paused, so that it starts and stops nothing: chains/a"));
}

#[test]
fn a_formed_cluster_decides_alone() {
    // No leader; one that leads and makes no blocks; one that is paused: for op-conductor, or a person.
    let quiet = three();
    let mut idle = three();
    lead(&mut idle, 1, &[0, 1, 2]);
    set_active(&mut idle[1], false);
    let mut paused = three();
    lead(&mut paused, 1, &[0, 1, 2]);
    said(&mut paused[1], |said| said.paused = true);
    for (voters, standing) in [(quiet, Standing::NoLeader), (idle, Standing::Waiting), (paused, Standing::Active)] {
        let decision = decide(formed(), &seen(voters));
        assert_eq!((decision.act, decision.verdict.standing, decision.record), (None, standing, formed()));
    }
}

#[test]
fn while_two_say_that_they_lead_nothing_is_done() {
    let mut voters = three();
    lead(&mut voters, 0, &[0, 1]);
    lead(&mut voters, 2, &[2]);
    for record in [founded(), formed()] {
        let decision = decide(record.clone(), &seen(voters.clone()));
        assert_eq!((decision.act, decision.verdict.standing), (None, Standing::SeveralActive));
        assert_eq!(decision.record, record);
    }
}

#[test]
fn new_ones_join_and_those_that_are_gone_are_taken_out() {
    let mut voters = three();
    lead(&mut voters, 0, &[0, 1, 2]);
    // b has become d.
    let old = std::mem::replace(&mut voters[1], voter("d", 0));
    let (acts, decision) = run(formed(), &mut voters);
    assert!(matches!(&acts[0], Act::Add { id, .. } if *id == voters[1].id), "{acts:?}");
    assert_eq!(acts[1], Act::Remove { leader: "chains/a".into(), id: old.id });
    assert_eq!((acts.len(), decision.active.as_deref()), (2, Some("chains/a")));
}

#[test]
fn one_that_is_scaled_to_nothing_keeps_its_vote() {
    let mut voters = three();
    lead(&mut voters, 0, &[0, 1, 2]);
    (voters[2].sequencer.wanted, voters[2].conductor) = (false, Err("no pod".into()));
    assert_eq!(decide(formed(), &seen(voters)).act, None);
}

#[test]
fn one_that_does_not_answer_is_waited_for() {
    let mut voters = three();
    lead(&mut voters, 0, &[0, 1]);
    voters[2].conductor = Err("refused".into());
    let decision = decide(founded(), &seen(voters));
    assert_eq!((decision.act, decision.record.formed), (None, false));
    assert!(decision.verdict.message.contains("chains/c (refused)"), "{}", decision.verdict.message);
}

#[test]
fn one_that_takes_itself_for_unhealthy_is_not_resumed_yet() {
    let mut voters = three();
    lead(&mut voters, 0, &[0, 1, 2]);
    said(&mut voters[0], |said| (said.paused, said.healthy) = (true, false));
    let decision = decide(founded(), &seen(voters.clone()));
    assert_eq!((decision.act, decision.record.formed), (None, false));
    said(&mut voters[0], |said| said.healthy = true);
    assert_eq!(decide(founded(), &seen(voters)).act, Some(Act::Resume("chains/a".into())));
}

#[test]
fn a_single_one_stays_paused() {
    let mut voters = vec![voter("a", 3)];
    let (acts, decision) = run(Record::default(), &mut voters);
    assert_eq!(acts, [Act::Start("chains/a".into(), format!("0x{:064x}", 3))]);
    assert!(!decision.record.formed);
    assert_eq!(decision.active.as_deref(), Some("chains/a"));
}

#[test]
fn another_one_begins_where_the_founder_went_before_it_did() {
    let mut voters = three();
    voters.remove(0);
    let decision = decide(founded(), &seen(voters));
    assert_eq!(decision.record, Record { epoch: 10, founder: Some("chains/b".into()), formed: false });
    assert_eq!(decision.act, None, "it is told first");
}

#[test]
fn an_act_that_failed_is_another_act_when_that_is_seen() {
    let mut voters = three();
    said(&mut voters[0], |said| (said.leads, said.paused) = (true, true));
    let begun = decide(founded(), &seen(voters.clone()));
    let act = begun.act.expect("it is started");
    let failed = |at| Seen {
        ended: vec![Ended { id: act.id(9), at, outcome: Outcome::NotDone("not the leader".into()) }],
        ..seen(voters.clone())
    };
    let early = decide(founded(), &failed(NOW));
    assert_eq!((early.act.as_ref(), early.record.epoch), (Some(&act), 9), "what was measured before tells nothing");
    let late = decide(founded(), &failed(NOW - 2_000));
    assert_eq!((late.act, late.record.epoch), (None, 10));
    assert!(late.verdict.message.contains("not the leader"), "{}", late.verdict.message);
    assert_eq!(decide(late.record, &failed(NOW - 2_000)).act.map(|again| again.id(10)), Some(act.id(10)));
}

#[test]
fn whoever_makes_blocks_begins_the_cluster_else_whoever_has_the_most() {
    let founder = |voters: &[Voter]| decide(Record::default(), &seen(voters.to_vec())).record.founder;
    let mut voters = three();
    assert_eq!(founder(&voters).as_deref(), Some("chains/a"), "the oldest of equals");
    voters[1] = voter("b", 8);
    assert_eq!(founder(&voters).as_deref(), Some("chains/b"));
    set_active(&mut voters[2], true);
    assert_eq!(founder(&voters).as_deref(), Some("chains/c"));
    voters[2].sequencer.wanted = false;
    assert_eq!(founder(&voters).as_deref(), Some("chains/b"));
}

#[test]
fn without_sequencers_there_is_nothing_to_decide() {
    assert_eq!(decide(Record::default(), &seen(vec![])).verdict.standing, Standing::NoSequencer);
}
