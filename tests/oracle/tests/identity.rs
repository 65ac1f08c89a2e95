//! Who a node is by its key: as the host tells it without showing the key, and as op-node's own libp2p does.

use anyhow::{Context as _, Result, ensure};
use op_programs::{OpPrograms, Release};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SANDBOX: &str = env!("CARGO_BIN_EXE_sandbox");

/// Valid keys: of the charts' example, the least, one with leading zeros, and the greatest.
const KEYS: [&str; 4] = [
    "98fd8aff6b44a4ba3508da05fcce2932ca148b6264916d92945f871e93043589",
    "0000000000000000000000000000000000000000000000000000000000000001",
    "000000d895ec1a38a4c6a9c31b0a8b3b6ae1d1ff9b5cf2f6a4f0e5f6d7c8b9aa",
    "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140",
];

/// Built beside the sandbox.
fn opstack() -> Command {
    Command::new(Path::new(SANDBOX).with_file_name("opstack"))
}

fn programs() -> Vec<PathBuf> {
    let programs = OpPrograms::find().unwrap();
    Release::ALL.map(|release| programs.path(release, "op-node")).into()
}

/// What a program writes when it is given a text.
fn answer(command: &mut Command, input: &str) -> Result<String> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take().context("no pipe")?;
    stdin.write_all(input.as_bytes())?;
    drop(stdin);
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// The peer id that op-node's libp2p has for a key.
fn peer_id(op_node: &Path, key: &str) -> String {
    answer(Command::new(op_node).args(["p2p", "priv2id"]), key).unwrap().trim().into()
}

/// The peer id under which `opstack render` gives a sequencer with this key to a replica.
fn rendered_peer_id(key: &str) -> Result<String> {
    let documents = format!(
        r#"
{{apiVersion: optimism.io/v1alpha1, kind: OptimismNetwork, metadata: {{name: net}}, spec: {{networkName: op-sepolia,
  chainID: 11155420, l1ChainID: 11155111, l1RpcUrl: "http://l1.test", l1BeaconUrl: "http://beacon.test"}}}}
---
{{apiVersion: optimism.io/v1alpha1, kind: OpNode, metadata: {{name: sequencer}}, spec: {{optimismNetworkRef: {{name: net}},
  nodeType: sequencer, opNode: {{p2p: {{privateKey: {{secretRef: {{name: identity, key: key}}}}}}}}}}}}
---
{{apiVersion: optimism.io/v1alpha1, kind: OpNode, metadata: {{name: replica}}, spec: {{optimismNetworkRef: {{name: net}},
  nodeType: replica, sequencerRef: {{name: sequencer}}}}}}
---
{{apiVersion: v1, kind: Secret, metadata: {{name: identity}}, stringData: {{key: "{key}"}}}}
"#
    );
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins");
    let objects = answer(opstack().args(["render", "--filename=-", "--plugins"]).arg(plugins), &documents)?;
    ensure!(!objects.contains(key), "the key is shown");
    let (_, peer) = objects.split_once("/dns4/sequencer-0.").context("the sequencer is no static peer")?;
    let (_, id) = peer.split_once("/p2p/").context("the peer has no id")?;
    Ok(id.chars().take_while(char::is_ascii_alphanumeric).collect())
}

/// The key that the init container of a pod derives.
fn derived(root: &str, namespace: &str, pod: &str) -> Result<String> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("key");
    let mut init = opstack();
    init.args(["init", "p2p-key", "--root-env=P2P_ROOT", "--to"]).arg(&file);
    init.env("P2P_ROOT", root).env("POD_NAMESPACE", namespace).env("POD_NAME", pod);
    let told = answer(&mut init, "")?;
    ensure!(told.is_empty(), "{told}");
    Ok(std::fs::read_to_string(file)?)
}

#[test]
fn peers_are_known_by_the_ids_that_libp2p_gives_them() {
    for key in KEYS {
        let ours = rendered_peer_id(key).unwrap();
        for op_node in programs() {
            assert_eq!(ours, peer_id(&op_node, key), "{}", op_node.display());
        }
        // As users write keys, too.
        assert_eq!(rendered_peer_id(&format!("0x{key}")).unwrap(), ours);
    }
}

#[test]
fn a_pod_has_the_same_derived_identity_always_and_no_other_pod_has() {
    let charts = "98fd8aff6b44a4ba3508da05fcce2932ca148b6264916d92945f871e93043589";
    assert_eq!(derived("root", "default", "vsl-sequencer-0").unwrap(), charts, "as the charts derive it");
    let pods = ["root", "other-root"].into_iter().flat_map(|root| {
        ["default", "chains"]
            .into_iter()
            .flat_map(move |namespace| ["node-0", "node-1", "other-0"].map(|pod| (root, namespace, pod)))
    });
    let pods: Vec<_> = pods.collect();
    let op_nodes = programs();
    let ids: BTreeSet<_> = pods
        .iter()
        .map(|(root, namespace, pod)| {
            let key = derived(root, namespace, pod).unwrap();
            assert_eq!(derived(root, namespace, pod).unwrap(), key, "another time, another key");
            let ids: BTreeSet<_> = op_nodes.iter().map(|op_node| peer_id(op_node, &key)).collect();
            assert_eq!(ids.len(), 1, "the releases differ: {ids:?}");
            ids
        })
        .collect();
    assert_eq!(ids.len(), pods.len(), "two pods are the same peer");
}

#[test]
fn no_identity_is_derived_without_a_root() {
    for root in ["", "two words", "a*"] {
        let error = derived(root, "default", "node-0").unwrap_err().to_string();
        assert!(error.contains("root key"), "{error}");
        assert!(root.is_empty() || !error.contains(&format!("{root:?}")), "{error}");
    }
}
