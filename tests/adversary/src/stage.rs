//! The stage: control plane, operator, victim and tenant; what the victim is like in peace, and whether it still is.

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use control_plane::Mark;
use rpc_double::Double;
use suite::{
    Site, audit,
    pair::NAMES,
    try_until,
    world::{self, World},
};

use crate::{
    attack::{Attack, Facts, path_of},
    picture::Picture,
    tenant::Tenant,
    victim::{self, Victim},
    watch,
};

/// The operator's answer to an attack is there soon.
const SOON: Duration = Duration::from_secs(15);
/// Programs of nodes and components are asked every 15 s; this is the longest of them and some time for jitter.
const WINDOW: Duration = Duration::from_secs(35);
/// So much longer than in peace a program may be left without a question.
const LATER: Duration = Duration::from_secs(5);

/// A name that leads where a cloud has its metadata.
const METADATA_NAME: &str = "metadata.mallory.example";

/// All of it.
pub struct Stage {
    /// The control plane and the operator.
    pub world: &'static World,
    /// Who must not feel anything.
    pub victim: Victim,
    /// Who attacks.
    pub tenant: Tenant,
    /// L1 of the attacker.
    pub l1: Double,
    /// A server beside the operator, which nobody may have asked.
    pub closed: Double,
}

/// What the victim is like.
#[derive(Clone)]
pub struct Peace {
    picture: Picture,
    calls: usize,
    mark: Mark,
    gaps: Vec<(String, Duration)>,
    memory: u64,
}

impl Stage {
    /// Starts it; nothing where the operator can't be given names of Services.
    pub fn start() -> Option<Self> {
        // Doubles are on the loopback; the rest of it is as closed as by default.
        let world: &'static World =
            Box::leak(Box::new(World::start(&["--page=127.0.0.1:0", &format!("--probe-allow={}", world::ADDRESSES)])));
        let Some(hosts) = &world.hosts else {
            println!("skipped: no namespaces here, so that the operator can't be given the names of Services");
            return None;
        };
        let victim = Victim::start(&world.site, hosts);
        let (l1, closed) = (world::double("anvil"), world::double_at(Ipv4Addr::LOCALHOST, 0, "anvil"));
        hosts.add(METADATA_NAME, Ipv4Addr::new(169, 254, 169, 254).into());
        let tenant = Tenant::start(&world.site, &l1);
        Some(Self { world, victim, tenant, l1, closed })
    }

    /// The control plane.
    pub fn site(&self) -> &'static Site {
        &self.world.site
    }

    /// The victim in peace: at rest, and watched for a while.
    pub fn peace(&self) -> Peace {
        let site = self.site();
        let mut picture = self.victim.at_rest(site);
        loop {
            let begun = Instant::now();
            watch::pass(WINDOW);
            let gaps = self.victim.gaps(begun, Instant::now());
            let moved = picture.differences(&Picture::take(site, victim::NAMESPACE));
            if moved.is_empty() {
                println!("B: in peace the victim's programs are asked at least every {gaps:?}");
                let memory = watch::memory(&self.world.operator);
                return self.rebased(Peace { picture, calls: 0, mark: self.mark(), gaps, memory });
            }
            println!("B: not at rest yet: {moved:?}");
            picture = self.victim.at_rest(site);
        }
    }

    /// The same measures, beside the victim as it is now.
    fn rebased(&self, peace: Peace) -> Peace {
        let picture = Picture::take(self.site(), victim::NAMESPACE);
        Peace { picture, calls: self.calls(), mark: self.mark(), ..peace }
    }

    fn mark(&self) -> Mark {
        self.site().audit.mark().expect("a mark")
    }

    fn calls(&self) -> usize {
        self.victim.pair.chain().calls.len()
    }

    /// What attacks may name.
    pub fn facts(&self, peace: &Peace) -> Facts {
        let uid = |name: &str| peace.picture.uid(name);
        let plane = &self.site().plane;
        let admin = self.world.operator.address();
        let (account, own) = (self.victim.account(self.site()), &self.tenant.network["spec"]);
        let inline = |field: &str| own[field]["inline"].as_str().unwrap_or_default().to_string();
        Facts::from([
            ("victim_account", account.to_lowercase()),
            ("VICTIM_ACCOUNT", account),
            ("ATTACKER_L1", self.l1.url()),
            ("CLOSED_PORT", self.closed.port().to_string()),
            ("METADATA_NAME", METADATA_NAME.into()),
            ("ROLLUP", inline("rollupConfig")),
            ("GENESIS", inline("l2Genesis")),
            ("VICTIM_NETWORK_UID", uid("optimismnetworks/net")),
            ("VICTIM_NODE_UID", uid("opnodes/seq-a")),
            ("VICTIM_BATCHER_UID", uid("opbatchers/batcher")),
            ("OPERATOR", format!("http://{admin}")),
            ("API_SERVER", plane.url()),
        ])
    }

    /// Runs attacks of objects alone, all at once; gives what came instead of the answers that are expected.
    pub fn run(&self, attacks: &[Attack]) -> Vec<String> {
        let each = |check: &dyn Fn(&Attack) -> Result<(), String>| -> Vec<String> {
            let failed = |attack: &Attack| check(attack).err().map(|error| format!("{}: {error}", attack.name));
            attacks.iter().filter_map(failed).collect()
        };
        let refused = each(&|attack| self.apply(attack));
        let untold = each(&|attack| self.is_told(attack));
        // The operator has seen all of it when the victim's sequencers, whose answers wake it, were asked again.
        self.victim.pair.asked(1);
        [refused, untold, each(&|attack| self.is_left(attack))].concat()
    }

    fn apply(&self, attack: &Attack) -> Result<(), String> {
        for object in &attack.objects {
            let answer = self.tenant.create(object);
            if answer.status != attack.expected.answer {
                return Err(format!("the API server answers {} {}", answer.status, answer.text()));
            }
        }
        Ok(())
    }

    fn is_told(&self, attack: &Attack) -> Result<(), String> {
        attack.expected.told.iter().try_for_each(|told| {
            try_until(SOON, || match self.site().get(&path_of(&told.of)) {
                Some(live) if told.is_true_of(&live) => Ok(()),
                live => Err(format!("{told:?} is not so: {}", live.unwrap_or_default()["status"])),
            })
        })
    }

    fn is_left(&self, attack: &Attack) -> Result<(), String> {
        let is_there = |name: &&String| self.site().get(&path_of(name)).is_some();
        if let Some(name) = attack.expected.absent.iter().find(is_there) {
            return Err(format!("{name} was made"));
        }
        let gone = attack.expected.present.iter().find(|name| !is_there(name));
        gone.map_or(Ok(()), |name| Err(format!("{name} is gone")))
    }

    /// All that is not with the victim as in peace. What is told here is not told again.
    pub fn felt(&self, peace: &mut Peace) -> Vec<String> {
        self.victim.pair.asked(1);
        let mut felt = peace.picture.differences(&Picture::take(self.site(), victim::NAMESPACE));
        let chain = self.victim.pair.chain();
        felt.extend(chain.calls.iter().skip(peace.calls).map(|call| format!("a sequencer was called: {call:?}")));
        if chain.active != NAMES[..1] {
            felt.push(format!("{:?} make blocks", chain.active));
        }
        drop(chain);
        felt.extend(self.writes(peace.mark));
        if felt.is_empty() {
            peace.mark = self.mark();
        } else {
            // What comes next is held against the victim as it is now.
            *peace = self.rebased(peace.clone());
        }
        felt
    }

    /// What the operator wrote into the victim's namespace but statuses, though it may be undone by now.
    fn writes(&self, since: Mark) -> Vec<String> {
        let events = self.site().audit.events_since(since).expect("the audit log");
        let writes = audit::writes(&events).in_namespace(victim::NAMESPACE);
        let writes = writes.filter(|event| event.subresource != "status" && event.resource != "events");
        writes.iter().map(|event| format!("the operator wrote: {event}")).collect()
    }

    /// Programs that were left without questions for longer than in peace.
    pub fn neglected(&self, peace: &Peace, from: Instant) -> Vec<String> {
        let gaps = self.victim.gaps(from, Instant::now());
        println!("B: under attack they are asked at least every {gaps:?}");
        let pairs = peace.gaps.iter().zip(gaps).filter(|((_, before), (_, after))| *after > *before + LATER);
        pairs
            .map(|((name, before), (_, after))| format!("{name}: nothing was asked for {after:?}, in peace {before:?}"))
            .collect()
    }

    /// Watches for as long as in peace, and gives what is felt.
    pub fn watch(&self, peace: &mut Peace) -> Vec<String> {
        let begun = Instant::now();
        watch::pass(WINDOW);
        [self.neglected(peace, begun), self.felt(peace)].concat()
    }

    /// What was asked of the server beside the operator, which nobody may ask.
    pub fn trespassed(&self) -> Option<String> {
        let paths = self.closed.paths();
        (!paths.is_empty())
            .then(|| format!("a server of the operator's own machine was asked: {paths:?} {:?}", self.closed.calls()))
    }

    /// By how many mebibytes the operator has grown since.
    pub fn grown(&self, peace: &Peace) -> u64 {
        let now = watch::memory(&self.world.operator);
        println!("figure operator_memory_under_attack {now} MiB, {} MiB in peace", peace.memory);
        now.saturating_sub(peace.memory)
    }
}
