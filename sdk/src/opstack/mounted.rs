//! A file of the chain inside a pod: from the ConfigMap of the network, from a copy of it in the pod's namespace, or
//! downloaded by an init container.

use k8s_openapi::api::core::v1::{ConfigMap, Container, Volume, VolumeMount};

use super::active::network_label;
use super::chain_file::{ChainFile, File};
use super::network::Network;
use crate::cluster::Context;
use crate::kubernetes::{App, config_map, config_map_volume, mount, restricted, scratch_volume};

const DOWNLOAD: &str = "/download";
/// Label of a copy: the network that it is of, as `<namespace>.<name>`.
const COPIED_FROM: &str = "optimism.io/copied-from";

/// What a pod needs to have a file at a path.
#[derive(Clone, Debug)]
pub struct MountedFile {
    /// The volume.
    pub volume: Volume,
    /// For the container that reads the file.
    pub mount: VolumeMount,
    /// Fetches the file, where it comes from a URL.
    pub init: Option<Container>,
    /// A copy of the network's ConfigMap, where that is in another namespace: pods can't mount across namespaces, and
    /// an owner in one namespace can't own in another, so each consumer has a copy of its own.
    pub copy: Option<ConfigMap>,
    /// Changes when the file does.
    pub restart_on: String,
}

impl MountedFile {
    /// The file `which` at `path`. Nothing for a chain of the registry, which needs no file.
    pub fn at(
        path: &str,
        which: File,
        file: &ChainFile,
        network: &Network,
        cx: &Context<'_>,
        app: &App,
    ) -> Option<Self> {
        let name = which.suffix;
        // Only this one file appears in its directory, which may hold others.
        let mount = VolumeMount { sub_path: Some(which.key.into()), read_only: Some(true), ..mount(name, path) };
        match file {
            ChainFile::Registry(_) => None,
            ChainFile::Published { config_map: published, key, text } => {
                let foreign = network.namespace != app.namespace();
                let copy = foreign.then(|| {
                    let mut copy = config_map(app, name, [(*key, text.clone())]);
                    let origin = network_label(&network.namespace, &network.name);
                    copy.metadata.labels.get_or_insert_default().insert(COPIED_FROM.into(), origin);
                    copy
                });
                let source = if foreign { app.named(name) } else { published.clone() };
                let volume = config_map_volume(name, &source, key, key);
                Some(Self { volume, mount, init: None, copy, restart_on: text.clone() })
            }
            ChainFile::Url { url, sha256 } => {
                let init = Some(download(name, url, sha256, which.key, &cx.facts.host_image));
                Some(Self { volume: scratch_volume(name), mount, init, copy: None, restart_on: sha256.clone() })
            }
        }
    }
}

fn download(name: &str, url: &str, sha256: &str, key: &str, image: &str) -> Container {
    restricted(Container {
        name: format!("fetch-{name}"),
        image: Some(image.into()),
        command: Some(["opstack", "fetch"].map(Into::into).to_vec()),
        args: Some(vec![format!("--url={url}"), format!("--sha256={sha256}"), format!("--to={DOWNLOAD}/{key}")]),
        volume_mounts: Some(vec![mount(name, DOWNLOAD)]),
        ..Default::default()
    })
}
