//! The compiler in a process of its own: what is too much for it ends with it, is remembered, and delays nobody.

use opstack_engine::{Artifact, CompileLimits, Compiler, Limits, LoadError, Origin};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::guest::{bomb, crd, plugin, plugin_with};
use crate::module::Module;
use crate::world::{World, child, engine};

const GENEROUS: CompileLimits = CompileLimits { memory: 1 << 30, cpu_seconds: 60 };
/// No bomb below is done within it, however fast the machine.
const SHORT: CompileLimits = CompileLimits { memory: 1 << 30, cpu_seconds: 1 };

fn load(dir: &Path, compiler: Compiler, bytes: &[u8]) -> Result<opstack_engine::Plugin, LoadError> {
    engine(dir, compiler).load(&Artifact::open(bytes).unwrap(), Limits::default())
}

fn fox() -> serde_json::Value {
    crd("Fox", &["v1"])
}

/// A plugin that is valid and within all bounds, and takes a compiler long.
fn hostile() -> Vec<u8> {
    let bytes = plugin_with("bomb", "1.0.0", &crd("Bomb", &["v1"]), &bomb(8));
    assert!(bytes.len() < 300_000, "{} bytes", bytes.len());
    bytes
}

#[test]
fn what_a_child_compiles_is_what_this_process_would() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = plugin("fox", "1.0.0", &fox());
    assert_eq!(load(dir.path(), child(GENEROUS), &bytes).unwrap().origin(), Origin::Compiled);
    assert_eq!(load(dir.path(), Compiler::Here, &bytes).unwrap().origin(), Origin::Cached);
    assert_eq!(load(dir.path(), child(GENEROUS), &bytes).unwrap().origin(), Origin::Cached);
    let elsewhere = dir.path().join("below").join("a file");
    std::fs::write(dir.path().join("below"), "").unwrap();
    assert_eq!(load(&elsewhere, child(GENEROUS), &bytes).unwrap().origin(), Origin::Compiled, "without a place");
}

#[test]
fn a_child_refuses_with_the_reasons_of_this_process() {
    let env = Module { imports: r#"(import "env" "now" (func (result i64)))"#, ..Module::default() };
    let locals = Module { fields: &format!("(func (local {}))", "i64 ".repeat(20_000)), ..Module::default() };
    for (bytes, reason) in [
        (env.bytes(), "ForbiddenImport"),
        (locals.bytes(), "TooComplex"),
        (Module { version: "0.2.0", ..Module::default() }.bytes(), "WrongContract"),
        (b"\0asm\x01\0\0\0".to_vec(), "NoWorld"),
        (b"\0asm nonsense".to_vec(), "Damaged"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let [here, there] =
            [Compiler::Here, child(GENEROUS)].map(|compiler| load(dir.path(), compiler, &bytes).err().unwrap());
        assert_eq!((here.reason(), here.to_string()), (reason, there.to_string()));
        assert!(!there.is_hosts());
    }
}

/// Most memory that this process ever had, in KiB.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_bomb_ends_with_its_time_is_remembered_and_costs_this_process_nothing() {
    let (dir, bytes) = (tempfile::tempdir().unwrap(), hostile());
    let artifact = Artifact::open(&bytes).unwrap();
    let (before, begun) = (peak(), Instant::now());
    let error = load(dir.path(), child(SHORT), &bytes).err().unwrap();
    let took = begun.elapsed();
    assert!(matches!(&error, LoadError::CompileLimit { what } if what == "1 s of processor time"), "{error}");
    let grown = (peak() - before) / 1024;
    println!("figure: a bomb of {} KB was ended after {took:?}; this process grew by {grown} MiB", bytes.len() / 1024);
    assert!(grown < 100, "{grown} MiB");
    // Another process would find it on disk.
    let again = engine(dir.path(), child(SHORT));
    assert!(again.is_known(&artifact));
    let begun = Instant::now();
    assert_eq!(again.load(&artifact, Limits::default()).err().unwrap().to_string(), error.to_string());
    assert!(begun.elapsed() < took / 2, "{:?} after {took:?}", begun.elapsed());
    assert!(!engine(dir.path(), child(GENEROUS)).is_known(&artifact), "with other limits it may be compiled");
}

#[test]
fn a_bomb_ends_with_its_memory() {
    let dir = tempfile::tempdir().unwrap();
    let limits = CompileLimits { memory: 200 << 20, cpu_seconds: 60 };
    let good = plugin("fox", "1.0.0", &fox());
    assert!(load(dir.path(), child(limits), &good).is_ok(), "enough for what is no bomb");
    let error = load(dir.path(), child(limits), &hostile()).err().unwrap();
    assert!(matches!(&error, LoadError::CompileLimit { what } if what == "200 MiB of memory"), "{error}");
}

#[test]
fn without_a_compiler_nothing_is_held_against_the_plugin() {
    let dir = tempfile::tempdir().unwrap();
    let Compiler::Child(mut missing) = child(GENEROUS) else { panic!("a child") };
    missing.program = dir.path().join("missing");
    let bytes = plugin("fox", "1.0.0", &fox());
    let error = load(dir.path(), Compiler::Child(missing), &bytes).err().unwrap();
    assert_eq!((error.reason(), error.is_hosts()), ("CompilerFailed", true));
    assert!(load(dir.path(), child(GENEROUS), &bytes).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bomb_delays_neither_another_plugin_nor_its_objects() {
    let world = World::leading(CompileLimits { memory: 1 << 30, cpu_seconds: 5 }).await;
    let term = world.cx.leader.leading().await;
    let slow = world.plugin("bomb", &hostile(), 1);
    let fox = world.plugin("fox", &plugin("fox", "1.0.0", &fox()), 1);
    let [slow_name, fox_name] = ["bomb", "fox"].map(|name| opstack_core::ids::PluginName::parse(name).unwrap());
    world.gate.expect([slow_name.clone(), fox_name.clone()].into());
    world.service.begin(term).await;
    world.gate.open();
    let loading = tokio::spawn({
        let (loader, slow) = (world.loader.clone(), slow.clone());
        async move { loader.reconcile(&slow).await }
    });
    tokio::task::yield_now().await;
    assert_eq!(world.reconcile(&fox).await.1, ["True: Loaded", "True: Serving"]);
    world.gate.loaded(&fox_name);
    tokio::time::timeout(Duration::from_secs(1), world.gate.admits(&fox_name, term)).await.expect("its objects go on");
    assert!(!loading.is_finished(), "the other one is being compiled");
    loading.await.unwrap();
    assert_eq!(world.reconcile(&slow).await.1, ["False: PluginCompileLimit", "False: PluginCompileLimit"]);
}
