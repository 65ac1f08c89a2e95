//! Rules for every text: no notes to self, nothing of one machine, no traces of a merge.

use super::Document;

/// What must not be committed, and why. In two parts, for this file is a text as well.
const UNWANTED: [([&str; 2], &str); 12] = [
    (["TO", "DO"], "do it, or open an issue"),
    (["FIX", "ME"], "fix it, or open an issue"),
    (["X", "XX"], "say what is wrong, or open an issue"),
    (["dbg", "!("], "a leftover of debugging"),
    (["<<<<", "<<< "], "a merge that was not finished"),
    ([">>>>", ">>> "], "a merge that was not finished"),
    (["/ro", "ot/"], "a path of one machine"),
    (["/ho", "me/"], "a path of one machine"),
    (["/wo", "rk/"], "a path of one machine"),
    (["proxy.go", "lang.org"], "the host of a package registry; the toolchain knows it"),
    (["static.cra", "tes.io"], "the host of a package registry; the toolchain knows it"),
    (["registry.np", "mjs.org"], "the host of a package registry; the toolchain knows it"),
];

/// Complaints about all texts.
pub fn complaints(documents: &[Document]) -> Vec<String> {
    documents.iter().flat_map(unwanted).collect()
}

fn unwanted(document: &Document) -> Vec<String> {
    let found = |(index, line): (usize, &str)| {
        UNWANTED.iter().find_map(|(parts, why)| {
            let word = parts.concat();
            contains_word(line, &word).then(|| format!("{}: {word:?}: {why}", document.place(index)))
        })
    };
    document.text.lines().enumerate().filter_map(found).collect()
}

/// Whether a text stands somewhere with nothing before it that it could be the end of a word of.
fn contains_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + word.len()..].chars().next();
        let goes_on = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let begins_word = word.starts_with(char::is_alphanumeric);
        let ends_word = word.ends_with(char::is_alphanumeric);
        // A path below a directory of the same name is no path of a machine: `target/home/x`.
        !(goes_on(before) && (begins_word || word.starts_with('/'))) && !(ends_word && goes_on(after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unwanted_word_is_found() {
        for (parts, _) in UNWANTED {
            let line = format!("// {} and more", parts.concat());
            assert_eq!(complaints(&[Document::new("a.rs", &line)]).len(), 1, "{line}");
        }
    }

    #[test]
    fn parts_of_other_words_are_not() {
        for line in ["mastodon", "the path $HOME/.cache", "var/home/x", "TODOS.md is no such word"] {
            assert_eq!(complaints(&[Document::new("a.md", line)]), [""; 0], "{line}");
        }
    }
}
