//! Random stories: what happens to a network, one fault after the other, the same for the same seed.

use op_network::sequencing::decide::Policy;

use super::model::{Fault, NAMES, RULES, Rules, World};
use super::moment::{MINUTE, POLICY};

/// Numbers from a seed (SplitMix64).
pub struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// What happens next.
fn fault(dice: &mut Dice) -> Fault {
    let node = dice.below(NAMES.len() as u64) as usize;
    let machine = dice.below(4) as usize;
    let seconds = dice.below(100) + 1;
    match dice.below(46) {
        0..3 => Fault::Cut(node),
        3..5 => Fault::Isolated(node),
        5..8 => Fault::Stalled(node),
        8 => Fault::BehindL1(node),
        9..11 => Fault::Hangs(node),
        11..13 => Fault::Restarts(node, dice.below(400) + 1, 0),
        13..15 => Fault::Restarts(node, seconds, dice.below(30)),
        15..17 => Fault::Deleted(node, seconds),
        17..20 => Fault::Forced(node, seconds % 30 + 1),
        20..23 => Fault::MachineLost(node),
        23 => Fault::MachineBack(machine),
        24 => Fault::Reboot(machine),
        25 => Fault::Namesake(machine),
        26 => Fault::OutOfService(machine),
        27..30 => Fault::Approve,
        30 => Fault::MadeAgain,
        31..33 => Fault::AnswerLost,
        33..35 => Fault::Late(dice.below(25) + 1),
        35..37 => Fault::Paused(dice.below(200) + 1),
        37 => Fault::Refused,
        38 => Fault::Crash,
        39..41 => Fault::Failover,
        41 => Fault::TwoLeaders(seconds),
        42..44 => Fault::OldPicture(node, dice.below(300) + 1),
        44 => Fault::NotWritten,
        _ => Fault::LateStatus(seconds),
    }
}

/// What came of a story.
pub struct Told {
    pub world: World,
    pub steps: u64,
    pub faults: u64,
}

/// Tells the story of a seed: up to forty faults, each some seconds after the one before.
pub fn tell(seed: u64, rules: Rules) -> Told {
    let mut dice = Dice(seed);
    let longest = [10_000, MINUTE, 5 * MINUTE][dice.below(3) as usize];
    let policy = Policy { max_block_time: longest, allow_loss: dice.below(4) == 0, ..POLICY };
    let mut world = World::new(policy, rules);
    if dice.below(2) == 0 {
        world.start_by_hand(dice.below(3) as usize);
    }
    let (faults, mut steps) = (dice.below(40), 0);
    for _ in 0..faults {
        let pause = match dice.below(7) {
            0..4 => dice.below(10),
            4..6 => 10 + dice.below(80),
            _ => 90 + dice.below(510),
        };
        (0..pause).for_each(|_| world.step());
        steps += pause;
        world.suffer(fault(&mut dice));
        if world.broken.is_some() {
            break;
        }
    }
    Told { world, steps, faults }
}

/// All is well again, and a person does what is asked for: then one makes blocks.
pub fn heals(told: &mut Told) -> Result<(), String> {
    let Told { world, steps, .. } = told;
    world.mend();
    let mut asked = 0;
    for _ in 0..2400 {
        world.step();
        *steps += 1;
        if world.told().as_ref().is_some_and(|status| status.approval_nonce.is_some()) {
            asked += 1;
            if asked % 60 == 0 {
                world.suffer(Fault::Approve);
            }
        }
        if world.standing() == Some(op_network::sequencing::verdict::Standing::UnsafeHeadLossNotAllowed) {
            // What was told and is on no disk any more is let go.
            world.policy.allow_loss = true;
        }
    }
    if let Some(broken) = &world.broken {
        return Err(format!("{broken}: {:?}", world.told()));
    }
    let before = world.number();
    (0..20).for_each(|_| world.step());
    match world.active() {
        1 if world.number() > before => Ok(()),
        active => Err(format!("{active} make blocks in the end, {:?}: {:?}", world.standing(), world.told())),
    }
}

/// As [`tell`] with all rules.
pub fn lived(seed: u64) -> Told {
    tell(seed, RULES)
}
