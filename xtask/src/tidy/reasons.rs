//! Every reason that a condition can have stands in the operations manual: it is what people search for.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};

use super::{Document, kinds};

const MANUAL: &str = "docs/operations.md";
/// Errors of loading give their reasons by a function of their own.
const LOAD_ERRORS: &str = "host/engine/src/error.rs";

/// Complaints about reasons that the manual lacks.
pub fn complaints(documents: &[Document]) -> Result<Vec<String>> {
    let manual = documents.iter().find(|document| document.path == MANUAL).context("there is no manual")?;
    let known: BTreeSet<_> = manual.text.split('`').skip(1).step_by(2).collect();
    let host = documents.iter().filter(|document| kinds::is_host_code(&document.path));
    let found: BTreeSet<_> = host.flat_map(reasons).collect();
    Ok(found
        .into_iter()
        .filter(|reason| !known.contains(reason.as_str()))
        .map(|reason| format!("{MANUAL}: the reason {reason} is missing; say what happened and who acts"))
        .collect())
}

/// Blame and word, joined as in a condition.
fn reasons(document: &Document) -> Vec<String> {
    let code: String = kinds::code(&document.text).split_whitespace().collect::<Vec<_>>().join(" ");
    let mut found: Vec<_> = words_after(&code, "Fault::plugin(").map(|word| format!("Plugin{word}")).collect();
    for blame in ["Plugin", "Host", "Cluster", "Spec"] {
        found.extend(words_after(&code, &format!("Blame::{blame},")).map(|word| format!("{blame}{word}")));
    }
    if document.path == LOAD_ERRORS {
        found.extend(words_after(&code, "=>").map(|word| format!("Plugin{word}")));
    }
    found
}

/// Texts that follow some words at once.
fn words_after<'a>(code: &'a str, before: &str) -> impl Iterator<Item = &'a str> {
    let rests = code.split(before).skip(1).map(str::trim_start);
    rests.filter_map(|rest| rest.strip_prefix('"')?.split('"').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_the_manual_lacks_is_found() {
        let code = "Fault::plugin(\n    \"Trap\", x); Fault::new(Blame::Cluster, \"Gone\", y); (Blame::Spec, \"Bad\")";
        let documents = [
            Document::new("host/a/src/b.rs", code),
            Document::new(LOAD_ERRORS, "Self::Damaged { .. } => \"Damaged\","),
            Document::new(MANUAL, "| `PluginTrap`, `ClusterGone` | |"),
        ];
        let complaints = complaints(&documents).expect("the manual is there");
        assert_eq!(complaints.len(), 2, "{complaints:?}");
        assert!(complaints[0].contains("PluginDamaged") && complaints[1].contains("SpecBad"));
    }
}
