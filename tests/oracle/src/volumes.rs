//! The volumes of a pod, as directories of this machine.

use anyhow::{Context as _, Result, bail};
use k8s_openapi::api::core::v1::{KeyToPath, Volume};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

use crate::files;

/// Directories by the volumes' names. They go when this does.
pub struct Volumes {
    directories: BTreeMap<String, PathBuf>,
    /// Holds them all, and an empty one.
    home: TempDir,
}

impl Volumes {
    /// Makes them: claims empty, and what is mounted as it would be. `objects` are those that were rendered beside the pod,
    /// `keys` what a Secret has that is mounted whole.
    pub fn make(volumes: &[Volume], claims: &[String], objects: &[Value], keys: &[(String, &str)]) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let mut made = Self { directories: BTreeMap::new(), home };
        fs::create_dir(made.home.path().join("root"))?;
        for claim in claims {
            made.add(claim)?;
        }
        for volume in volumes {
            let directory = made.add(&volume.name)?;
            fill(&directory, volume, objects, keys).with_context(|| format!("volume {}", volume.name))?;
        }
        Ok(made)
    }

    fn add(&mut self, name: &str) -> Result<PathBuf> {
        let directory = self.home.path().join(format!("volume-{name}"));
        fs::create_dir(&directory)?;
        // The kubelet gives the pod's group the right to write.
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o777))?;
        self.directories.insert(name.into(), directory.clone());
        Ok(directory)
    }

    /// The directory of a volume.
    pub fn directory(&self, name: &str) -> Result<&Path> {
        self.directories.get(name).map(PathBuf::as_path).with_context(|| format!("the pod has no volume {name}"))
    }

    /// An empty directory, where a root can be put together.
    pub fn root(&self) -> PathBuf {
        self.home.path().join("root")
    }
}

fn fill(directory: &Path, volume: &Volume, objects: &[Value], keys: &[(String, &str)]) -> Result<()> {
    if let Some(source) = &volume.config_map {
        return config_map(directory, &source.name, source.items.as_deref(), objects);
    }
    if let Some(source) = &volume.secret {
        return secret(directory, source.items.as_deref(), keys);
    }
    let projected = volume.projected.as_ref().and_then(|projected| projected.sources.as_deref()).unwrap_or_default();
    for source in projected {
        if let Some(source) = &source.secret
            && source.optional != Some(true)
        {
            secret(directory, source.items.as_deref(), keys)?;
        }
        if let Some(source) = &source.config_map {
            config_map(directory, &source.name, source.items.as_deref(), objects)?;
        }
    }
    let is_known = volume.empty_dir.is_some() || volume.persistent_volume_claim.is_some() || volume.projected.is_some();
    if is_known { Ok(()) } else { bail!("of a type that is not known here") }
}

fn secret(directory: &Path, items: Option<&[KeyToPath]>, keys: &[(String, &str)]) -> Result<()> {
    let Some(items) = items else {
        return keys.iter().try_for_each(|(path, kind)| write(directory, path, &files::of_secret(kind)?));
    };
    items.iter().try_for_each(|item| write(directory, &item.path, &files::of_secret(&item.path)?))
}

/// What was rendered is as it was rendered; the files of the chain are the user's, and come from here.
fn config_map(directory: &Path, name: &str, items: Option<&[KeyToPath]>, objects: &[Value]) -> Result<()> {
    let named = |object: &&Value| object["kind"] == "ConfigMap" && object["metadata"]["name"] == name;
    let rendered = objects.iter().find(named).and_then(|object| object["data"].as_object());
    let keys: Vec<(String, String)> = match (items, rendered) {
        (Some(items), _) => items.iter().map(|item| (item.key.clone(), item.path.clone())).collect(),
        (None, Some(data)) => data.keys().map(|key| (key.clone(), key.clone())).collect(),
        (None, None) => bail!("nothing is known of ConfigMap {name}"),
    };
    for (key, path) in keys {
        let own = rendered.and_then(|data| data.get(&key)).and_then(Value::as_str);
        let text =
            files::of_chain(&path).or(own).with_context(|| format!("nothing is known of {key} in ConfigMap {name}"))?;
        write(directory, &path, text)?;
    }
    Ok(())
}

fn write(directory: &Path, path: &str, text: &str) -> Result<()> {
    let path = directory.join(path);
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(&path, text)?;
    Ok(fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?)
}
