//! What is no plugin for this host is refused before it can do anything, with a reason that says how to mend it.

#[path = "support/module.rs"]
mod module;
mod support;

use module::Module;
use opstack_core::blame::Blame;
use opstack_engine::{Artifact, LoadError, MAX_BYTES, Role};
use support::{PATIENT, engine, guest, load, refused};

fn component(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

#[test]
fn what_is_no_webassembly_is_damaged() {
    let whole = guest("unruly");
    let packed = zstd::encode_all(whole.as_slice(), 3).unwrap();
    let mut spoilt = packed.clone();
    spoilt[packed.len() / 2] ^= 0xff;
    let no_section = [&whole[..], b"\x7fnonsense"].concat();
    for bytes in [b"", b"hello".as_slice(), &whole[..whole.len() / 2], &packed[..1000], &spoilt, &no_section] {
        let error = refused(bytes);
        assert_eq!(error.reason(), "Damaged", "{error}");
    }
}

#[test]
fn what_is_too_large_is_refused_before_it_is_read() {
    assert_eq!(refused(&vec![0; MAX_BYTES + 1]).reason(), "TooLarge");
    let bomb = zstd::encode_all(std::io::Cursor::new(vec![0; MAX_BYTES + 1]), 3).unwrap();
    assert!(bomb.len() < 10_000);
    assert_eq!(refused(&bomb).reason(), "TooLarge");
}

#[test]
fn a_digest_is_that_of_the_plain_bytes() {
    let plain = guest("unruly");
    let digest = |bytes: &[u8]| Artifact::open(bytes).unwrap().digest().to_string();
    let expected = digest(&plain);
    assert!(expected.starts_with("sha256:") && expected.len() == 71, "{expected}");
    for level in [1, 19] {
        assert_eq!(digest(&zstd::encode_all(plain.as_slice(), level).unwrap()), expected);
    }
    let other = [&plain[..], b"\0\x02\x01x"].concat();
    assert_ne!(digest(&other), expected, "a custom section is part of it");
}

#[test]
fn both_worlds_are_loaded() {
    let workload = load("unruly", PATIENT);
    assert!(
        matches!(workload.role(), Role::Workload(manifest) if manifest.name == "unruly" && manifest.owns.len() == 1)
    );
    assert_eq!(workload.contract_version(), "0.1.0");
    let client = load("hostile-client", PATIENT);
    assert!(matches!(client.role(), Role::Client(manifest) if manifest.name == "hostile-client"));
}

#[test]
fn imports_outside_the_contract_are_named() {
    let wasi = component(r#"(component (import "wasi:filesystem/types@0.2.0" (instance)))"#);
    let module = Module {
        imports: r#"(import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))"#,
        ..Module::default()
    };
    let env = Module { imports: r#"(import "env" "now" (func (result i64)))"#, ..Module::default() };
    let client = Module {
        world: "execution-client-plugin",
        edit: |wit| wit.replace("export execution-client;", "import cluster; export execution-client;"),
        imports: r#"(import "opstack:plugin/cluster@0.1.0" "get" (func (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))"#,
        ..Module::default()
    };
    let expected = [
        (wasi, "wasi:filesystem/types@0.2.0"),
        (module.bytes(), "fd_write of wasi_snapshot_preview1"),
        (env.bytes(), "now of env"),
        (client.bytes(), "opstack:plugin/cluster@0.1.0"),
    ];
    for (bytes, name) in expected {
        let error = refused(&bytes);
        assert_eq!(error.reason(), "ForbiddenImport", "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn other_versions_of_the_contract_are_named() {
    for version in ["0.2.0", "1.0.0", "0.0.9"] {
        let error = refused(&Module { version, ..Module::default() }.bytes());
        let LoadError::WrongContract { found, supported } = &error else { panic!("{error}") };
        assert_eq!((found.as_str(), supported.as_str()), (version, "0.1.x"));
    }
}

#[test]
fn a_later_version_of_the_same_line_is_linked() {
    let grown = |wit: String| {
        let line = "get: func(object: object-ref) -> option<json>;";
        wit.replace(line, &format!("{line} count: func() -> u32;"))
    };
    let later = Module { version: "0.1.7", edit: grown, ..Module::default() };
    // Linked, and its describe was called.
    let error = refused(&later.bytes());
    assert!(matches!(&error, LoadError::Describe(fault) if fault.reason == "Trap"), "{error}");
    let imports = r#"(import "opstack:plugin/cluster@0.1.7" "count" (func (result i32)))"#;
    let error = refused(&Module { imports, ..later }.bytes());
    let text = error.to_string();
    assert_eq!(error.reason(), "Mismatch");
    assert!(text.contains("count") && text.contains("0.1.7") && text.contains("0.1.0"), "{text}");
}

#[test]
fn what_does_not_fit_a_world_is_refused() {
    let export = |name: &str| format!(r#"(export "opstack:plugin/{name}@0.1.0" (instance $i))"#);
    let hollow = component(&format!("(component (instance $i) {})", export("workload")));
    assert_eq!(refused(&hollow).reason(), "Mismatch");
    let both = format!("(component (instance $i) {} {})", export("workload"), export("execution-client"));
    assert_eq!(refused(&component(&both)).reason(), "Mismatch");
    assert_eq!(refused(&component("(component)")).reason(), "NoWorld");
    assert_eq!(refused(&component("(module)")).reason(), "NoWorld");
    let bare =
        wat::parse_str(r#"(module (func (export "opstack:plugin/workload@0.1.0#describe") (result i32) unreachable))"#);
    assert_eq!(refused(&bare.unwrap()).reason(), "NoWorld", "a module without the contract in it");
    let other =
        Module { edit: |wit| wit.replace("served-version: string,", "served-version: u64,"), ..Module::default() };
    assert_eq!(refused(&other.bytes()).reason(), "Mismatch", "a manifest of another shape");
}

#[test]
fn faults_at_the_start_are_those_of_a_call() {
    let start = |body: &str| format!("(func $start {body}) (start $start)");
    let endless = Module { fields: &start("(loop $l (br $l))"), ..Module::default() }.bytes();
    let trap = Module { fields: &start("unreachable"), ..Module::default() }.bytes();
    let recursion = Module { fields: "(func $f (call $f)) (start $f)", ..Module::default() }.bytes();
    let memory = Module { pages: 2048, ..Module::default() }.bytes();
    let table = Module { fields: "(table 200000 funcref)", ..Module::default() }.bytes();
    let pointer = Module { describe: "(i32.const -8)", ..Module::default() }.bytes();
    let expected = [
        (endless, "Deadline"),
        (trap, "Trap"),
        (recursion, "StackOverflow"),
        (memory, "MemoryLimit"),
        (pointer, "InvalidAnswer"),
    ];
    for (bytes, reason) in expected {
        let error = refused(&bytes);
        let LoadError::Describe(fault) = &error else { panic!("{reason}: {error}") };
        assert_eq!((fault.reason, fault.blame), (reason, Blame::Plugin), "{fault}");
        assert!(!error.is_hosts());
    }
    assert_eq!(refused(&table).reason(), "Compile", "more than the pool holds");
}

#[test]
fn describe_must_not_look_anything_up() {
    let imports = r#"(import "opstack:plugin/cluster@0.1.0" "list" (func $list (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))"#;
    let zeros = "(i32.const 0) ".repeat(12);
    let describe = format!("(call $list {zeros}) unreachable");
    let error = refused(&Module { imports, describe: &describe, ..Module::default() }.bytes());
    assert_eq!(error.reason(), "NotGranted", "{error}");
}

/// On a thread with the stack that an async runtime gives to blocking work.
#[test]
fn types_nested_without_end_are_refused() {
    let nested = |wit: String| {
        let types: String = (1..2000).map(|depth| format!("type t{depth} = list<t{}>;", depth - 1)).collect();
        let line = "get: func(object: object-ref) -> option<json>;";
        wit.replace(line, &format!("type t0 = list<u8>; {types} {line} deep: func(a: t1999);"))
    };
    let imports = r#"(import "opstack:plugin/cluster@0.1.0" "deep" (func (param i32 i32)))"#;
    let bytes = Module { edit: nested, imports, ..Module::default() }.bytes();
    let loader = std::thread::Builder::new().stack_size(2 << 20).spawn(move || refused(&bytes).to_string());
    let text = loader.unwrap().join().unwrap();
    assert!(text.contains("nest") || text.contains("depth"), "{text}");
}

/// Each byte may be wrong. What comes of it is an error, never a panic or a plugin: its `describe` traps.
#[test]
fn no_damage_brings_the_loader_down() {
    let module = Module::default().bytes();
    let engine = engine();
    for position in 0..module.len() {
        for wrong in [0x01, 0x80] {
            let mut bytes = module.clone();
            bytes[position] ^= wrong;
            let loaded = Artifact::open(&bytes).and_then(|artifact| engine.load(&artifact, PATIENT));
            assert!(loaded.is_err(), "byte {position} with {wrong:#x}");
        }
    }
}
