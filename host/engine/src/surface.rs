//! What a component imports and exports by name, held against the contract before anything is compiled.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use wasmparser::{Parser, Payload};

use crate::error::LoadError;

/// The contract that this host speaks: components of the same major and minor version fit.
pub(crate) const CONTRACT: &str = "0.1.0";

/// Names of its interfaces begin so.
pub(crate) const PACKAGE: &str = "opstack:plugin/";

/// Which world a component is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum World {
    /// `workload-plugin`
    Workload,
    /// `execution-client-plugin`
    Client,
}

impl World {
    /// The interface that this world exports.
    fn export(self) -> &'static str {
        match self {
            Self::Workload => "workload",
            Self::Client => "execution-client",
        }
    }

    fn exporting(interface: &str) -> Option<Self> {
        [Self::Workload, Self::Client].into_iter().find(|world| world.export() == interface)
    }

    /// Interfaces that this world may import.
    fn imports(self) -> &'static [&'static str] {
        match self {
            Self::Workload => &["types", "probes", "cluster", "execution-clients", "log"],
            Self::Client => &["types", "log"],
        }
    }
}

/// The names that matter of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Surface {
    pub(crate) world: World,
    /// Version of the contract that the component was built for.
    pub(crate) version: String,
}

/// `workload 0.1.0`: how a compiled component remembers it.
impl fmt::Display for Surface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.world.export(), self.version)
    }
}

impl FromStr for Surface {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (world, version) = text.split_once(' ').ok_or(())?;
        Ok(Self { world: World::exporting(world).ok_or(())?, version: version.into() })
    }
}

/// The world and version of a component.
///
/// # Errors
/// When it imports anything outside the contract, speaks another version of it, or is not of exactly one world.
pub(crate) fn of_component(bytes: &[u8]) -> Result<Surface, LoadError> {
    let Names { imports, exports } = names(bytes).map_err(damaged)?;
    for name in &imports {
        if interface(name)?.is_none() {
            return Err(LoadError::ForbiddenImport { name: name.clone() });
        }
    }
    let mut found = None;
    for name in &exports {
        let Some((interface, version)) = interface(name)? else { continue };
        let Some(world) = World::exporting(interface) else { continue };
        let version = version.into();
        if found.replace(Surface { world, version }).is_some() {
            return Err(LoadError::Mismatch {
                why: "it exports both worlds of the contract; make it two plugins".into(),
            });
        }
    }
    let surface = found.ok_or(LoadError::NoWorld)?;
    let allowed = surface.world.imports();
    let outside = |name: &&String| !matches!(interface(name), Ok(Some((interface, _))) if allowed.contains(&interface));
    match imports.iter().find(outside) {
        Some(name) => Err(LoadError::ForbiddenImport { name: name.clone() }),
        None => Ok(surface),
    }
}

fn damaged(error: wasmparser::BinaryReaderError) -> LoadError {
    LoadError::Damaged { why: error.to_string() }
}

/// The interface and version of a name, if it is of our package.
///
/// # Errors
/// When it is of a version that we don't speak.
pub(crate) fn interface(name: &str) -> Result<Option<(&str, &str)>, LoadError> {
    let Some(rest) = name.strip_prefix(PACKAGE) else { return Ok(None) };
    let (interface, version) = rest.split_once('@').unwrap_or((rest, "none"));
    if line(version) != line(CONTRACT) {
        let supported = format!("{}.x", line(CONTRACT));
        return Err(LoadError::WrongContract { found: version.into(), supported });
    }
    Ok(Some((interface, version)))
}

/// `0.1` of `0.1.7`: versions of one line are compatible.
fn line(version: &str) -> &str {
    version.rsplit_once('.').map_or(version, |(line, _)| line)
}

struct Names {
    imports: BTreeSet<String>,
    exports: BTreeSet<String>,
}

/// Names of the outermost component; those of what is nested in it are its own affair.
fn names(bytes: &[u8]) -> wasmparser::Result<Names> {
    let mut names = Names { imports: BTreeSet::new(), exports: BTreeSet::new() };
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    names.imports.insert(import?.name.full_name().into());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    names.exports.insert(export?.name.full_name().into());
                }
            }
            _ => {}
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_surface_survives_its_text() {
        for world in [World::Workload, World::Client] {
            let surface = Surface { world, version: "0.1.7".into() };
            assert_eq!(surface.to_string().parse(), Ok(surface));
        }
        assert_eq!("nothing 0.1.0".parse::<Surface>(), Err(()));
    }

    #[test]
    fn versions_of_one_line_fit() {
        assert!(matches!(interface("opstack:plugin/log@0.1.0"), Ok(Some(("log", "0.1.0")))));
        assert!(matches!(interface("opstack:plugin/log@0.1.7"), Ok(Some(("log", "0.1.7")))));
        assert!(matches!(interface("wasi:cli/environment@0.2.0"), Ok(None)));
        for other in ["opstack:plugin/log@0.2.0", "opstack:plugin/log@1.1.0", "opstack:plugin/log"] {
            assert!(matches!(interface(other), Err(LoadError::WrongContract { .. })), "{other}");
        }
    }
}
