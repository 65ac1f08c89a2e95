//! Rules for files of Rust: each says what it is, and none is long.

use super::Document;

/// Where a file asks to be split.
const MAX_LINES: usize = 400;

/// Complaints about all files of Rust.
pub fn complaints(documents: &[Document]) -> Vec<String> {
    documents
        .iter()
        .filter(|document| document.is_rust())
        .flat_map(|document| [no_head(document), long(document)])
        .flatten()
        .collect()
}

fn no_head(document: &Document) -> Option<String> {
    (!document.text.starts_with("//! "))
        .then(|| format!("{}: the first line is no `//!` that says what it is", document.path))
}

fn long(document: &Document) -> Option<String> {
    let lines = document.text.lines().count();
    (lines > MAX_LINES).then(|| format!("{}: {lines} lines, more than {MAX_LINES}; split it by concept", document.path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_and_lengths_are_checked() {
        let good = Document::new("a.rs", "//! What it is.\n");
        let no_rust = Document::new("a.md", "text\n");
        assert_eq!(complaints(&[good, no_rust]), [""; 0]);
        let headless = Document::new("b.rs", "use std::fs;\n");
        let long = Document::new("c.rs", &"//! Long.\n".repeat(MAX_LINES + 1));
        assert_eq!(complaints(&[headless, long]).len(), 2);
    }
}
