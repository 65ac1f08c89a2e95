//! What a plugin says of its programs' flags agrees with the tables of them.

use serde_json::Value;
use std::fs;
use std::path::Path;

use super::Case;
use crate::opstack::argument::flag_name;
use crate::opstack::component::Program;
use crate::opstack::flags::Flags;
use crate::opstack::owned::OwnedSettings;
use crate::opstack::release::{OLDEST, of};

/// [`check_flags`] for a component's program.
///
/// # Panics
/// As there.
pub fn check_program(crate_dir: &str, program: &Program) {
    check_flags(crate_dir, &program.flags, &format!("{}_", program.prefix), &program.owned_settings());
}

/// Checks that the table of a program has each flag and variable that stands in an expected answer below `tests/cases`, and that the
/// operator's own settings have all names and variables of their flags. `prefix` begins the program's variables.
///
/// # Panics
/// With all that differs. When no case has the program.
pub fn check_flags(crate_dir: &str, flags: &Flags, prefix: &str, owned: &OwnedSettings) {
    let mut containers = vec![];
    for case in Case::all(Path::new(crate_dir)) {
        let text = fs::read_to_string(case.folder.join("expected.yaml")).unwrap();
        let answer: Value = serde_norway::from_str(&text).unwrap();
        let children = answer["children"].as_array().cloned().unwrap_or_default();
        let pods = children.iter().map(|child| &child["object"]["spec"]["template"]["spec"]["containers"]);
        let all = pods.filter_map(Value::as_array).flatten().filter(|container| container["name"] == flags.program);
        containers.extend(all.map(|container| (case.folder.clone(), container.clone())));
    }
    assert!(!containers.is_empty(), "no case has a container {}", flags.program);
    let mut wrong: Vec<_> = owned.unknown_spellings(flags);
    for (case, container) in containers {
        let image = container["image"].as_str().unwrap_or_default();
        // What an older release takes is not known.
        if of(image, flags.program).is_some_and(|release| release < OLDEST) {
            continue;
        }
        let texts = |list: &Value| list.as_array().cloned().unwrap_or_default();
        for arg in texts(&container["args"]) {
            let name = arg.as_str().and_then(flag_name).filter(|name| flags.find(name).is_none());
            wrong.extend(name.map(|name| format!("{}: --{name} is in no release", case.display())));
        }
        for entry in texts(&container["env"]) {
            let name = entry["name"].as_str().filter(|name| name.starts_with(prefix));
            let name = name.filter(|name| flags.of_variable(name).is_none());
            wrong.extend(name.map(|name| format!("{}: {name} is in no release", case.display())));
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{}:\n{}", flags.program, wrong.join("\n"));
}
