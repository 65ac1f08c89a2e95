//! The table of faults that an adversary found can't lie: each is held by tests that are there, or says why it is not yet.

use std::collections::BTreeSet;

use super::Document;
use super::evidence::{absent, named, rows};

pub(super) const TABLE: &str = "tests/adversary.md";
pub(super) const COLUMNS: [&str; 4] = ["ID", "fault", "held by", "not yet"];

/// Complaints about the table.
pub fn complaints(documents: &[Document]) -> Vec<String> {
    let Some(table) = documents.iter().find(|document| document.path == TABLE) else {
        return vec![format!("{TABLE}: it is missing")];
    };
    let rows = rows(table, &COLUMNS);
    let mut complaints = Vec::new();
    let mut ids = BTreeSet::new();
    for (index, cells) in &rows {
        let mut complain = |what: String| complaints.push(format!("{}: {what}", table.place(*index)));
        if let Some(id) = cells.first().filter(|id| !ids.insert(**id)) {
            complain(format!("{id} has a row already"));
        }
        wrong(cells, documents).into_iter().for_each(complain);
    }
    complaints.extend(unlisted(table, &rows, documents));
    complaints.extend(miscounted(table, &rows));
    complaints
}

/// All that is wrong with a row by itself.
fn wrong(cells: &[&str], documents: &[Document]) -> Vec<String> {
    let &[id, fault, by, not_yet] = cells else {
        return vec![format!("{} columns instead of {}", cells.len(), COLUMNS.len())];
    };
    let mut wrong: Vec<_> = named(by).filter_map(|test| absent(test, documents)).collect();
    if id.is_empty() || fault.is_empty() {
        wrong.push("it has no ID, or does not say which fault".into());
    }
    if by.is_empty() && !not_yet.contains(char::is_alphanumeric) {
        wrong.push(format!("{id} is held by no test; name one, or say in the last column why there is none"));
    }
    wrong
}

/// Attacks that are run and hold nothing are attacks of which nobody knows why.
fn unlisted(table: &Document, rows: &[(usize, Vec<&str>)], documents: &[Document]) -> Vec<String> {
    let folders = documents.iter().filter_map(|document| document.path.strip_suffix("/attack.yaml"));
    let is_listed = |folder: &str| {
        let name = format!("`{folder}`");
        rows.iter().filter_map(|(_, cells)| cells.get(2)).any(|by| named(by).any(|test| test == name))
    };
    folders.filter(|folder| !is_listed(folder)).map(|folder| format!("{}: no row names {folder}", table.path)).collect()
}

fn miscounted(table: &Document, rows: &[(usize, Vec<&str>)]) -> Option<String> {
    let count = |is_held: bool, is_open: bool| {
        let is = |cells: &[&str], column: usize| cells.get(column).is_some_and(|cell| !cell.is_empty());
        rows.iter().filter(|(_, cells)| is(cells, 2) == is_held && is(cells, 3) == is_open).count()
    };
    let names: BTreeSet<_> = rows.iter().filter_map(|(_, cells)| cells.get(2)).flat_map(|by| named(by)).collect();
    let counted = format!(
        "{} held, {} in part, {} not yet, by {} tests",
        count(true, false),
        count(true, true),
        count(false, true),
        names.len()
    );
    let (index, last) = table.text.lines().enumerate().filter(|(_, line)| !line.is_empty()).last().unwrap_or_default();
    (last != counted).then(|| format!("{}: the last line has to be: {counted}", table.place(index)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::evidence::tests::TESTS;

    /// What is said about a table of these rows and this last line.
    fn said(rows: &[&str], last: &str) -> Vec<String> {
        let text = format!("| {} |\n| --- | --- | --- | --- |\n{}\n\n{last}\n", COLUMNS.join(" | "), rows.join("\n"));
        let documents = [
            Document::new(TABLE, &text),
            Document::new("a/b.rs", TESTS),
            Document::new("x/attacks/joins/attack.yaml", "kind: A"),
        ];
        complaints(&documents)
    }

    const LISTED: &str = "| Z | x | `x/attacks/joins` | |";

    #[test]
    fn a_table_that_is_true_is_left_alone() {
        let rows = [LISTED, "| A1 | x | `a/b.rs::works`, `x/attacks/joins` | the rest |", "| A2 | x | | nobody can |"];
        assert_eq!(said(&rows, "1 held, 1 in part, 1 not yet, by 2 tests"), [""; 0]);
    }

    #[test]
    fn every_lie_in_a_row_is_found() {
        for (row, last, words) in [
            ("| A | x | | |", "1 held, 0 in part, 0 not yet, by 1 tests", "held by no test"),
            ("| A | x | | - |", "1 held, 0 in part, 1 not yet, by 1 tests", "held by no test"),
            ("| A | | | why |", "1 held, 0 in part, 1 not yet, by 1 tests", "which fault"),
            ("| A | x | `a/b.rs::work` | |", "2 held, 0 in part, 0 not yet, by 2 tests", "no test work in a/b.rs"),
            ("| A | x | `x/attacks/gone` | |", "2 held, 0 in part, 0 not yet, by 2 tests", "no case x/attacks/gone"),
            ("| A | x | a/b.rs::works | |", "2 held, 0 in part, 0 not yet, by 2 tests", "is no test"),
            ("| A | x | `a/b.rs::works` |", "2 held, 0 in part, 0 not yet, by 2 tests", "3 columns instead of 4"),
        ] {
            let said = said(&[LISTED, row], last);
            let [only] = said.as_slice() else { panic!("{row}: {said:?}") };
            assert!(only.starts_with("tests/adversary.md:4: ") && only.contains(words), "{row}: {only}");
        }
    }

    #[test]
    fn ids_attacks_and_the_last_line_agree() {
        let twice = said(&[LISTED, LISTED], "2 held, 0 in part, 0 not yet, by 1 tests");
        assert_eq!(twice, ["tests/adversary.md:4: Z has a row already"]);
        let row = "| A | x | `a/b.rs::works` | |";
        let unlisted = said(&[row], "1 held, 0 in part, 0 not yet, by 1 tests");
        assert_eq!(unlisted, ["tests/adversary.md: no row names x/attacks/joins"]);
        let wrong = said(&[LISTED], "2 held");
        assert_eq!(wrong, ["tests/adversary.md:5: the last line has to be: 1 held, 0 in part, 0 not yet, by 1 tests"]);
        assert_eq!(complaints(&[]), ["tests/adversary.md: it is missing"]);
    }
}
