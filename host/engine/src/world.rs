//! What a core module says of itself, checked before it is made a component.
//!
//! The bindings leave a description of their world in custom sections. `wit-component` believes it: packages that depend on
//! each other in a circle, for one, overflow its stack. So only descriptions that name one version of one package, the
//! contract's, get that far.

use std::collections::BTreeSet;
use wasmparser::{
    BinaryReaderError, ComponentType, ComponentTypeDeclaration, InstanceTypeDeclaration, Parser, Payload,
};

use crate::error::LoadError;
use crate::surface::{self, PACKAGE};

/// Checks the imports of a core module and the descriptions of its world.
///
/// # Errors
/// The first import that is outside the contract, or what else is wrong.
pub(crate) fn check(module: &[u8]) -> Result<(), LoadError> {
    let mut versions = BTreeSet::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload.map_err(|error| damaged(&error))? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.map_err(|error| damaged(&error))?;
                    if !import.module.trim_start_matches("[export]").starts_with(PACKAGE) {
                        let name = format!("{} of {}", import.name, import.module);
                        return Err(LoadError::ForbiddenImport { name });
                    }
                }
            }
            Payload::CustomSection(section) if section.name().starts_with("component-type") => {
                for name in names(section.data()).map_err(|error| damaged(&error))? {
                    versions.insert(version(&name)?);
                }
            }
            _ => {}
        }
    }
    if versions.len() > 1 {
        let versions = Vec::from_iter(versions).join(" and ");
        return Err(LoadError::NotAPlugin { why: format!("it mixes the versions {versions} of the contract") });
    }
    Ok(())
}

fn damaged(error: &BinaryReaderError) -> LoadError {
    LoadError::NotAPlugin { why: format!("what it says of its world is damaged: {error}") }
}

fn version(name: &Name) -> Result<String, LoadError> {
    match (surface::interface(name.text())?, name) {
        (Some((_, version)), _) => Ok(version.into()),
        (None, Name::Import(name)) => Err(LoadError::ForbiddenImport { name: name.clone() }),
        (None, Name::Export(name)) => {
            Err(LoadError::NotAPlugin { why: format!("it exports {name}, which is outside the contract") })
        }
    }
}

/// An interface that a world names.
enum Name {
    Import(String),
    Export(String),
}

impl Name {
    fn text(&self) -> &str {
        match self {
            Self::Import(name) | Self::Export(name) => name,
        }
    }
}

/// Interfaces of a description: a component with one type, whose one type is the world and whose export is the world's name.
fn names(description: &[u8]) -> wasmparser::Result<Vec<Name>> {
    let mut names = Vec::new();
    for payload in Parser::new(0).parse_all(description) {
        let Payload::ComponentTypeSection(types) = payload? else { continue };
        for ty in types {
            let ComponentType::Component(outer) = ty? else { continue };
            for declaration in &outer {
                if let ComponentTypeDeclaration::Type(world) = declaration {
                    collect(world, &mut names);
                }
            }
        }
    }
    Ok(names)
}

fn collect(ty: &ComponentType<'_>, names: &mut Vec<Name>) {
    // Functions and types have names without a slash.
    let is_interface = |name: &str| name.contains('/');
    match ty {
        ComponentType::Component(declarations) => {
            for declaration in declarations {
                match declaration {
                    ComponentTypeDeclaration::Type(inner) => collect(inner, names),
                    ComponentTypeDeclaration::Import(import) if is_interface(import.name.name) => {
                        names.push(Name::Import(import.name.full_name().into()));
                    }
                    ComponentTypeDeclaration::Export { name, .. } if is_interface(name.name) => {
                        names.push(Name::Export(name.full_name().into()));
                    }
                    _ => {}
                }
            }
        }
        ComponentType::Instance(declarations) => {
            for declaration in declarations {
                if let InstanceTypeDeclaration::Type(inner) = declaration {
                    collect(inner, names);
                }
            }
        }
        _ => {}
    }
}
