//! The map from requirements to tests can't lie: what it names is there, and its last line counts right.

use std::collections::BTreeSet;

use super::Document;
use super::evidence::{absent, named, rows};

const MAP: &str = "tests/conformance.md";
const COLUMNS: [&str; 5] = ["ID", "required", "state", "by", "missing"];
const PROVEN: &str = "proven";
const IN_PART: &str = "in part";
const STATES: [&str; 4] = [PROVEN, IN_PART, "not yet", "not done"];

/// Complaints about the map.
pub fn complaints(documents: &[Document]) -> Vec<String> {
    let Some(map) = documents.iter().find(|document| document.path == MAP) else {
        return vec![format!("{MAP}: it is missing")];
    };
    let rows = rows(map, &COLUMNS);
    let mut complaints = Vec::new();
    let mut ids = BTreeSet::new();
    for (index, cells) in &rows {
        let mut complain = |what: String| complaints.push(format!("{}: {what}", map.place(*index)));
        if let Some(id) = cells.first().filter(|id| !ids.insert(**id)) {
            complain(format!("{id} has a row already"));
        }
        wrong(cells, documents).into_iter().for_each(complain);
    }
    complaints.extend(miscounted(map, &rows));
    complaints
}

/// All that is wrong with a row by itself.
fn wrong(cells: &[&str], documents: &[Document]) -> Vec<String> {
    let &[_, _, state, by, missing] = cells else {
        return vec![format!("{} columns instead of {}", cells.len(), COLUMNS.len())];
    };
    let tests: Vec<_> = named(by).collect();
    let mut wrong = Vec::new();
    if !STATES.contains(&state) {
        wrong.push(format!("{state:?} is no state; write one of: {}", STATES.join(", ")));
    }
    if [PROVEN, IN_PART].contains(&state) && tests.is_empty() {
        wrong.push(format!("{state} by no test"));
    }
    if state != PROVEN && !missing.contains(char::is_alphanumeric) {
        wrong.push("the last column does not say what is missing".into());
    }
    wrong.extend(tests.iter().filter_map(|test| absent(test, documents)));
    wrong
}

fn miscounted(map: &Document, rows: &[(usize, Vec<&str>)]) -> Option<String> {
    let count = |state: &str| rows.iter().filter(|(_, cells)| cells.get(2) == Some(&state)).count();
    let counted = STATES.map(|state| format!("{} {state}", count(state))).join(", ");
    let (index, last) = map.text.lines().enumerate().filter(|(_, line)| !line.is_empty()).last().unwrap_or_default();
    (last != counted).then(|| format!("{}: the last line has to be: {counted}", map.place(index)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::evidence::tests::TESTS;

    /// What is said about a map of these rows and this last line.
    fn said(rows: &[&str], last: &str) -> Vec<String> {
        let head = "| word | meaning |\n| --- | --- |\n| proven | x |\n\n";
        let text = format!(
            "{head}| {} |\n| --- | --- | --- | --- | --- |\n{}\n\n{last}\n",
            COLUMNS.join(" | "),
            rows.join("\n")
        );
        let documents = [
            Document::new(MAP, &text),
            Document::new("a/b.rs", TESTS),
            Document::new("p/tests/cases/c/expected.yaml", "children: []"),
        ];
        complaints(&documents)
    }

    #[test]
    fn a_map_that_is_true_is_left_alone() {
        let rows = [
            "| A1 | x | proven | `a/b.rs::works`, `p/tests/cases/c` | |",
            "| A2 | x | in part | `p/tests/cases/c` | the rest |",
            "| A3 | x | not yet | | nobody can |",
            "| A4 | x | not done | | A1 forbids it |",
        ];
        assert_eq!(said(&rows, "1 proven, 1 in part, 1 not yet, 1 not done"), [""; 0]);
    }

    #[test]
    fn every_lie_in_a_row_is_found() {
        for (row, words) in [
            ("| A | x | proven | | |", "proven by no test"),
            ("| A | x | in part | | the rest |", "in part by no test"),
            ("| A | x | in part | `a/b.rs::works` | |", "what is missing"),
            ("| A | x | not yet | | - |", "what is missing"),
            ("| A | x | not done | | |", "what is missing"),
            ("| A | x | done | `a/b.rs::works` | nothing |", "\"done\" is no state"),
            ("| A | x | proven | `a/b.rs::work` | |", "no test work in a/b.rs"),
            ("| A | x | proven | `a/b.rs::helps` | |", "no test helps in a/b.rs"),
            ("| A | x | proven | `a/b.rs::works_out` | |", "no test works_out in a/b.rs"),
            ("| A | x | proven | `a/c.rs::works` | |", "no test works in a/c.rs"),
            ("| A | x | proven | `p/tests/cases/d` | |", "no case p/tests/cases/d"),
            ("| A | x | proven | a/b.rs::works | |", "is no test"),
            ("| A | x | proven | `a/b.rs::works` `p/tests/cases/c` | |", "there is no test"),
            ("| A | x | proven | `a/b.rs::works` |", "4 columns instead of 5"),
        ] {
            let counts = STATES.map(|state| format!("{} {state}", usize::from(row.contains(&format!("| {state} |")))));
            let said = said(&[row], &counts.join(", "));
            let [only] = said.as_slice() else { panic!("{row}: {said:?}") };
            assert!(only.starts_with("tests/conformance.md:7: ") && only.contains(words), "{row}: {only}");
        }
    }

    #[test]
    fn an_id_counts_once_and_the_last_line_agrees() {
        let row = "| A | x | proven | `a/b.rs::works` | |";
        let twice = said(&[row, row], "2 proven, 0 in part, 0 not yet, 0 not done");
        assert_eq!(twice, ["tests/conformance.md:8: A has a row already"]);
        let wrong = said(&[row], "2 proven, 0 in part, 0 not yet, 0 not done");
        let right = "1 proven, 0 in part, 0 not yet, 0 not done";
        assert_eq!(wrong, [format!("tests/conformance.md:9: the last line has to be: {right}")]);
        assert_eq!(complaints(&[]), ["tests/conformance.md: it is missing"]);
    }
}
