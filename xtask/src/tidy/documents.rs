//! Code of the host that cannot panic does not write into JSON documents by index: `value["a"]["b"] = x` panics where `a` is a text,
//! and most documents are somebody else's. `opstack_core::document` is for that.

use super::Document;

/// The message's end.
const INSTEAD: &str =
    "writes into a document by index, which panics where that is no object; use opstack_core::document";
/// Methods that take what they are called on by mutable reference.
const MUTATORS: [&str; 9] = [
    ".as_object_mut(",
    ".as_array_mut(",
    ".pointer_mut(",
    ".get_mut(",
    ".take()",
    ".insert(",
    ".push(",
    ".extend(",
    ".retain(",
];

/// Complaints about the host's sources, but for their tests.
pub fn complaints(documents: &[Document]) -> Vec<String> {
    let is_of_host = |document: &&Document| {
        document.path.starts_with("host/")
            && document.path.contains("/src/")
            && document.is_rust()
            && !document.path.ends_with("tests.rs")
    };
    documents.iter().filter(is_of_host).flat_map(of_file).collect()
}

fn of_file(document: &Document) -> Vec<String> {
    let code = document.text.lines().enumerate().take_while(|(_, line)| *line != "#[cfg(test)]");
    let writes = code.filter(|(_, line)| !line.trim_start().starts_with("//") && writes(line));
    writes.map(|(index, _)| format!("{}: {INSTEAD}", document.place(index))).collect()
}

fn writes(line: &str) -> bool {
    let mut rest = line;
    while let Some(end) = index_end(rest) {
        let (before, after) = rest.split_at(end);
        let assigned = after.trim_start();
        let is_assigned = ["=", "+=", "|="].iter().any(|sign| assigned.starts_with(sign))
            && !["==", "=>"].iter().any(|sign| assigned.starts_with(sign));
        if is_assigned || MUTATORS.iter().any(|method| after.starts_with(method)) || is_borrowed(before) {
            return true;
        }
        rest = after;
    }
    false
}

/// The end of the first chain of indexes by a text or a name of a text: `["a"][FIELD]`.
fn index_end(text: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let start = from + text.get(from..)?.find('[')?;
        let is_indexed =
            text.get(..start)?.ends_with(|last: char| last.is_alphanumeric() || [')', ']', '_'].contains(&last));
        let inner = text.get(start + 1..)?;
        let end = start + 1 + inner.find(']')?;
        let index = text.get(start + 1..end)?;
        let is_text = index.starts_with('"')
            || index.starts_with("&")
            || !index.is_empty()
                && index.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
                && !index.starts_with(|first: char| first.is_ascii_digit());
        if is_indexed && is_text && !text.get(end + 1..)?.starts_with('[') {
            return Some(end + 1);
        }
        from = end + 1;
    }
}

/// Whether the index that ends here is of something that is borrowed to be written.
fn is_borrowed(before: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || "_.[]\"".contains(letter);
    before.trim_end_matches(is_part).ends_with("&mut ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_by_index_are_found_and_reads_are_not() {
        for bad in [
            r#"spec["a"]["b"]["partition"] = turn.into();"#,
            r#"object["metadata"].as_object_mut()"#,
            r#"let metadata = &mut object["metadata"];"#,
            "after[field] = value;",
            r#"let old = object["status"].take();"#,
            "facts[NAME] += 1;",
        ] {
            assert!(writes(bad), "{bad}");
        }
        for good in [
            r#"if object["kind"] == "Pod" {"#,
            r#"let name = object["metadata"]["name"].as_str();"#,
            r#"assert_eq!(a["b"], json!({"c": 1}));"#,
            "const NAMES: [&str; 2] = [\"a\", \"b\"];",
            "let x: [u8; 4] = [0; 4];",
            r#"let y = list(&value["a"]["b"]);"#,
            "#[serde(default)]",
        ] {
            assert!(!writes(good), "{good}");
        }
        let text = "//! Head.\nfn f() { a[\"b\"] = 1; }\n// a[\"b\"] = 1;\n#[cfg(test)]\nfn g() { a[\"b\"] = 1; }\n";
        assert_eq!(complaints(&[Document::new("host/core/src/a.rs", text)]).len(), 1);
        assert_eq!(complaints(&[Document::new("sdk/src/a.rs", text)]), [""; 0]);
        assert_eq!(complaints(&[Document::new("host/core/src/a/tests.rs", text)]), [""; 0]);
    }
}
