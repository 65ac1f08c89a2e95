//! op-reth can't be built from what the package registries serve, so its arguments are looked up in the table beside its plugin:
//! `plugins/reth/flags.txt`, each flag of `op-reth node` with whether it takes a value.

use std::collections::BTreeMap;

const TABLE: &str = include_str!("../../../plugins/reth/flags.txt");

/// What is wrong with the arguments; nothing if op-reth would take them.
pub fn refuse(command: &[String]) -> Vec<String> {
    let table: BTreeMap<_, _> = TABLE
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.split_once(' ').map_or((line, ""), |(flag, value)| (flag, value)))
        .collect();
    let mut words = command.iter().skip(1).map(String::as_str);
    let mut wrong = vec![];
    if words.next() != Some("node") {
        wrong.push("the first argument is not the subcommand `node`".into());
    }
    // `-v` may stand for itself up to five times in one word.
    let loud = |word: &&str| !matches!(*word, "-v" | "-vv" | "-vvv" | "-vvvv" | "-vvvvv");
    for word in words.filter(loud) {
        let (flag, value) = word.split_once('=').map_or((word, None), |(flag, value)| (flag, Some(value)));
        match (table.get(flag), value) {
            (None, _) => wrong.push(format!("{flag} is no flag of op-reth node")),
            (Some(&""), Some(_)) => wrong.push(format!("{flag} takes no value")),
            (Some(&"value"), None) => wrong.push(format!("{flag} wants a value")),
            (Some(_), _) => {}
        }
    }
    wrong
}
