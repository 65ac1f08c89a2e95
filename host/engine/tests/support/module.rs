//! Modules made of text: what no compiler would give.

use std::path::Path;
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, SourceMap};

/// A core module of a world, as `wit-bindgen` would make it, with these parts in it.
pub struct Module<'a> {
    /// `workload-plugin` or `execution-client-plugin`.
    pub world: &'a str,
    /// Version of the contract.
    pub version: &'a str,
    /// Changes the text of the contract.
    pub edit: fn(String) -> String,
    /// Fields before everything else: imports.
    pub imports: &'a str,
    /// Fields: functions, a start function.
    pub fields: &'a str,
    /// Body of `describe`.
    pub describe: &'a str,
    /// Pages of memory.
    pub pages: u32,
}

impl Default for Module<'_> {
    fn default() -> Self {
        Self {
            world: "workload-plugin",
            version: "0.1.0",
            edit: |wit| wit,
            imports: "",
            fields: "",
            describe: "unreachable",
            pages: 1,
        }
    }
}

impl Module<'_> {
    pub fn bytes(&self) -> Vec<u8> {
        let Self { version, imports, fields, describe, pages, .. } = self;
        let interface = self.world.strip_suffix("-plugin").unwrap();
        let functions = match interface {
            "workload" => {
                format!(
                    r#"(func (export "opstack:plugin/workload@{version}#reconcile") (param i32) (result i32) unreachable)
                    (func (export "opstack:plugin/workload@{version}#finalize") (param i32) (result i32) unreachable)"#
                )
            }
            _ => format!(
                r#"(func (export "opstack:plugin/execution-client@{version}#render") (param i32 i32) (result i32) unreachable)"#
            ),
        };
        let mut module = wat::parse_str(format!(
            r#"(module
                {imports}
                (memory (export "memory") {pages})
                {fields}
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
                (func (export "opstack:plugin/{interface}@{version}#describe") (result i32) {describe})
                {functions})"#
        ))
        .unwrap();
        let (resolve, world) = self.contract();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
        module
    }

    fn contract(&self) -> (Resolve, wit_parser::WorldId) {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        let mut sources = SourceMap::new();
        for entry in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.extension().is_some_and(|extension| extension == "wit") {
                let text = std::fs::read_to_string(&entry).unwrap();
                let text =
                    (self.edit)(text.replace("opstack:plugin@0.1.0", &format!("opstack:plugin@{}", self.version)));
                sources.push_str(&entry.display().to_string(), text);
            }
        }
        let mut resolve = Resolve::new();
        let package = resolve.push_group(sources.parse().map_err(|(_, error)| error).unwrap()).unwrap();
        let world = resolve.select_world(&[package], Some(self.world)).unwrap();
        (resolve, world)
    }
}
