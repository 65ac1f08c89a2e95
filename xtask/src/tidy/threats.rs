//! The threat model has each attack that the table of faults has, and names none that is not there.

use std::collections::BTreeSet;

use super::Document;
use super::adversary::{COLUMNS, TABLE};
use super::evidence::rows;

const MODEL: &str = "SECURITY.md";
const MODEL_COLUMNS: [&str; 4] = ["faults", "attack", "control", "what remains"];
/// Sections of the table that are about attackers: tenants, plugins, neighbors in time, and what the operator is made of.
const OF_ATTACKERS: [char; 4] = ['T', 'P', 'Q', 'R'];

/// Complaints about the threat model.
pub fn complaints(documents: &[Document]) -> Vec<String> {
    let find = |path: &str| documents.iter().find(|document| document.path == path);
    let (Some(model), Some(table)) = (find(MODEL), find(TABLE)) else {
        return vec![format!("{MODEL} or {TABLE} is missing")];
    };
    let known: BTreeSet<_> = rows(table, &COLUMNS).into_iter().filter_map(|(_, cells)| group(cells.first()?)).collect();
    let mut complaints = Vec::new();
    let mut named = BTreeSet::new();
    for (index, cells) in rows(model, &MODEL_COLUMNS) {
        // A row without a fault of the table is a threat that no test of ours can show.
        for fault in cells.first().into_iter().flat_map(|cell| cell.split(", ")).filter(|fault| *fault != "—") {
            if !known.contains(fault) {
                complaints.push(format!("{}: {fault:?} is no fault of {TABLE}", model.place(index)));
            }
            named.insert(fault);
        }
    }
    let of_attackers = known.iter().filter(|group| group.starts_with(OF_ATTACKERS));
    let missing = of_attackers.filter(|group| !named.contains(*group));
    complaints.extend(missing.map(|group| format!("{MODEL}: no row has the fault {group} of {TABLE}")));
    complaints
}

/// The fault of a row, without the letter that tells its kinds apart.
fn group<'a>(id: &&'a str) -> Option<&'a str> {
    Some(id.trim_end_matches(|letter: char| letter.is_ascii_lowercase())).filter(|group| !group.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(model: &str) -> Vec<String> {
        let rule = "| --- | --- | --- | --- |";
        let table = format!("| {} |\n{rule}\n| T1.1a | x | | y |\n| O4.1 | x | | y |\n", COLUMNS.join(" | "));
        let model = format!("| {} |\n{rule}\n{model}\n", MODEL_COLUMNS.join(" | "));
        complaints(&[Document::new(MODEL, &model), Document::new(TABLE, &table)])
    }

    #[test]
    fn each_attack_is_in_the_threat_model_and_no_other() {
        assert_eq!(said("| T1.1 | a | b | c |\n| — | a | b | c |"), [""; 0]);
        assert_eq!(said("| T1.1, O4.1 | a | b | c |"), [""; 0]);
        assert_eq!(said("| O4.1 | a | b | c |"), ["SECURITY.md: no row has the fault T1.1 of tests/adversary.md"]);
        let wrong = said("| T1.1, T9 | a | b | c |");
        assert_eq!(wrong, ["SECURITY.md:3: \"T9\" is no fault of tests/adversary.md"]);
        assert_eq!(complaints(&[]), ["SECURITY.md or tests/adversary.md is missing"]);
    }
}
