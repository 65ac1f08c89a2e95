//! Compiled code on disk is used when it is whole and of the right component and engine; nothing about it is needed.

mod support;

use opstack_engine::{Artifact, Engine, EngineConfig, LoadError, Origin, Plugin};
use serde_json::json;
use std::path::{Path, PathBuf};
use support::{PATIENT, call, guest};

fn load_in(dir: &Path, name: &str) -> Result<Plugin, LoadError> {
    let config = EngineConfig { cache_dir: Some(dir.into()), ..EngineConfig::default() };
    Engine::new(config).unwrap().load(&Artifact::open(&guest(name)).unwrap(), PATIENT)
}

fn origin(dir: &Path) -> Origin {
    let plugin = load_in(dir, "unruly").unwrap();
    assert!(call(&plugin, &json!({"behaviour": "nothing"})).unwrap().is_ok());
    plugin.origin()
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

#[test]
fn a_warm_start_does_not_compile() {
    let dir = tempfile::tempdir().unwrap();
    let below = dir.path().join("made/on/demand");
    assert_eq!(origin(&below), Origin::Compiled);
    assert_eq!(origin(&below), Origin::Cached);
    assert_eq!(entries(&below).len(), 1, "nothing is left beside the entry");
}

#[test]
fn what_came_with_the_program_is_used_and_left_alone() {
    let (shipped, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let load = || {
        let (cache_dir, shipped_dir) = (Some(cache.path().into()), Some(shipped.path().into()));
        let engine = Engine::new(EngineConfig { cache_dir, shipped_dir, ..EngineConfig::default() }).unwrap();
        let artifact = Artifact::open(&guest("unruly")).unwrap();
        let plugin = engine.load(&artifact, PATIENT).unwrap();
        assert!(call(&plugin, &json!({"behaviour": "nothing"})).unwrap().is_ok());
        (plugin.origin(), engine.cache_entry(&artifact).unwrap())
    };
    assert_eq!(origin(shipped.path()), Origin::Compiled);
    assert_eq!(load().0, Origin::Cached);
    assert!(entries(cache.path()).is_empty(), "it needs no place in the cache");

    // Damaged, it is as if it were not there, and it is not for us to mend.
    let [entry] = entries(shipped.path()).try_into().unwrap();
    std::fs::write(&entry, b"damaged").unwrap();
    let (origin, place) = load();
    assert_eq!((origin, entries(cache.path())), (Origin::Compiled, vec![place]));
    assert_eq!(std::fs::read(&entry).unwrap(), b"damaged");
    assert_eq!(load().0, Origin::Cached);
}

#[test]
fn a_damaged_entry_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(origin(dir.path()), Origin::Compiled);
    let [entry] = entries(dir.path()).try_into().unwrap();
    let whole = std::fs::read(&entry).unwrap();
    let flipped = |position: usize| {
        let mut bytes = whole.clone();
        bytes[position] ^= 1;
        bytes
    };
    let half = whole[..whole.len() / 2].to_vec();
    let damages = [vec![], b"short".to_vec(), half, flipped(0), flipped(40), flipped(whole.len() - 1)];
    for damage in damages {
        std::fs::write(&entry, damage).unwrap();
        assert_eq!(origin(dir.path()), Origin::Compiled);
        assert_eq!(origin(dir.path()), Origin::Cached, "the entry was replaced");
    }
}

#[test]
fn an_entry_under_the_name_of_another_component_is_not_taken_for_it() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(origin(dir.path()), Origin::Compiled);
    let [ours] = entries(dir.path()).try_into().unwrap();
    load_in(dir.path(), "hostile-client").unwrap();
    let theirs = entries(dir.path()).into_iter().find(|entry| *entry != ours).unwrap();
    std::fs::copy(&theirs, &ours).unwrap();
    assert_eq!(origin(dir.path()), Origin::Compiled);
}

#[test]
fn what_was_not_used_for_long_makes_room() {
    let dir = tempfile::tempdir().unwrap();
    let long_ago = std::time::SystemTime::UNIX_EPOCH;
    for number in 0..100 {
        let old = std::fs::File::create(dir.path().join(format!("{number}.cwasm"))).unwrap();
        old.set_modified(long_ago).unwrap();
    }
    std::fs::write(dir.path().join("not-ours"), "").unwrap();
    assert_eq!(origin(dir.path()), Origin::Compiled);
    assert_eq!(entries(dir.path()).len(), 64 + 1);
    assert!(dir.path().join("not-ours").exists());
    assert_eq!(origin(dir.path()), Origin::Cached);
}

#[test]
fn without_a_place_it_works_all_the_same() {
    let file = tempfile::NamedTempFile::new().unwrap();
    assert_eq!(origin(&file.path().join("below a file")), Origin::Compiled);
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(origin(dir.path()), Origin::Compiled);
    let [entry] = entries(dir.path()).try_into().unwrap();
    std::fs::remove_file(&entry).unwrap();
    std::fs::create_dir(&entry).unwrap();
    assert_eq!(origin(dir.path()), Origin::Compiled, "a directory is in the place of the entry");
    assert_eq!(entries(dir.path()), [entry], "nothing is left beside it");
}

#[test]
fn many_loads_at_once_leave_one_whole_entry() {
    let dir = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| origin(dir.path()));
        }
    });
    assert_eq!(entries(dir.path()).len(), 1);
    assert_eq!(origin(dir.path()), Origin::Cached);
}
