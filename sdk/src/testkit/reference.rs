//! The reference of what a kind hands through to its programs: written from the tables that the plugin goes by.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use crate::opstack::component::Program;
use crate::opstack::flags::{Bound, Flag, Flags};
use crate::opstack::owned::{OwnedSetting, OwnedSettings};
use crate::opstack::release::title;

/// A program, and the fields by which a user adds to its arguments and variables.
pub struct Handed<'a> {
    /// Its name.
    pub program: &'a str,
    /// Its flags, where a table has them.
    pub flags: Option<&'a Flags>,
    /// What of it is the operator's.
    pub owned: &'a OwnedSettings,
    /// Field of the arguments: `spec.extraArgs`.
    pub args: &'a str,
    /// Field of the variables: `spec.extraEnv`.
    pub env: &'a str,
}

/// Checks that `docs/reference/<name>.md` says what the tables say; `BLESS=1` writes it.
///
/// # Panics
/// When it says something else, or can't be read or written.
pub fn check_reference(crate_dir: &str, name: &str, programs: &[Handed<'_>]) {
    let path = Path::new(crate_dir).join("../../docs/reference").join(format!("{name}.md"));
    let text = page(name, programs);
    if env::var("BLESS").is_ok_and(|value| value == "1") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &text).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == text, "{} is not what the tables say; BLESS=1 writes it", path.display());
}

/// [`check_reference`] for a component's kind, which has one program.
///
/// # Panics
/// As there.
pub fn check_component_reference(crate_dir: &str, kind: &str, program: &Program) {
    let (owned, args, env) = (&program.owned_settings(), "spec.extraArgs", "spec.extraEnv");
    check_reference(
        crate_dir,
        kind,
        &[Handed { program: program.name, flags: Some(&program.flags), owned, args, env }],
    );
}

fn page(name: &str, programs: &[Handed<'_>]) -> String {
    let mut page = format!(
        "# {name}: what is handed through\n\n\
         <!-- Written from the plugin's tables: `BLESS=1 cargo test --workspace the_reference`. -->\n\n\
         How arguments, variables and pod templates are read, and what is checked of them, says\n\
         [What is the operator's](../operations.md#what-is-the-operators).\n"
    );
    for handed in programs {
        section(&mut page, handed);
    }
    page
}

fn section(page: &mut String, handed: &Handed<'_>) {
    let Handed { program, flags, owned, args, env } = handed;
    let _ = write!(
        page,
        "\n## {program}\n\n\
         Arguments from `{args}`, variables from `{env}`. These are refused there, and in `spec.podTemplate`:\n\n\
         | flag | variable | set by |\n| --- | --- | --- |\n"
    );
    for setting in merged(owned) {
        let list = |names: &[String], dashes: &str| {
            names.iter().map(|name| format!("`{dashes}{name}`")).collect::<Vec<_>>().join(", ")
        };
        let (flags, variables) = (list(&setting.flags, "--"), list(&setting.variables, ""));
        let _ = writeln!(page, "| {flags} | {variables} | {} |", setting.set_by);
    }
    let Some(flags) = flags else {
        let _ = writeln!(page, "\nEvery other argument is handed through. Whether a release has it is not checked.");
        return;
    };
    let _ =
        writeln!(page, "\nEvery other flag of the image's release is handed through. Not every release has these:\n");
    let _ = writeln!(page, "| flag | since | until |\n| --- | --- | --- |");
    for flag in flags.all().filter(|flag| flag.since.is_some() || flag.until.is_some()) {
        let Flag { names, since, until, .. } = flag;
        let _ = writeln!(page, "| `--{}` | {} | {} |", names.join("`, `--"), bound(since), bound(until));
    }
}

/// One row for what one thing sets, as long as tables are.
fn merged(owned: &OwnedSettings) -> Vec<OwnedSetting> {
    let mut rows: BTreeMap<&str, OwnedSetting> = BTreeMap::new();
    for setting in &owned.0 {
        let row = rows
            .entry(&setting.set_by)
            .or_insert_with(|| OwnedSetting { set_by: setting.set_by.clone(), ..OwnedSetting::default() });
        row.flags.extend(setting.flags.iter().cloned());
        row.variables.extend(setting.variables.iter().cloned());
    }
    rows.into_values().collect()
}

fn bound(bound: Option<Bound>) -> String {
    match bound {
        None => String::new(),
        Some(Bound::At(version)) => title(version),
        Some(Bound::UpTo(version)) => format!("{} or before", title(version)),
    }
}
