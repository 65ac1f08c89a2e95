//! The five documents of the specification are taken as they stand, where its text is at hand.

use serde_json::Value;
use suite::{MINUTE, paths, specification};

use crate::chain;

const KINDS: [&str; 5] = ["OptimismNetwork", "OpNode", "OpBatcher", "OpProposer", "OpChallenger"];

#[test]
fn the_specifications_documents_are_taken_verbatim() {
    let Some(documents) = specification::documents() else {
        println!("skipped: there is no {}", specification::TEXT);
        return;
    };
    let site = &chain().site;
    site.namespace("optimism-system");
    let parsed: Vec<Value> = documents
        .iter()
        .map(|document| serde_norway::from_str(document).unwrap_or_else(|error| panic!("{error}:\n{document}")))
        .collect();
    assert_eq!(parsed.iter().map(|object| object["kind"].clone()).collect::<Vec<_>>(), KINDS);
    for (document, object) in documents.iter().zip(&parsed) {
        let path = paths::collection(object);
        suite::until("the kind to be served", MINUTE, || match site.request("GET", &path, None).status {
            200 => Ok(()),
            status => Err(format!("{status}\n{}", site.log_tail())),
        });
        let arguments = ["create", "--validate=strict", "--filename=-"];
        let created = site.kubectl.run_with_input(arguments, document);
        created.unwrap_or_else(|error| panic!("{}: {error:#}", object["kind"]));
    }
    for object in &parsed {
        let path = paths::of(object);
        let (seen, _) = site.wait("the document to be looked at", &path, MINUTE, |live| {
            live["status"]["observedGeneration"] == live["metadata"]["generation"]
                && live["status"]["conditions"].is_array()
        });
        contains(&seen["spec"], &object["spec"], "spec");
        let ready = suite::condition::of(&seen, "Ready");
        println!(
            "S1: {}: {} {} {}: {}",
            object["kind"], seen["status"]["phase"], ready["status"], ready["reason"], ready["message"]
        );
        assert!(!ready["reason"].as_str().unwrap_or_default().starts_with("Plugin"), "{ready}");
    }
    println!("S1: {} documents applied verbatim, with strict validation", parsed.len());
}

/// What was written is what is stored: nothing was pruned, and nothing read as something else.
fn contains(stored: &Value, written: &Value, path: &str) {
    match (stored, written) {
        (Value::Object(stored), Value::Object(written)) => {
            for (key, value) in written {
                contains(stored.get(key).unwrap_or(&Value::Null), value, &format!("{path}.{key}"));
            }
        }
        _ => assert_eq!(stored, written, "{path}"),
    }
}
