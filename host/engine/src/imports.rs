//! What a component imports and exports, held against the contract before anything of it runs.

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::engine::LoadError;

/// Version of the contract that this host speaks.
pub const CONTRACT: (u64, u64) = (0, 1);

const PACKAGE: &str = "opstack:plugin/";
const IMPORTS: [&str; 5] = ["types", "probes", "cluster", "execution-clients", "log"];

/// Which world a component is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// `workload-plugin`
    Workload,
    /// `execution-client-plugin`
    Client,
}

/// The world of a component and the version of the contract it was built for.
///
/// # Errors
/// When it imports anything outside the contract, speaks another version of it, or exports none of its worlds.
pub fn check(component: &Component, engine: &Engine) -> Result<(World, String), LoadError> {
    let ty = component.component_type();
    let mut version = None;
    for (name, _) in ty.imports(engine) {
        let interface = supported(name, &mut version)?;
        if !interface.is_some_and(|interface| IMPORTS.contains(&interface)) {
            return Err(LoadError::ForbiddenImport { name: name.into() });
        }
    }
    let mut world = None;
    for (name, _) in ty.exports(engine) {
        match supported(name, &mut version)? {
            Some("workload") => world = Some(World::Workload),
            Some("execution-client") => world = Some(World::Client),
            _ => {}
        }
    }
    let world = world.ok_or(LoadError::NoWorld)?;
    Ok((world, version.unwrap_or_default()))
}

/// The interface of a name of our package, if the version is one that we speak.
fn supported<'a>(name: &'a str, seen: &mut Option<String>) -> Result<Option<&'a str>, LoadError> {
    let Some(rest) = name.strip_prefix(PACKAGE) else { return Ok(None) };
    let (interface, version) = rest.split_once('@').unwrap_or((rest, ""));
    let mut numbers = version.split('.').map(|part| part.parse::<u64>().ok());
    let (major, minor) = (numbers.next().flatten(), numbers.next().flatten());
    if (major, minor) != (Some(CONTRACT.0), Some(CONTRACT.1)) {
        return Err(LoadError::WrongContract {
            found: version.into(),
            supported: format!("{}.{}", CONTRACT.0, CONTRACT.1),
        });
    }
    *seen = Some(version.into());
    Ok(Some(interface))
}
