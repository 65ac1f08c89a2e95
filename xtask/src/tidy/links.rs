//! Documents of the project link to what exists in it.

use std::path::Path;

use super::Document;
use crate::workspace;

/// Complaints about all documents.
pub fn complaints(documents: &[Document]) -> Vec<String> {
    let texts = documents.iter().filter(|document| document.path.ends_with(".md"));
    texts.flat_map(|document| broken(document, &|path| workspace::root().join(path).exists())).collect()
}

fn broken(document: &Document, exists: &dyn Fn(&Path) -> bool) -> Vec<String> {
    let directory = Path::new(&document.path).parent().unwrap_or(Path::new(""));
    let mut complaints = Vec::new();
    for (index, line) in document.text.lines().enumerate() {
        for target in targets(line) {
            // What leads outside, and to a place in the same document.
            if target.contains("://") || target.starts_with('#') {
                continue;
            }
            let path = target.split('#').next().unwrap_or_default();
            if !exists(&directory.join(path)) {
                complaints.push(format!("{}: there is no {target}", document.place(index)));
            }
        }
    }
    complaints
}

/// What stands in the parentheses of `[text](target)`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_nothing_is_found() {
        let text = "[a](b.md#x) and [c](https://c.example) [d](#d)\n[e](../gone.md)";
        let complaints = broken(&Document::new("docs/a.md", text), &|path| path == Path::new("docs/b.md"));
        assert_eq!(complaints, ["docs/a.md:2: there is no ../gone.md"]);
    }
}
