//! The text that the custom resources were first described in, where it is at hand.

use std::fs;

use crate::plugins::root;

/// Where it is, from the root of the project.
pub const TEXT: &str = "../shared/seeds/op-stack-operator-spec.txt";

/// The YAML documents of the dump: each begins with its `apiVersion` and ends where the prose goes on.
/// Nothing where the text is not at hand.
pub fn documents() -> Option<Vec<String>> {
    let text = fs::read_to_string(root().join(TEXT)).ok()?.replace('\u{a0}', " ");
    let mut documents: Vec<Vec<&str>> = Vec::new();
    let mut is_inside = false;
    for line in text.lines() {
        let begins = line.starts_with("apiVersion: ");
        let goes_on = line.is_empty()
            || line.starts_with([' ', '#'])
            || ["apiVersion:", "kind:", "metadata:", "spec:", "status:"].iter().any(|key| line.starts_with(key));
        if begins {
            documents.push(Vec::new());
        }
        is_inside = begins || is_inside && goes_on;
        if let Some(document) = documents.last_mut().filter(|_| is_inside) {
            document.push(line);
        }
    }
    Some(documents.iter().map(|lines| lines.join("\n")).collect())
}
