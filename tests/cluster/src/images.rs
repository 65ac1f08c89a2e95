//! The images that are made here: of what the cluster itself needs.

use std::path::{Path, PathBuf};

use anyhow::Result;

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

/// Makes images and puts them into a containerd that listens at `socket`. The archives are made in `directory`, and do
/// not stay.
pub(crate) fn load(images: &[Image], ctr: &Path, socket: &Path, directory: &Path) -> Result<()> {
    images.iter().try_for_each(|image| {
        let archive = archive(image, directory);
        image.write(&archive)?;
        let (ctr, socket, file) =
            (ctr.display().to_string(), socket.display().to_string(), archive.display().to_string());
        tool::output(&ctr, &["--address", &socket, "--namespace", "k8s.io", "images", "import", &file])?;
        Ok(std::fs::remove_file(&archive)?)
    })
}

fn archive(image: &Image, directory: &Path) -> PathBuf {
    let name = image.name.replace(['/', ':'], "_");
    directory.join(format!("{name}.tar"))
}
