//! No field is accepted and silently ignored.

use std::path::Path;

use matrix::coverage::{BY_THE_HOST, Covered, coverage};
use matrix::{Explorer, Kind, Leaf, leaves, render};

#[test]
fn every_field_is_honoured_or_told_as_not_honoured() {
    let explorer = Explorer::default();
    let found: Vec<_> = Kind::ALL
        .into_iter()
        .flat_map(leaves)
        .map(|leaf| {
            let covered = coverage(&explorer, &leaf);
            (leaf, covered)
        })
        .collect();
    let report = report(&found);
    println!("{report}");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../fields.txt");
    std::fs::write(target, &report).unwrap();
    let ignored = found.iter().filter(|(_, covered)| matches!(covered, Covered::Ignored(_))).count();
    assert_eq!(ignored, 0, "fields that are ignored:\n{report}");
}

fn report(found: &[(Leaf, Covered)]) -> String {
    let mut lines = vec![];
    for kind in Kind::ALL {
        let of_kind = || found.iter().filter(|(leaf, _)| leaf.kind == kind);
        let count = |is: fn(&Covered) -> bool| of_kind().filter(|(_, covered)| is(covered)).count();
        lines.push(format!(
            "{}: {} fields; {} rendered, {} rendered or told as not honoured, {} told as not honoured, {} repeated, {} by the host, {} ignored",
            kind.name(),
            of_kind().count(),
            count(|covered| *covered == Covered::Rendered),
            count(|covered| matches!(covered, Covered::InPart(_))),
            count(|covered| matches!(covered, Covered::NotHonoured(_))),
            count(|covered| matches!(covered, Covered::Repeated(_))),
            count(|covered| *covered == Covered::ByTheHost),
            count(|covered| matches!(covered, Covered::Ignored(_))),
        ));
        for (leaf, covered) in of_kind() {
            let path = &leaf.path;
            lines.extend(match covered {
                Covered::Rendered | Covered::ByTheHost => None,
                Covered::InPart(why) => Some(format!("  {path}: not always honoured: {why}")),
                Covered::NotHonoured(why) => Some(format!("  {path}: not honoured: {why}")),
                Covered::Repeated(why) => Some(format!("  {path}: must agree: {why}")),
                Covered::Ignored(how) => Some(format!("  {path}: IGNORED: {how}")),
            });
        }
    }
    lines.join("\n") + "\n"
}

#[test]
fn the_host_honours_what_is_said_of_it() {
    for (path, file, words) in BY_THE_HOST {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file);
        let text = std::fs::read_to_string(source).unwrap();
        assert!(text.contains(words), "{file} does not honour {path}");
    }
}

/// An ignored field, planted: the plugin never sees it.
#[test]
fn a_field_that_is_ignored_is_found() {
    let all = leaves(Kind::Batcher);
    let planted = all.iter().find(|leaf| leaf.path.to_string() == "spec.l1Transaction.feeLimitMultiplier").unwrap();
    let path = planted.path.clone();
    let explorer = Explorer::with(Box::new(move |kind, documents, around| {
        let mut documents = documents.to_vec();
        path.remove(&mut documents[0]);
        render(kind, &documents, around)
    }));
    let ignored = all.iter().filter(|leaf| matches!(coverage(&explorer, leaf), Covered::Ignored(_)));
    let ignored: Vec<_> = ignored.map(|leaf| leaf.path.to_string()).collect();
    assert_eq!(ignored, ["spec.l1Transaction.feeLimitMultiplier"]);
}
