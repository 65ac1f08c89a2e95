//! Accept M, by what was built: plugins ask for nothing but the contract, and the host knows no plugin.
//!
//! That the sources and the manifests keep the same rules is what `cargo xtask tidy` checks, which is a test as well.

use std::{collections::BTreeSet, fs, path::Path};

use suite::plugins;
use wasmparser::{Parser, Payload};

const CONTRACT: &str = "opstack:plugin/";

/// What the modules of a component model guest import.
fn imports(module: &[u8]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ImportSection(section) = payload.expect("a whole module") {
            let names = section.into_imports().map(|import| import.expect("an import"));
            found.extend(names.map(|import| import.module.to_string()));
        }
    }
    found
}

#[test]
fn plugins_import_the_contract_and_nothing_else() {
    let built: Vec<_> = ["plugins", "hello-plugin", "guests"].into_iter().flat_map(plugins::built).collect();
    assert!(built.len() >= 9, "{built:?}; run `cargo xtask build` first");
    for path in built {
        let imports = imports(&fs::read(&path).expect("a module"));
        let foreign: Vec<_> = imports.iter().filter(|module| !module.starts_with(CONTRACT)).collect();
        let name = path.file_stem().unwrap_or_default().display();
        assert!(foreign.is_empty(), "{name} imports {foreign:?}");
        println!("M: {name} imports {} interfaces of the contract and nothing else", imports.len());
    }
}

#[test]
fn an_import_outside_the_contract_would_be_seen() {
    let module = wat::parse_str(r#"(module (import "wasi_snapshot_preview1" "fd_write" (func)))"#).expect("a module");
    assert_eq!(imports(&module), BTreeSet::from(["wasi_snapshot_preview1".to_string()]));
}

#[test]
fn the_operators_program_holds_no_name_of_a_plugin_or_its_kind() {
    let program = fs::read(suite::program()).expect("the program is beside the tests");
    assert!(holds(&program, "Plugin") && holds(&program, "opstack-leader"), "names would be found");
    let mut names = Vec::new();
    for path in plugins::built("plugins") {
        names.push(path.file_stem().unwrap_or_default().display().to_string());
        names.extend(kind(&path));
    }
    // Shorter names are parts of common words.
    names.retain(|name| name.len() > 5);
    assert!(names.iter().any(|name| name == "OptimismNetwork"), "{names:?}");
    let found: Vec<_> = names.iter().filter(|name| holds(&program, name)).collect();
    println!("M: none of {} names is in the operator's program: {}", names.len(), names.join(", "));
    assert!(found.is_empty(), "{found:?}");
}

/// The kind that a plugin serves, as it tells itself.
fn kind(path: &Path) -> Option<String> {
    let output = std::process::Command::new(suite::program()).args(["plugin", "inspect"]).arg(path).output();
    let facts: serde_json::Value = serde_norway::from_slice(&output.expect("opstack runs").stdout).expect("YAML");
    Some(facts["kind"].as_str()?.split('.').next()?.to_string())
}

/// Whether a text is anywhere among bytes. Texts of a program follow each other without a gap, so words can't be told.
fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
