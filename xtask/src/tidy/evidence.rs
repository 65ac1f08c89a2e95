//! What tables in Markdown name as evidence is there: a test by its file and function, or the folder of a case.

use super::Document;

/// So many lines above its name a test says that it is one.
const REACH: usize = 6;
/// A folder is a case if it has one of these.
const CASES: [&str; 2] = ["expected.yaml", "attack.yaml"];

/// Number of the line and cells, of the rows below these columns. Tables with other columns are explanations.
pub fn rows<'a>(map: &'a Document, columns: &[&str]) -> Vec<(usize, Vec<&'a str>)> {
    let mut rows = Vec::new();
    let mut is_ours = false;
    for (index, line) in map.text.lines().enumerate() {
        let Some(line) = line.strip_prefix('|') else {
            is_ours = false;
            continue;
        };
        let cells: Vec<_> = line.strip_suffix('|').unwrap_or(line).split('|').map(str::trim).collect();
        let is_rule = cells.iter().all(|cell| !cell.is_empty() && cell.chars().all(|c| c == '-'));
        if cells == columns {
            is_ours = true;
        } else if is_ours && !is_rule {
            rows.push((index, cells));
        }
    }
    rows
}

/// The tests that a cell names.
pub fn named(cell: &str) -> impl Iterator<Item = &str> {
    cell.split(", ").filter(|test| !test.is_empty())
}

/// Says that a test is not there.
pub fn absent(test: &str, documents: &[Document]) -> Option<String> {
    let Some(name) = test.strip_prefix('`').and_then(|test| test.strip_suffix('`')) else {
        return Some(format!("{test:?} is no test; write `path::name`, or `path` of a case, with commas between them"));
    };
    let find = |path: &str| documents.iter().find(|document| document.path == path);
    let Some((path, function)) = name.split_once("::") else {
        let is_case = CASES.iter().any(|file| find(&format!("{name}/{file}")).is_some());
        return (!is_case).then(|| format!("there is no case {name}"));
    };
    let is_there = find(path).is_some_and(|document| has_test(&document.text, function));
    (!is_there).then(|| format!("there is no test {function} in {path}"))
}

fn has_test(text: &str, function: &str) -> bool {
    let lines: Vec<_> = text.lines().collect();
    let head = format!("fn {function}");
    let is_head = |line: &str| {
        let rest = line.find(&head).and_then(|start| line.get(start + head.len()..));
        rest.is_some_and(|rest| rest.starts_with(['(', '<']))
    };
    let is_attribute = |line: &str| line.starts_with("#[") && line.contains("test") && !line.starts_with("#[cfg(");
    lines.iter().enumerate().filter(|(_, line)| is_head(line)).any(|(index, _)| {
        // The attribute of a function before this one is not ours.
        let above = lines.iter().take(index).rev().take(REACH).take_while(|line| !line.contains("fn "));
        above.map(|line| line.trim_start()).any(is_attribute)
    })
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A file with one test and functions that are none.
    pub const TESTS: &str = "#[cfg(test)]\nmod tests {\n    fn helps() {}\n\n    #[tokio::test]\n    /// Why.\n    \
                             async fn works() {\n        works_out();\n    }\n\n    fn works_out() {}\n}\n";

    #[test]
    fn a_case_is_a_folder_of_either_kind() {
        let documents = ["a/expected.yaml", "b/attack.yaml", "c/cr.yaml"].map(|path| Document::new(path, ""));
        let found = ["`a`", "`b`", "`c`"].map(|name| absent(name, &documents).is_none());
        assert_eq!(found, [true, true, false]);
    }
}
