//! What people see of a chain whose heads move: `opstack status` and `tree`, by themselves and through kubectl, and the page,
//! in a browser.

use std::{
    os::unix::fs::symlink,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use page::{Browser, Page, Theme};
use rpc_double::{Double, Recording};
use serde_json::{Value, json};
use suite::{MINUTE, ask, kubelet, paths, plugins, program};

use crate::chain::{self, FACTORY};
use crate::world::{self, Pod, World};

const NAMESPACE: &str = "seen";
/// Seconds from block to block.
const BLOCK_TIME: u64 = 2;
/// The number in a card of the page, by the column that it is of.
const HEAD: &str = "document.getElementById('picture').querySelector('[data-key$=\"/seen/seq\"]').getAttribute('aria-label').match(/Unsafe (\\d+)/)?.[1]";

/// A chain of which the sequencer's head moves, and the replica is some blocks behind. It lives as long as its programs do.
fn living_chain(world: &World) -> (Double, [Pod; 2]) {
    let site = &world.site;
    chain::namespace(site, NAMESPACE);
    let l1 = world::double("anvil");
    let url = l1.url().replace("http://", "http://user:pa55word@");
    let mut replica = chain::replica(NAMESPACE, "rep", 1);
    replica["spec"]["sequencerUrl"] = Value::Null;
    replica["spec"]["sequencerRef"] = json!({"name": "seq"});
    let game = json!({"disputeGame": {"factoryAddr": FACTORY, "gameType": 0}});
    for object in [
        chain::network(NAMESPACE, "net", &url),
        chain::sequencer(NAMESPACE, "seq"),
        replica,
        chain::component("OpBatcher", NAMESPACE, "batcher", &json!({})),
        chain::component("OpProposer", NAMESPACE, "proposer", &game),
        // Its network is missing.
        chain::object(
            "OpNode",
            NAMESPACE,
            "lost",
            json!({"optimismNetworkRef": {"name": "nowhere"}, "nodeType": "replica"}),
        ),
    ] {
        site.create(&object);
    }
    let begun = world::now();
    let pods = [("seq", "op-node-sequencer", "op-geth", 0), ("rep", "op-node-replica", "op-geth-replica", 4)].map(
        |(name, consensus, execution, behind)| {
            let pod = kubelet::wait_pods(site, NAMESPACE, &format!("{name}-"), 1).remove(0);
            let address = world::address();
            let double = Pod::start(address, consensus, execution);
            moves(&double, begun, behind);
            kubelet::report(site, NAMESPACE, &pod, address.into(), true);
            double
        },
    );
    for name in ["seq", "rep"] {
        let object = chain::object("OpNode", NAMESPACE, name, Value::Null);
        let path = paths::of(&object);
        site.wait(&format!("{path} to run"), &path, 2 * MINUTE, |node| node["status"]["phase"] == "Running");
    }
    (l1, pods)
}

/// A block every other second; what is safe and what is final follows behind.
fn moves(pod: &Pod, begun: u64, behind: u64) {
    let recorded = Recording::load("op-node-sequencer").result("optimism_syncStatus").clone();
    pod.consensus.on("optimism_syncStatus", move |_| {
        let newest = 1000 + (world::now() - begun) / BLOCK_TIME - behind;
        let mut status = recorded.clone();
        for (name, number) in [("unsafe_l2", newest), ("safe_l2", newest - 9), ("finalized_l2", newest - 40)] {
            status[name]["number"] = number.into();
            status[name]["timestamp"] = (begun + (number.saturating_sub(1000)) * BLOCK_TIME).into();
            status[name]["hash"] = format!("0x{number:064x}").into();
        }
        Ok(status)
    });
}

/// What a command prints.
fn output(world: &World, command: &mut Command) -> String {
    command.env("KUBECONFIG", world.site.plane.kubeconfig_path()).env_remove("OPSTACK_NAMESPACE");
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn people_see_the_living_chain() {
    let world = World::start(&["--page=127.0.0.1:0"]);
    let _programs = living_chain(&world);
    the_tables_and_the_tree_show_it(&world);
    the_program_is_a_plugin_of_kubectl(&world);
    the_page_is_read_only_and_closed(&world);
    match page::browser() {
        Ok(browser) => the_page_shows_it_until_nobody_answers(world, &browser),
        Err(why) => println!("skipped: {why}"),
    }
}

fn the_tables_and_the_tree_show_it(world: &World) {
    let opstack = |arguments: &[&str]| output(world, Command::new(program()).args(arguments).args(["-n", NAMESPACE]));
    let table = opstack(&["status"]);
    println!("{table}");
    for text in
        ["OpNode.optimism.io", "UNSAFE", "SAFE", "FINALIZED", "LAG", "PEERS", "seq", "rep", "OpBatcher.optimism.io"]
    {
        assert!(table.contains(text), "{text}: {table}");
    }
    assert!(table.contains("OpNode seen/lost  Reconciling: Waiting\n"), "{table}");
    assert!(!table.contains("may be old"), "the operator is at work: {table}");

    let json: Value = serde_json::from_str(&opstack(&["status", "-o", "json"])).expect("JSON");
    let nodes = json["kinds"].as_array().expect("kinds").iter().find(|kind| kind["kind"] == "OpNode.optimism.io");
    let replica =
        nodes.and_then(|kind| kind["objects"].as_array()?.iter().find(|node| node["name"] == "rep")).expect("a node");
    assert_eq!(replica["belongsTo"], "OptimismNetwork.optimism.io/seen/net");
    assert_eq!(replica["fedBy"], json!([{"key": "OpNode.optimism.io/seen/seq", "shown": true}]));

    let tree = opstack(&["tree"]);
    println!("{tree}");
    for text in [
        "OptimismNetwork seen/net: ",
        "└─ OpProposer seen/proposer: ",
        "← OpNode seen/seq",
        "StatefulSet seq\n",
        "Pod seq-0\n",
        "ConfigMap net-",
    ] {
        assert!(tree.contains(text), "{text}: {tree}");
    }
    let one = opstack(&["tree", "opnode/rep"]);
    assert!(one.starts_with("OpNode seen/rep: ") && !one.contains("seen/net"), "{one}");
    for text in [&table, &tree, &json.to_string()] {
        assert!(!text.contains("pa55word"), "a secret is shown");
    }
}

/// kubectl finds programs called `kubectl-…` on the `PATH`.
fn the_program_is_a_plugin_of_kubectl(world: &World) {
    let directory = world.site.directory().join("bin");
    std::fs::create_dir(&directory).expect("a directory");
    symlink(program(), directory.join("kubectl-opstack")).expect("a link");
    let kubectl = control_plane::Programs::find().expect("programs").kubectl.expect("kubectl");
    let path = format!("{}:/usr/bin:/bin", directory.display());
    let table = output(world, Command::new(kubectl).env("PATH", path).args(["opstack", "status", "-n", NAMESPACE]));
    assert!(table.contains("OpNode.optimism.io") && table.contains("seq"), "{table}");
}

fn the_page_is_read_only_and_closed(world: &World) {
    let address = world.operator.page().expect("it was asked for");
    for path in ["/", "/page.js", "/view.json"] {
        let answer = ask(address, "GET", path).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a body");
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
        let head = head.to_lowercase();
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self'",
            "x-content-type-options: nosniff",
            "cache-control: no-store",
        ] {
            assert!(head.contains(header), "{path} lacks {header}: {head}");
        }
        assert!(!body.contains("pa55word"), "a secret is shown");
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            let answer = ask(address, method, path).expect("an answer");
            assert!(answer.starts_with("HTTP/1.1 405"), "{method} {path}: {answer}");
        }
    }
    let metrics = ask(address, "GET", "/metrics").expect("an answer");
    assert!(metrics.starts_with("HTTP/1.1 404"), "{metrics}");
}

fn the_page_shows_it_until_nobody_answers(world: World, program: &Path) {
    let url = format!("http://{}/", world.operator.page().expect("it was asked for"));
    let mut browser = Browser::start(program).unwrap_or_else(|error| panic!("{error:#}"));
    let mut page = browser.open(&url, Theme::Light).unwrap_or_else(|error| panic!("{error:#}"));
    shows(&mut page).unwrap_or_else(|error| panic!("{error:#}"));
    world.operator.kill();
    let silent = "document.body?.dataset.state === 'silent' && document.body.classList.contains('stale') && document.getElementById('alerts').innerText.includes('does not answer')";
    page.wait(silent, MINUTE).unwrap_or_else(|error| panic!("{error:#}"));
    // What it said last is still there.
    assert!(page.evaluate(HEAD).is_ok_and(|head| head.is_string()));
}

fn shows(page: &mut Page<'_>) -> anyhow::Result<()> {
    page.wait("document.body?.dataset.state === 'shown'", MINUTE)?;
    let arrows = page.evaluate("document.querySelectorAll('#picture .flow').length")?;
    assert_eq!(arrows, 3, "the sequencer feeds the replica, the batcher and the proposer");
    let names = page.evaluate("[...document.querySelectorAll('#picture [data-key]')].map((node) => node.dataset.key.split('/').slice(1).join('/')).sort()")?;
    assert_eq!(names, json!(["seen/batcher", "seen/lost", "seen/net", "seen/proposer", "seen/rep", "seen/seq"]));
    heads_move(page)?;
    for (theme, name) in [(Theme::Dark, "page-dark.png"), (Theme::Light, "page.png")] {
        page.theme(theme)?;
        page.picture(&plugins::root().join("target").join(name))?;
    }
    // By keys alone.
    page.evaluate("document.querySelector('#picture [data-key$=\"/seen/rep\"]').focus()")?;
    page.press("Enter")?;
    page.wait("document.getElementById('details').innerText.includes('StatefulSet rep')", MINUTE)?;
    let complaints = page.complaints()?;
    assert_eq!(complaints, [""; 0], "the console has errors");
    Ok(())
}

/// The head on the page grows, without anybody loading it again.
fn heads_move(page: &mut Page<'_>) -> anyhow::Result<()> {
    let head = |page: &mut Page<'_>| -> anyhow::Result<u64> {
        Ok(page.evaluate(HEAD)?.as_str().and_then(|head| head.parse().ok()).unwrap_or(0))
    };
    let first = head(page)?;
    assert!(first >= 1000, "{first}");
    let begun = Instant::now();
    loop {
        let next = head(page)?;
        if next > first {
            println!("the head moved from {first} to {next} within {:?}", begun.elapsed());
            return Ok(());
        }
        assert!(begun.elapsed() < 2 * MINUTE, "the head stands at {first}");
        thread::sleep(Duration::from_millis(50));
    }
}
