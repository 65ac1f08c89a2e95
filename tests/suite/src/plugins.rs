//! Plugins for the operator: those that were built, and ways to spoil them.

use std::{
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::operator::program;

/// The root of the project.
pub fn root() -> PathBuf {
    // Where the manifest is now; where it was at build time is true of one clone only.
    let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&manifest).ancestors().nth(2).map(Path::to_owned).unwrap_or_default()
}

/// Where our plugins are.
pub fn directory() -> PathBuf {
    root().join("target/plugins")
}

/// The argument by which an operator serves all of them.
pub fn argument() -> String {
    format!("--plugins={}", directory().display())
}

/// The modules in a directory of `target`, sorted; those that are stubs are left out.
pub fn built(directory: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(root().join("target").join(directory)) else { return Vec::new() };
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "wasm"));
    paths.sort();
    paths
}

/// The bytes of one module in a directory of `target`.
///
/// # Panics
/// When it was not built.
pub fn module(directory: &str, name: &str) -> Vec<u8> {
    let path = root().join("target").join(directory).join(format!("{name}.wasm"));
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask build` first", path.display()))
}

/// A plugin, ready to be installed.
#[derive(Clone, Debug)]
pub struct Packed {
    /// Holds the component.
    pub config_map: Value,
    /// Trusts it.
    pub plugin: Value,
}

impl Packed {
    /// The same, without a pinned digest: whatever the ConfigMap holds is taken.
    #[must_use]
    pub fn unpinned(mut self) -> Self {
        self.plugin["spec"]["digest"] = Value::Null;
        self
    }
}

/// The guest that does what it is told.
pub fn hostile() -> Packed {
    pack(&module("guests", "hostile"))
}

/// Packs a module as an administrator would: by `opstack plugin pack`.
///
/// # Panics
/// When the operator's program refuses it.
pub fn pack(module: &[u8]) -> Packed {
    let mut file = tempfile::Builder::new().suffix(".wasm").tempfile().expect("a file");
    file.write_all(module).expect("a file");
    let output = Command::new(program()).args(["plugin", "pack"]).arg(file.path()).output().expect("opstack runs");
    assert!(output.status.success(), "opstack plugin pack: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    let mut documents = text.split("---\n").filter(|part| !part.trim().is_empty()).map(|part| {
        let document: Value = serde_norway::from_str(part).unwrap_or_else(|error| panic!("{error}: {part}"));
        document
    });
    let (config_map, plugin) = (documents.next().expect("a ConfigMap"), documents.next().expect("a Plugin"));
    Packed { config_map, plugin }
}

/// A patch of a plugin's ConfigMap that puts other bytes into it.
pub fn bytes_patch(bytes: &[u8]) -> Value {
    json!({"binaryData": {"plugin.wasm": STANDARD.encode(bytes), "plugin.wasm.zst": null}})
}

/// The module with a custom section more: other bytes, the same behaviour.
pub fn rebuilt(module: &[u8], mark: &str) -> Vec<u8> {
    let size = u8::try_from(mark.len() + 1).ok().filter(|size| *size < 0x80).expect("a short mark");
    let mut bytes = module.to_vec();
    bytes.extend([0, size, size - 1]);
    bytes.extend(mark.as_bytes());
    bytes
}

/// The module with one text replaced by another of the same length, wherever it stands.
///
/// # Panics
/// When the text is not there.
pub fn patched(module: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "the module's layout must stay");
    let mut bytes = module.to_vec();
    let mut found = 0;
    for start in 0..bytes.len() - from.len() {
        let place = &mut bytes[start..start + from.len()];
        if place == from.as_bytes() {
            place.copy_from_slice(to.as_bytes());
            found += 1;
        }
    }
    assert!(found > 0, "{from:?} is not in the module");
    bytes
}

/// A component that imports an interface and exports nothing.
pub fn importing(interface: &str) -> Vec<u8> {
    let text = format!("(component (import {interface:?} (instance)))");
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"))
}
