//! The recordings are what the real programs answer: all of them are started, asked the same, and have to answer in the same
//! shape. `BLESS=1` records anew.

mod ask;
mod devnet;
mod shape;

use std::{
    fs,
    time::{Duration, Instant},
};

use op_programs::OpPrograms;
use rpc_double::Recording;
use serde_json::{Value, json};

use devnet::Devnet;

/// Long enough for batches, proposals and what is measured of them to be there.
const PATIENCE: Duration = Duration::from_secs(120);

/// Name of each recording, the program whose answers it has, and what that one did. What is asked is in the recording.
const RECORDINGS: [(&str, &str, &str); 8] = [
    ("anvil", "anvil", "the devnet's L1; at 0x4444… is a contract"),
    ("op-geth", "op-geth", "the sequencer's execution client"),
    ("op-geth-replica", "op-geth", "the replica's execution client"),
    ("op-node-sequencer", "op-node", "a sequencer of a devnet with one peer"),
    ("op-node-replica", "op-node", "a replica of the same devnet"),
    ("op-batcher", "op-batcher", "after some batches on L1"),
    ("op-proposer", "op-proposer", "after some proposals to a contract that takes everything"),
    ("op-challenger", "op-challenger", "without games"),
];

#[test]
fn recordings_have_the_shape_of_what_the_programs_answer() {
    let programs = match OpPrograms::find() {
        Ok(programs) => programs,
        Err(error) => {
            println!("skipped: the programs are not there: {error:#}");
            return;
        }
    };
    let versions = programs.all();
    let devnet = Devnet::start(&programs);
    let begun = Instant::now();
    for (name, program, about) in RECORDINGS {
        // The current release is the first of a program's versions.
        let version = versions.iter().find(|known| known.name == program).map(|known| known.version.as_str());
        let recorded = Recording::load(name).document().clone();
        let live = loop {
            let live = record(&devnet, name, &recorded, [program, version.unwrap_or_default(), about]);
            let is_late = begun.elapsed() > PATIENCE;
            match shape::difference(&recorded, &live) {
                Some(difference) if is_late && std::env::var_os("BLESS").is_none() => {
                    panic!("{name}: {difference}\n{}", devnet.log(name))
                }
                // Not everything is there from the beginning.
                Some(_) if !is_late => std::thread::sleep(Duration::from_millis(500)),
                _ => break live,
            }
        };
        println!("{name}: as {program} {} answers", version.unwrap_or_default());
        if std::env::var_os("BLESS").is_some() {
            let text = serde_json::to_string_pretty(&live).expect("JSON") + "\n";
            fs::write(Recording::directory().join(format!("{name}.json")), text).expect("written");
        }
    }
}

/// Asks what the recording has asked.
fn record(devnet: &Devnet<'_>, name: &str, recorded: &Value, [program, version, about]: [&str; 3]) -> Value {
    let ports = devnet.ports(name);
    let calls = recorded["calls"].as_array().into_iter().flatten().map(|call| {
        let answer = ask::call(ports.rpc, &call["method"], &call["params"]);
        let mut answered = json!({"method": call["method"], "params": call["params"]});
        for part in ["result", "error"].iter().filter(|part| answer.get(**part).is_some()) {
            answered[*part] = answer[*part].clone();
        }
        answered
    });
    let pages = recorded["pages"].as_array().into_iter().flatten().map(|page| {
        let path = page["path"].as_str().unwrap_or_default();
        let port = if path == "/metrics" { ports.metrics } else { ports.rpc };
        let text = ask::page(port, path);
        // Of the metrics what is the program's own, and of histograms what is asked for by name.
        let is_kept = |line: &&str| path != "/metrics" || shape::is_own(line) && !line.contains("_bucket{");
        json!({"path": path, "lines": text.lines().filter(is_kept).collect::<Vec<_>>()})
    });
    let (calls, pages) = (calls.collect::<Vec<_>>(), pages.collect::<Vec<_>>());
    json!({"program": program, "version": version, "about": about, "calls": calls, "pages": pages})
}
