//! Each folder of `tests/view` is a case: `objects.yaml` goes in; a table, a wide one, a tree and JSON come out. `BLESS=1` writes them.

use super::*;
use serde::Deserialize;
use std::fs;
use std::path::Path;

const KINDS: &str = "CustomResourceDefinition";

/// `now`, `warnings` and objects, as documents.
fn snapshot(text: &str) -> Snapshot {
    let mut snapshot = Snapshot::default();
    let documents: Vec<Value> =
        serde_norway::Deserializer::from_str(text).map(|document| Value::deserialize(document).unwrap()).collect();
    for document in documents {
        let kind = document["kind"].as_str().unwrap_or_default();
        let group =
            document["apiVersion"].as_str().and_then(|version| version.split_once('/')).map_or("", |(group, _)| group);
        let kind = GroupKind::new(group, kind);
        if kind.kind.is_empty() {
            snapshot.now = document["now"].as_str().unwrap().parse().unwrap();
            let warnings = document["warnings"].as_array().into_iter().flatten();
            snapshot.warnings = warnings.map(|text| text.as_str().unwrap().into()).collect();
        } else if kind.kind.as_ref() == KINDS {
            snapshot.kinds.push(Declared::of(&document).unwrap());
        } else if kind.kind.as_ref() == "Plugin" {
            snapshot.plugins.push(document);
        } else if snapshot.kinds.iter().any(|known| known.kind == kind) {
            snapshot.objects.push((kind, document));
        } else {
            snapshot.parts.push(Part::of(&kind, &document));
        }
    }
    snapshot
}

#[test]
fn what_there_is_becomes_tables_trees_and_json() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/view");
    let mut cases: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(!cases.is_empty());
    for case in cases {
        let view = snapshot(&fs::read_to_string(case.join("objects.yaml")).unwrap()).view();
        let json = format!("{}\n", serde_json::to_string_pretty(&view).unwrap());
        for (name, text) in [
            ("table.txt", table(&view, false, Paint(false))),
            ("wide.txt", table(&view, true, Paint(false))),
            ("tree.txt", tree(&view, &[], Paint(false))),
            ("view.json", json),
        ] {
            let path = case.join(name);
            if std::env::var_os("BLESS").is_some() {
                fs::write(&path, &text).unwrap();
            }
            let expected = fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(text, expected, "{}; BLESS=1 writes what came out", path.display());
        }
    }
}

#[test]
fn an_object_is_meant_by_any_name_of_its_kind() {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/view/chain/objects.yaml");
    let view = snapshot(&fs::read_to_string(case).unwrap()).view();
    for name in ["member/one", "Members/one", "mb/one", "Member.example.io/one"] {
        let meant = view.meant(name).unwrap();
        assert_eq!(meant.iter().map(|object| object.key.as_str()).collect::<Vec<_>>(), ["Member.example.io/ns/one"]);
        let text = tree(&view, &meant, Paint(false));
        assert!(text.starts_with("Member ns/one: ") && !text.contains("Net ns/net"), "{text}");
    }
    for (name, why) in [
        ("one", "\"one\" names no object; write KIND/NAME"),
        (
            "pod/one",
            "no plugin serves the kind \"pod\"; there are Net.example.io, Member.example.io, Reader.example.io",
        ),
        (
            "member/ten",
            "there is no Member.example.io \"ten\" here; --namespace or --all-namespaces says where to look",
        ),
    ] {
        assert_eq!(view.meant(name).unwrap_err(), why);
    }
}

#[test]
fn colours_change_no_word() {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/view/chain/objects.yaml");
    let view = snapshot(&fs::read_to_string(case).unwrap()).view();
    let plain = |text: String| {
        let mut parts = text.split('\u{1b}');
        let first = parts.next().unwrap_or_default().to_string();
        parts.fold(first, |text, part| text + part.split_once('m').unwrap().1)
    };
    let coloured = table(&view, false, Paint(true));
    assert_ne!(coloured, table(&view, false, Paint(false)));
    assert_eq!(plain(coloured), table(&view, false, Paint(false)));
    assert_eq!(plain(tree(&view, &[], Paint(true))), tree(&view, &[], Paint(false)));
}
