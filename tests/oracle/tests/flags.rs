//! The tables of flags that plugins hold are what the programs themselves tell. `BLESS=1` writes them; what programs don't tell (a
//! release between the tested ones with which a flag came or went, and hidden flags) stands in them by hand, and is kept.

use op_programs::{OpPrograms, Release};
use opstack_sdk::opstack::flags::{Bound, Flag, Presence};
use opstack_sdk::opstack::release::{NEWEST, OLDEST, Version, title};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Program, and the plugin that has its table.
const PROGRAMS: [(&str, &str); 5] = [
    ("op-node", "op-node"),
    ("op-conductor", "op-node"),
    ("op-batcher", "op-batcher"),
    ("op-proposer", "op-proposer"),
    ("op-challenger", "op-challenger"),
];
const TITLE: &str = "# names\tvariables\ttakes\tsince\tuntil\thidden";

/// A flag as `--help` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    names: Vec<String>,
    variables: Vec<String>,
    takes_value: bool,
}

fn path(program: &str, plugin: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../plugins/{plugin}/flags/{program}.tsv"))
}

/// What a program tells, by the usual name.
fn told(program: &Path) -> BTreeMap<String, Told> {
    let output = Command::new(program).arg("--help").output().unwrap();
    assert!(output.status.success(), "{}: {}", program.display(), String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let flags = text.lines().filter_map(|line| line.strip_prefix("    --")).map(flag);
    flags.map(|flag| (flag.names.first().cloned().unwrap(), flag)).filter(|(name, _)| name != "help").collect()
}

/// One line: `l1 value, l1-rpc value (default: "x") ($A, $B)`.
fn flag(line: &str) -> Told {
    let head = line.split(" (default:").next().unwrap_or_default().split(" ($").next().unwrap_or_default();
    let words: Vec<_> = head.split_whitespace().collect();
    let names = words.iter().map(|word| word.trim_end_matches(',').trim_start_matches('-'));
    let names = names.filter(|word| *word != "value" && word.len() > 1).map(Into::into).collect();
    let variables = line.rsplit_once("($").map(|(_, rest)| rest.trim_end().trim_end_matches(')'));
    let variables =
        variables.into_iter().flat_map(|all| all.split(", ").map(|name| name.trim_start_matches('$').into()));
    Told { names, variables: variables.collect(), takes_value: words.iter().any(|word| word.starts_with("value")) }
}

/// The lines of a table that both releases together make, with what the table of before knows better.
fn lines(tested: &[(Version, BTreeMap<String, Told>)], before: &str) -> Vec<String> {
    let known: Vec<_> = before.lines().filter_map(Flag::parse).collect();
    // A flag that one release hides may be told by another.
    let hidden: Vec<_> = known.iter().filter(|flag| flag.hidden).flat_map(|flag| flag.names.clone()).collect();
    // The newest first: its spelling counts.
    let mut flags: BTreeMap<&str, &Told> = BTreeMap::new();
    for (name, flag) in tested.iter().flat_map(|(_, told)| told).filter(|(name, _)| !hidden.contains(&name.as_str())) {
        flags.entry(name).or_insert(flag);
    }
    let mut lines: Vec<_> = flags
        .into_iter()
        .map(|(name, flag)| {
            let has =
                |release: Version| tested.iter().any(|(tested, told)| *tested == release && told.contains_key(name));
            let old = known.iter().find(|known| known.names.first() == Some(&name) && agrees(known, has));
            let (since, until) = match old {
                Some(old) => (old.since.map_or(String::new(), written), old.until.map_or(String::new(), written)),
                None => {
                    let bound = |wanted: bool| if wanted { written(Bound::UpTo(NEWEST)) } else { String::new() };
                    (bound(!has(OLDEST)), bound(!has(NEWEST)))
                }
            };
            let takes = if flag.takes_value { "value" } else { "switch" };
            format!("{}\t{}\t{takes}\t{since}\t{until}", flag.names.join(","), flag.variables.join(","))
        })
        .collect();
    let hidden = |line: &&str| Flag::parse(line).is_some_and(|flag| flag.hidden);
    lines.extend(before.lines().filter(hidden).map(Into::into));
    lines.sort();
    lines
}

/// Whether a line says of the tested releases what they say themselves.
fn agrees(flag: &Flag<'_>, has: impl Fn(Version) -> bool) -> bool {
    [OLDEST, NEWEST].into_iter().all(|release| (flag.presence(release) == Presence::Present) == has(release))
}

fn written(bound: Bound) -> String {
    match bound {
        Bound::At(version) => title(version),
        Bound::UpTo(version) => format!("≤{}", title(version)),
    }
}

#[test]
fn the_tables_of_flags_are_what_the_programs_tell() {
    let programs = OpPrograms::find().unwrap();
    assert_eq!(Release::ALL.map(Release::version), [title(NEWEST), title(OLDEST)], "the tested releases");
    for (program, plugin) in PROGRAMS {
        let told = |release| told(&programs.path(release, program));
        let tested = [(NEWEST, told(Release::V1_19_6)), (OLDEST, told(Release::V1_16_13))];
        let path = path(program, plugin);
        let before = fs::read_to_string(&path).unwrap_or_default();
        let table = format!("{TITLE}\n{}\n", lines(&tested, &before).join("\n"));
        if std::env::var_os("BLESS").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, table).unwrap();
        } else {
            let difference = table.lines().zip(before.lines()).find(|(new, old)| new != old);
            assert!(table == before, "{}: {difference:?}\nBLESS=1 writes what the programs tell", path.display());
        }
        println!("{program}: {} and {} flags", tested[0].1.len(), tested[1].1.len());
    }
}

/// A flag that `--help` does not tell is there where its line says so, and nowhere else.
#[test]
fn hidden_flags_are_where_the_tables_say() {
    let programs = OpPrograms::find().unwrap();
    for (program, plugin) in PROGRAMS {
        let table = fs::read_to_string(path(program, plugin)).unwrap();
        for flag in table.lines().filter_map(Flag::parse).filter(|flag| flag.hidden) {
            for (name, (release, version)) in flag
                .names
                .iter()
                .flat_map(|name| Release::ALL.into_iter().zip([NEWEST, OLDEST]).map(move |release| (name, release)))
            {
                // It ends at once: a flag that does not exist stands behind it.
                let args = [format!("--{name}=1s"), "--no-such-flag".into()];
                let output = Command::new(programs.path(release, program)).args(args).output().unwrap();
                let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
                let has = !said.contains(&format!("flag provided but not defined: -{name}"));
                assert_eq!(flag.presence(version) == Presence::Present, has, "{program} {}: --{name}", title(version));
            }
        }
    }
}
