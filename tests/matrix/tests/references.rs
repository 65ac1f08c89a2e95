//! References into other namespaces are those of the table in `docs/operations.md`, and no Secret or ConfigMap is among them.

use std::collections::BTreeSet;
use std::path::Path;

use matrix::{Kind, leaves};

const TITLE: &str = "## Objects of other namespaces";

/// Every field of every kind that names a namespace.
fn fields() -> Vec<(Kind, String)> {
    let all = Kind::ALL.into_iter().flat_map(leaves).map(|leaf| (leaf.kind, leaf.path.to_string()));
    all.filter_map(|(kind, path)| Some((kind, path.strip_suffix(".namespace")?.to_string()))).collect()
}

/// The rows of the table whose references may lead into another namespace: the first cell of each.
fn rows() -> Vec<String> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operations.md")).unwrap();
    let (_, text) = text.split_once(TITLE).unwrap();
    let text = text.split("\n## ").next().unwrap();
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_string()).collect::<Vec<_>>();
    let rows = text.lines().filter(|line| line.starts_with("| ")).map(cells);
    rows.filter(|row| row.get(2).is_some_and(|may| may.starts_with("yes")))
        .filter_map(|row| row.get(1).cloned())
        .collect()
}

#[test]
fn every_reference_into_another_namespace_is_in_the_table() {
    let rows = rows();
    let fields = fields();
    for (kind, path) in &fields {
        let words = [format!("`{path}`"), format!("`{}`", kind.name())];
        let is_in = rows.iter().any(|row| words.iter().all(|word| row.contains(word.as_str())));
        assert!(
            is_in,
            "{path} of {} may name another namespace and is not in the table of docs/operations.md",
            kind.name()
        );
    }
    // And the table has none that is gone.
    let known: BTreeSet<_> = fields.iter().map(|(_, path)| format!("`{path}`")).collect();
    for row in rows.iter().filter(|row| row.starts_with("`spec.")) {
        assert!(known.iter().any(|path| row.contains(path.as_str())), "the table has {row:?}, which is no field");
    }
}

#[test]
fn no_secret_and_no_config_map_is_named_in_another_namespace() {
    const MAY: [&str; 3] = ["optimismNetworkRef", "sequencerRef", "nodeRef"];
    let fields = fields();
    assert!(fields.len() >= 9, "{fields:?}");
    for (kind, path) in fields {
        let name = path.rsplit('.').next().unwrap_or_default();
        assert!(
            MAY.contains(&name),
            "{path} of {} names a namespace; only nodes and networks may be elsewhere",
            kind.name()
        );
    }
}

/// The files below a directory.
fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn lists_of_a_networks_objects_come_from_its_consent() {
    const LISTS: &str = ".spec.optimismNetworkRef.name=";
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let plugins = std::fs::read_dir(root.join("plugins")).unwrap().map(|entry| entry.unwrap().path().join("src"));
    let sources = plugins.filter(|path| path.is_dir()).chain([root.join("sdk/src")]).flat_map(|path| files(&path));
    let listing = sources.filter(|path| std::fs::read_to_string(path).unwrap_or_default().contains(LISTS));
    let names: Vec<_> = listing.map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(names, ["consent.rs"], "use Consent::members, which leaves out what the network does not permit");
}
