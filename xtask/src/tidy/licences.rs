//! Every crate that we are built from may be used under a licence that `deny.toml` allows.

use std::collections::{BTreeSet, VecDeque};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::Document;

const LIST: &str = "deny.toml";

/// Complaints about the crates that `cargo metadata` lists.
pub fn complaints(documents: &[Document], metadata: &Value) -> Result<Vec<String>> {
    let list =
        documents.iter().find(|document| document.path == LIST).with_context(|| format!("there is no {LIST}"))?;
    let allowed = allowed(&list.text);
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    Ok(packages.iter().filter_map(|package| complaint(package, &allowed)).collect())
}

fn complaint(package: &Value, allowed: &BTreeSet<&str>) -> Option<String> {
    let name = package["name"].as_str().unwrap_or_default();
    let Some(terms) = package["license"].as_str() else {
        return Some(format!("{name} names no licence"));
    };
    (!is_allowed(terms, allowed)).then(|| format!("{name} has the licence {terms}, which {LIST} does not allow"))
}

/// The texts of the list `allow`, each on a line of its own.
fn allowed(text: &str) -> BTreeSet<&str> {
    let lines = text.lines().skip_while(|line| *line != "allow = [").skip(1).take_while(|line| *line != "]");
    lines.filter_map(|line| line.trim().strip_prefix('"')?.split('"').next()).collect()
}

/// Whether terms such as `(MIT OR Apache-2.0) AND ISC` can be met. An old spelling of OR is a slash.
fn is_allowed(terms: &str, allowed: &BTreeSet<&str>) -> bool {
    let terms = terms.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ").replace(" WITH ", "+WITH+");
    let mut words = Words(terms.split_whitespace().map(|word| word.replace("+WITH+", " WITH ")).collect());
    // What is not understood is not allowed.
    words.any(allowed) && words.0.is_empty()
}

/// What is still to be read of some terms.
struct Words(VecDeque<String>);

impl Words {
    fn any(&mut self, allowed: &BTreeSet<&str>) -> bool {
        let mut met = self.all(allowed);
        while self.take("OR") {
            met |= self.all(allowed);
        }
        met
    }

    fn all(&mut self, allowed: &BTreeSet<&str>) -> bool {
        let mut met = self.one(allowed);
        while self.take("AND") {
            met &= self.one(allowed);
        }
        met
    }

    fn one(&mut self, allowed: &BTreeSet<&str>) -> bool {
        if self.take("(") {
            let met = self.any(allowed);
            return self.take(")") && met;
        }
        self.0.pop_front().is_some_and(|name| allowed.contains(name.as_str()))
    }

    /// Goes over a word if it is the next one.
    fn take(&mut self, word: &str) -> bool {
        let is_next = self.0.front().is_some_and(|next| next == word);
        if is_next {
            self.0.pop_front();
        }
        is_next
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TEXT: &str =
        "[licenses]\nallow = [\n    \"MIT\",\n    # Why.\n    \"ISC\",\n    \"A WITH B\",\n]\nother = [\"GPL\"]\n";

    #[test]
    fn terms_are_met_or_not() {
        let allowed = allowed(TEXT);
        for terms in ["MIT", "MIT OR GPL", "GPL/MIT", "(GPL OR ISC) AND MIT", "GPL OR MIT AND ISC", "A WITH B OR GPL"] {
            assert!(is_allowed(terms, &allowed), "{terms}");
        }
        for terms in ["GPL", "", "GPL AND MIT", "(MIT OR ISC) AND GPL", "A", "MIT)", "(MIT", "A WITH C"] {
            assert!(!is_allowed(terms, &allowed), "{terms}");
        }
    }

    #[test]
    fn a_crate_that_may_not_be_used_is_found() {
        let package = |licence: Value| json!({"name": "x", "license": licence});
        let metadata = json!({"packages": [package("MIT".into()), package("GPL".into()), package(Value::Null)]});
        let complaints = complaints(&[Document::new(LIST, TEXT)], &metadata).expect("the list is there");
        assert_eq!(complaints.len(), 2, "{complaints:?}");
    }
}
