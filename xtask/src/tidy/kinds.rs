//! The host is generic: no kind and no plugin of ours is named in its code. Comments and tests may give examples.

use std::{collections::BTreeSet, fs};

use anyhow::{Context as _, Result};

use super::Document;
use crate::workspace;

/// The generated CustomResourceDefinitions, which name every kind there is.
const CRDS: &str = "config/crds/";
/// The one kind that is the host's own.
const HOSTS_OWN: &str = "Plugin";

/// Complaints about the host's code.
pub fn complaints(documents: &[Document]) -> Result<Vec<String>> {
    let names = Names { kinds: kinds(documents), plugins: plugins()? };
    if names.kinds.is_empty() {
        return Ok(vec![format!("{CRDS}: no kind of any plugin is there; run `cargo xtask codegen`")]);
    }
    Ok(documents
        .iter()
        .filter(|document| is_host_code(&document.path))
        .flat_map(|document| names.found(document))
        .collect())
}

/// Whether a file is code of the host, and no test.
pub fn is_host_code(path: &str) -> bool {
    let is_test = path.ends_with("/tests.rs") || path.contains("/tests/");
    path.starts_with("host/") && path.ends_with(".rs") && !is_test
}

/// `kind: X` below `names:` of each definition.
fn kinds(documents: &[Document]) -> BTreeSet<String> {
    let definitions = documents.iter().filter(|document| document.path.starts_with(CRDS));
    let names =
        definitions.flat_map(|document| document.text.lines()).filter_map(|line| line.strip_prefix("    kind: "));
    names.filter(|name| *name != HOSTS_OWN).map(ToString::to_string).collect()
}

fn plugins() -> Result<BTreeSet<String>> {
    let entries = fs::read_dir(workspace::root().join("plugins")).context("failed to read plugins")?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

struct Names {
    kinds: BTreeSet<String>,
    plugins: BTreeSet<String>,
}

impl Names {
    fn found(&self, document: &Document) -> Vec<String> {
        let code = code(&document.text);
        let complaint = |index, what: &str| {
            let place = document.place(index);
            format!("{place}: the host names {what}; what only one kind or plugin needs belongs into that plugin")
        };
        let mut complaints = Vec::new();
        for (index, line) in code.lines().enumerate() {
            let mut words = line.split(|c: char| !c.is_alphanumeric());
            complaints.extend(words.find(|word| self.kinds.contains(*word)).map(|kind| complaint(index, kind)));
            // Odd parts stand between quotes, on a line without escaped ones.
            let mut texts = line.split('"').skip(1).step_by(2);
            complaints.extend(texts.find(|text| self.plugins.contains(*text)).map(|name| complaint(index, name)));
        }
        complaints
    }
}

/// A file without comments and without its test module. Lines stay where they are.
pub fn code(text: &str) -> String {
    let text = text.split_once("#[cfg(test)]\nmod ").map_or(text, |(before, _)| before);
    let mut code = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (is_kept, length) = match first {
            '/' if rest.starts_with("//") => (false, rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") => (false, block_comment(rest)),
            '"' => (true, text_literal(rest)),
            'r' if rest.starts_with("r\"") || rest.starts_with("r#\"") => (true, raw_literal(rest)),
            '\'' if rest.starts_with("'\"'") => (false, 3),
            '\'' if rest.starts_with("'\\") => (false, 3),
            other => (true, other.len_utf8()),
        };
        let (part, after) = rest.split_at(length);
        match is_kept {
            true => code.push_str(part),
            false => code.extend(part.chars().filter(|c| *c == '\n')),
        }
        rest = after;
    }
    code
}

/// Length of a comment that begins with `/*`; comments nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    for (index, pair) in text.as_bytes().windows(2).enumerate() {
        match pair {
            b"/*" => depth += 1,
            b"*/" => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            return index + 2;
        }
    }
    text.len()
}

/// Length of a literal that begins with a quote.
fn text_literal(text: &str) -> usize {
    let mut is_escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'"' if !is_escaped => return index + 1,
            b'\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
    }
    text.len()
}

/// Length of a literal that begins with `r"` or `r#"`.
fn raw_literal(text: &str) -> usize {
    let (skipped, end) = if text.starts_with("r#") { (3, "\"#") } else { (2, "\"") };
    text[skipped..].find(end).map_or(text.len(), |index| skipped + index + end.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(code: &str) -> Vec<String> {
        let names = Names { kinds: ["OpNode".into()].into(), plugins: ["reth".into()].into() };
        names.found(&Document::new("host/x/src/lib.rs", code))
    }

    #[test]
    fn names_in_code_are_found() {
        for code in [
            "match kind { \"OpNode\" => 1, _ => 2 }",
            "struct OpNode;",
            "let url = \"http://a\"; OpNode::new()",
            "let quote = '\"'; if client == \"reth\" {}",
            "let text = r#\"a \" // b\"#; OpNode",
            "/* a /* b */ c */ OpNode",
        ] {
            assert_eq!(found(code).len(), 1, "{code}");
        }
        assert!(found("//! One.\n\nfn a() { OpNode }\n")[0].starts_with("host/x/src/lib.rs:3:"));
    }

    #[test]
    fn examples_and_other_words_are_not() {
        for code in [
            "/// As in `OpNode.optimism.io/ns/name`.",
            "let a = 1; // not for OpNode, nor for \"reth\"",
            "struct OpNodes;",
            "let a = \"a reth\";",
            "fn a() {}\n\n#[cfg(test)]\nmod tests {\n    const A: &str = \"OpNode\";\n}\n",
        ] {
            assert_eq!(found(code), [""; 0], "{code}");
        }
    }

    #[test]
    fn kinds_come_from_the_definitions() {
        let yaml = "spec:\n  names:\n    kind: OpNode\n    plural: opnodes\n";
        let documents = [
            Document::new("config/crds/a.yaml", yaml),
            Document::new("config/crds/b.yaml", &yaml.replace("OpNode", HOSTS_OWN)),
            Document::new("docs/c.yaml", &yaml.replace("OpNode", "Other")),
        ];
        assert_eq!(kinds(&documents), ["OpNode".to_string()].into());
    }
}
