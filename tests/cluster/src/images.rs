//! The images that are made here: of what the cluster itself needs, and of what tests run on it.
//!
//! | image | program |
//! | --- | --- |
//! | `opstack.invalid/op-node:v1.19.6`, likewise the others of [`op_programs::PROGRAMS`] and the older release | its own |
//! | `opstack.invalid/op-geth:v…`, `geth:v…` | `geth`, which is what the published images call both, and a shell |
//! | `opstack.invalid/anvil:v…` | `anvil`, with the libraries of C that it is linked to |
//! | `opstack.invalid/opstack:…` | the operator, likewise, and the components of plugins in `/plugins` |
//!
//! The names are not those of published images, which hold other builds: a resource asks for these by its field for the
//! image. No registry has that name, so that nothing is ever pulled in their stead.

use std::{
    borrow::Cow,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use op_programs::OpPrograms;

use crate::{image::Image, recipe::NodePrograms, tool};

/// Holds the namespaces of a Pod.
pub(crate) const PAUSE: &str = "opstack.invalid/pause:v1";

/// Resolves names.
pub(crate) const COREDNS: &str = "opstack.invalid/coredns:v1.14.7";

/// Makes the directories of volumes.
pub(crate) const VOLUME: &str = "opstack.invalid/volume:v1";

/// What every cluster has.
pub(crate) fn of_the_node(programs: &NodePrograms) -> Vec<Image> {
    [(PAUSE, "pause"), (COREDNS, "coredns"), (VOLUME, "volume")]
        .map(|(name, program)| Image::of(name, programs.path(program)))
        .into()
}

/// An image for each program of the OP Stack, by the name under which its published image has it.
pub fn of_programs(programs: &OpPrograms) -> Vec<Image> {
    let image = |program: op_programs::Installed| Image {
        name: name(program.name, &program.version),
        entry: if program.name == "op-geth" { "geth".into() } else { program.name.into() },
        has_shell: program.name.ends_with("geth"),
        program: program.path,
        files: Vec::new(),
    };
    programs.all().into_iter().map(image).collect()
}

/// The operator's image, with the components in a directory (`*.wasm`), plain and compiled, as the chart looks for them. Its
/// version is that of this workspace.
///
/// # Errors
/// When the directory can't be read, or has no component, or the program can't compile one.
pub fn of_opstack(program: impl Into<PathBuf>, components: &Path) -> Result<Image> {
    let image = Image::of(name("opstack", env!("CARGO_PKG_VERSION")), program);
    let mut files = baked_in(components)?;
    let modules: Vec<_> = files.iter().map(|(path, _)| path.to_string_lossy()).collect();
    let compile: Vec<_> = ["plugin", "compile"].into_iter().chain(modules.iter().map(Cow::as_ref)).collect();
    let entries = tool::output(&image.program.display().to_string(), &compile)?;
    files.extend(entries.lines().map(|entry| (entry.into(), format!("compiled/{}", file_name(Path::new(entry))))));
    Ok(Image { files, ..image })
}

fn file_name(path: &Path) -> Cow<'_, str> {
    path.file_name().unwrap_or_default().to_string_lossy()
}

/// The components of a directory, in the order of their names, and where each is in the image.
fn baked_in(components: &Path) -> Result<Vec<(PathBuf, String)>> {
    let entries = fs::read_dir(components).with_context(|| format!("failed to read {}", components.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = file_name(&path).into_owned();
        if name.ends_with(".wasm") {
            files.push((path, format!("plugins/{name}")));
        }
    }
    ensure!(!files.is_empty(), "there is no component (*.wasm) in {}: build them first", components.display());
    files.sort();
    Ok(files)
}

/// The name of an image that is made here.
pub fn name(program: &str, version: &str) -> String {
    format!("opstack.invalid/{program}:{version}")
}

/// Makes images and puts them into a containerd that listens at `socket`. The archives are made in `directory`, and do
/// not stay.
pub(crate) fn load(images: &[Image], ctr: &Path, socket: &Path, directory: &Path) -> Result<()> {
    images.iter().try_for_each(|image| {
        let archive = archive(image, directory);
        image.write(&archive)?;
        let (ctr, socket, file) =
            (ctr.display().to_string(), socket.display().to_string(), archive.display().to_string());
        tool::output(&ctr, &["--address", &socket, "--namespace", "k8s.io", "images", "import", &file])?;
        Ok(fs::remove_file(&archive)?)
    })
}

fn archive(image: &Image, directory: &Path) -> PathBuf {
    let name = image.name.replace(['/', ':'], "_");
    directory.join(format!("{name}.tar"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_where_the_chart_looks_for_them() -> Result<()> {
        let directory = tempfile::tempdir()?;
        let error = baked_in(directory.path()).expect_err("it is empty").to_string();
        assert!(error.contains("no component"), "{error}");

        for name in ["b.wasm", "a.wasm", "notes.txt"] {
            fs::write(directory.path().join(name), "")?;
        }
        let places: Vec<_> = baked_in(directory.path())?.into_iter().map(|(_, place)| place).collect();
        assert_eq!(places, ["plugins/a.wasm", "plugins/b.wasm"]);
        Ok(())
    }
}
