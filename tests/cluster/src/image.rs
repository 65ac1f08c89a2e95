//! Container images without a daemon and without a registry: a program, what it is linked to, and little else, in an
//! archive of the [OCI layout](https://github.com/opencontainers/image-spec/blob/main/image-layout.md).

use std::{
    env,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

use crate::libraries::libraries;

/// The user of every image; a Pod may ask for another one.
const USER: u32 = 1000;

/// Where a program is in its image; the directory is on the PATH.
const BIN: &str = "usr/local/bin";

/// Who signs the certificates of the servers that a program may call, on this machine and in the image.
const AUTHORITIES: &str = "etc/ssl/certs/ca-certificates.crt";

/// An image of one program.
///
/// It has one layer: the program, the shared libraries that it names (none if it is static), other files, the certificates
/// of public authorities, a user of its own, and a `/tmp`. The same files make the same image, byte for byte.
#[derive(Clone, Debug)]
pub struct Image {
    /// With its tag, as a Pod names it.
    pub name: String,
    /// The program on this machine.
    pub program: PathBuf,
    /// The program's name in the image, which starts it.
    pub entry: String,
    /// Other files, and where each is in the image, from its root.
    pub files: Vec<(PathBuf, String)>,
    /// With a shell and a few tools, of busybox: the published images of geth have one, and the init container of the
    /// operator's Pods relies on it.
    pub has_shell: bool,
}

impl Image {
    /// An image of a program under its own name.
    pub fn of(name: impl Into<String>, program: impl Into<PathBuf>) -> Self {
        let program = program.into();
        let entry = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self { name: name.into(), program, entry, files: Vec::new(), has_shell: false }
    }

    /// Writes the archive.
    pub fn write(&self, archive: &Path) -> Result<()> {
        self.try_write(archive).with_context(|| format!("failed to make the image {}", self.name))
    }

    fn try_write(&self, archive: &Path) -> Result<()> {
        let layer_file = archive.with_extension("layer");
        let layer = self.write_layer(&layer_file)?;
        let mut builder = Builder::new(File::create(archive)?);
        let config = add_json(&mut builder, "vnd.oci.image.config.v1", &self.config(&layer))?;
        let blob = format!("blobs/{}", layer.digest.replace(':', "/"));
        let mut header = header(EntryType::Regular, 0o644);
        header.set_size(layer.size);
        builder.append_data(&mut header, blob, File::open(&layer_file)?)?;
        fs::remove_file(&layer_file)?;
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config,
            "layers": [{
                "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer.digest, "size": layer.size
            }],
        });
        let mut manifest = add_json(&mut builder, "vnd.oci.image.manifest.v1", &manifest)?;
        // containerd takes the first as the whole name; the second is what the specification has.
        manifest["annotations"] = json!({
            "io.containerd.image.name": self.name,
            "org.opencontainers.image.ref.name": self.name.rsplit_once(':').map_or("latest", |(_, tag)| tag),
        });
        let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
        add_bytes(&mut builder, "index.json", 0o644, &serde_json::to_vec(&index)?)?;
        add_bytes(&mut builder, "oci-layout", 0o644, br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        builder.into_inner()?.flush()?;
        Ok(())
    }

    fn config(&self, layer: &Blob) -> Value {
        json!({
            "architecture": architecture(),
            "os": "linux",
            "config": {
                "User": format!("{USER}:{USER}"),
                "Env": [format!("PATH=/{BIN}:/bin"), "HOME=/tmp"],
                "Entrypoint": [format!("/{BIN}/{}", self.entry)],
                "WorkingDir": "/tmp",
            },
            "rootfs": { "type": "layers", "diff_ids": [layer.digest] },
        })
    }

    /// Writes the layer's archive, which is not compressed: nobody sends it anywhere.
    fn write_layer(&self, file: &Path) -> Result<Blob> {
        let mut builder = Builder::new(Hashing { inner: File::create(file)?, digest: Sha256::new(), size: 0 });
        for (directory, mode) in [("tmp/", 0o1777), ("etc/", 0o755), ("usr/local/bin/", 0o755)] {
            let mut header = header(EntryType::Directory, mode);
            builder.append_data(&mut header, directory, io::empty())?;
        }
        let passwd = format!("root:x:0:0:root:/:/none\nnonroot:x:{USER}:{USER}:nonroot:/tmp:/none\n");
        add_bytes(&mut builder, "etc/passwd", 0o644, passwd.as_bytes())?;
        add_bytes(&mut builder, "etc/group", 0o644, format!("root:x:0:\nnonroot:x:{USER}:\n").as_bytes())?;
        let authorities = Path::new("/").join(AUTHORITIES);
        if authorities.is_file() {
            add_file(&mut builder, &authorities, AUTHORITIES, 0o644)?;
        }
        add_program(&mut builder, &self.program, &format!("{BIN}/{}", self.entry))?;
        for (source, path) in &self.files {
            add_file(&mut builder, source, path, 0o644)?;
        }
        if self.has_shell {
            add_shell(&mut builder)?;
        }
        let hashing = builder.into_inner()?;
        let digest = format!("sha256:{}", hex::encode(hashing.digest.finalize()));
        Ok(Blob { digest, size: hashing.size })
    }
}

/// Part of an archive, by its content.
struct Blob {
    digest: String,
    size: u64,
}

/// A file whose content is hashed while it is written.
struct Hashing {
    inner: File,
    digest: Sha256,
    size: u64,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.digest.update(bytes.get(..count).unwrap_or_default());
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// As Go, and so the specification, names it.
fn architecture() -> &'static str {
    match env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// Adds a JSON document as a blob, and returns the descriptor of it.
fn add_json(builder: &mut Builder<File>, kind: &str, document: &Value) -> Result<Value> {
    let bytes = serde_json::to_vec(document)?;
    let digest = hex::encode(Sha256::digest(&bytes));
    add_bytes(builder, &format!("blobs/sha256/{digest}"), 0o644, &bytes)?;
    Ok(json!({
        "mediaType": format!("application/{kind}+json"), "digest": format!("sha256:{digest}"), "size": bytes.len()
    }))
}

fn add_bytes<W: Write>(builder: &mut Builder<W>, path: &str, mode: u32, bytes: &[u8]) -> Result<()> {
    let mut header = header(EntryType::Regular, mode);
    header.set_size(bytes.len() as u64);
    Ok(builder.append_data(&mut header, path, bytes)?)
}

fn add_file<W: Write>(builder: &mut Builder<W>, source: &Path, path: &str, mode: u32) -> Result<()> {
    let file = File::open(source).with_context(|| format!("failed to open {}", source.display()))?;
    let mut header = header(EntryType::Regular, mode);
    header.set_size(file.metadata()?.len());
    Ok(builder.append_data(&mut header, path, file)?)
}

/// Adds a program and the libraries that it is linked to.
fn add_program<W: Write>(builder: &mut Builder<W>, source: &Path, path: &str) -> Result<()> {
    for library in libraries(source)? {
        let path = library.to_str().context("a library whose path is not UTF-8")?;
        add_file(builder, &library, path.trim_start_matches('/'), 0o755)?;
    }
    add_file(builder, source, path, 0o755)
}

/// Adds busybox, and the tools in it by their names.
fn add_shell<W: Write>(builder: &mut Builder<W>) -> Result<()> {
    const TOOLS: [&str; 6] = ["sh", "cat", "ls", "mkdir", "rm", "touch"];
    let path = env::var_os("PATH").unwrap_or_default();
    let busybox = env::split_paths(&path).map(|place| place.join("busybox")).find(|path| path.is_file());
    let busybox = busybox.context("there is no busybox on the PATH: apt-get install busybox-static")?;
    add_program(builder, &busybox, "bin/busybox")?;
    TOOLS.into_iter().try_for_each(|tool| {
        let mut header = header(EntryType::Symlink, 0o777);
        Ok(builder.append_link(&mut header, format!("bin/{tool}"), "busybox")?)
    })
}

/// Of root, and as old as can be: two builds of the same files are the same.
fn header(kind: EntryType, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(0);
    header
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    /// The files of an archive: path, mode and content.
    fn entries(archive: &[u8]) -> Vec<(String, u32, Vec<u8>)> {
        let mut archive = tar::Archive::new(archive);
        let entries = archive.entries().expect("an archive").map(|entry| {
            let mut entry = entry.expect("an entry");
            let path = entry.path().expect("a path").display().to_string();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).expect("its content");
            (path, entry.header().mode().expect("a mode"), content)
        });
        entries.collect()
    }

    fn blob(files: &[(String, u32, Vec<u8>)], descriptor: &Value) -> Vec<u8> {
        let digest = descriptor["digest"].as_str().expect("a digest").replace(':', "/");
        let (_, _, content) = files.iter().find(|(path, ..)| *path == format!("blobs/{digest}")).expect("the blob");
        assert_eq!(descriptor["size"], content.len());
        assert_eq!(digest, format!("sha256/{}", hex::encode(Sha256::digest(content))));
        content.clone()
    }

    fn json_blob(files: &[(String, u32, Vec<u8>)], descriptor: &Value) -> Value {
        serde_json::from_slice(&blob(files, descriptor)).expect("JSON")
    }

    #[test]
    fn an_image_holds_a_program_that_does_not_run_as_root() {
        let directory = tempfile::tempdir().expect("a directory");
        let program = directory.path().join("some");
        fs::write(&program, "#!/no/interpreter\n").expect("a file");
        let archive = directory.path().join("some.tar");
        let file = directory.path().join("a.wasm");
        fs::write(&file, "a component").expect("a file");
        let files = vec![(file, "plugins/a.wasm".to_string())];
        let image = Image { files, ..Image::of("example.org/some:v1", &program) };
        image.write(&archive).expect("an image");
        let bytes = fs::read(&archive).expect("the archive");
        let files = entries(&bytes);

        let (_, _, index) = files.iter().find(|(path, ..)| path == "index.json").expect("an index");
        let index: Value = serde_json::from_slice(index).expect("JSON");
        let manifest = &index["manifests"][0];
        assert_eq!(manifest["annotations"]["io.containerd.image.name"], "example.org/some:v1");
        let manifest = json_blob(&files, manifest);
        let config = json_blob(&files, &manifest["config"]);
        assert_eq!(config["config"]["User"], "1000:1000");
        assert_eq!(config["config"]["Entrypoint"], json!(["/usr/local/bin/some"]));
        assert_eq!(config["rootfs"]["diff_ids"][0], manifest["layers"][0]["digest"]);

        let layer = entries(&blob(&files, &manifest["layers"][0]));
        let mode = |path: &str| layer.iter().find(|(found, ..)| found == path).map(|(_, mode, _)| *mode);
        assert_eq!(mode("usr/local/bin/some"), Some(0o755));
        assert_eq!(mode("plugins/a.wasm"), Some(0o644));
        assert_eq!(mode("tmp/"), Some(0o1777));

        image.write(&archive).expect("the image once more");
        assert_eq!(fs::read(&archive).expect("the archive"), bytes, "the same files make the same image");
    }
}
