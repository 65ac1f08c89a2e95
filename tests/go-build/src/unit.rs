//! What is built and how, as plain data. Starts no process.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};

use crate::Go;

/// The oldest Go, as (major, minor), that compiles all units of this project.
pub const OLDEST_GO: (u32, u32) = (1, 26);

/// The environment of every call of `go`: a developer's own settings must not change the result.
pub const GO_ENVIRONMENT: [(&str, &str); 3] = [("CGO_ENABLED", "0"), ("GOFLAGS", "-buildvcs=false"), ("GOWORK", "off")];

/// A Go main package and the name of the program that comes out of it.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// The file's name.
    pub name: &'static str,
    /// As `go build` takes it in the unit's directory.
    pub package: &'static str,
}

/// Programs that are compiled inside one main module.
///
/// Projects do not share one: they would have to agree on the versions of what they all depend on, and would be builds
/// that none of them has ever tested.
#[derive(Clone, Debug)]
pub struct Unit {
    /// Names the directory of the main module, and the unit in messages.
    pub name: &'static str,
    /// The path of the published module that has the programs.
    pub module: &'static str,
    /// Its version, without the leading `v`.
    pub version: &'static str,
    /// In the order in which they are built.
    pub programs: &'static [Program],
    /// For the linker: what the programs say of themselves.
    pub ldflags: String,
    /// Build tags, with commas between them.
    pub tags: &'static str,
    /// Makes the main module in a directory that exists, and may hold the rest of an interrupted build.
    pub prepare: fn(Go, &Unit, &Path) -> Result<()>,
    /// What else decides the result, for the fingerprint.
    pub also: &'static [&'static str],
}

impl Unit {
    /// The module as `go` takes it on the command line, `path@version`.
    pub fn at_version(&self) -> String {
        format!("{}@v{}", self.module, self.version)
    }

    /// Makes a main module of nothing but requirements, in which the programs can be compiled.
    ///
    /// It requires `module` in a version, both as a line of a module file has them, and `replaces` some (`module =>
    /// other version`). Then Go finds out what else is needed, which may take minutes.
    pub fn write_tools_module(&self, go: Go, directory: &Path, required: &str, replaces: &[String]) -> Result<()> {
        let path = directory.join("go.mod");
        fs::write(&path, self.tools_module(required, replaces))
            .with_context(|| format!("failed to write {}", path.display()))?;
        go.run(directory, &format!("{} {}: sources", self.name, self.version), &["mod", "tidy"])
    }

    fn tools_module(&self, required: &str, replaces: &[String]) -> String {
        let (major, minor) = OLDEST_GO;
        let tools: String = self.programs.iter().map(|program| format!("\t{}\n", program.package)).collect();
        let replaces: String = replaces.iter().map(|replace| format!("replace {replace}\n")).collect();
        let name = self.name;
        format!(
            "module opstack.invalid/{name}\n\ngo {major}.{minor}.0\n\nrequire {required}\n\ntool (\n{tools})\n{replaces}"
        )
    }

    /// All that decides the result, this side of the environment.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &str> {
        let programs = self.programs.iter().flat_map(|program| [program.name, program.package]);
        let tags = (!self.tags.is_empty()).then_some(self.tags);
        let first = [self.module, self.version, self.ldflags.as_str()].into_iter().chain(tags);
        first.chain(programs).chain(self.also.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_of_tools_requires_what_has_them() {
        let unit = Unit {
            name: "some",
            module: "example.org/some",
            version: "1.2.3",
            programs: &[Program { name: "some", package: "example.org/some/cmd" }],
            ldflags: String::new(),
            tags: "some_tag",
            prepare: |_, _, _| Ok(()),
            also: &["one more"],
        };
        let expected = "module opstack.invalid/some\n\ngo 1.26.0\n\nrequire example.org/some v1.2.3\n\n\
             tool (\n\texample.org/some/cmd\n)\nreplace a => b v1.0.0\n";
        assert_eq!(unit.tools_module("example.org/some v1.2.3", &["a => b v1.0.0".into()]), expected);
        let parts: Vec<_> = unit.parts().collect();
        assert_eq!(parts, ["example.org/some", "1.2.3", "", "some_tag", "some", "example.org/some/cmd", "one more"]);
    }
}
