//! The list of networks that op-node and its kin embed: a zip archive that their module lacks, made of op-geth's.

use std::{
    fs,
    io::{Cursor, Read, Seek, Write as _},
    path::Path,
};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};
use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};

/// Changes whenever the archive does, for the fingerprint.
pub const EDITION: &str = "1";

const ARCHIVE: &str = "superchain-configs.zip";

/// Keys of older configurations, which the current reader refuses.
const REMOVED_KEYS: [&str; 2] = ["superchain_level", "protocol_versions_addr"];

/// Adds the archive to a copy of the source tree, and its hash, which the programs compare with it when they start.
pub fn add(op_geth: &Path, source: &Path) -> Result<()> {
    let original = op_geth.join("superchain").join(ARCHIVE);
    let original = fs::read(&original).with_context(|| format!("failed to read {}", original.display()))?;
    let archive = repack(Cursor::new(original)).context("failed to convert the list of networks")?;
    let directory = source.join("op-core").join("superchain");
    for (name, bytes) in
        [(ARCHIVE.to_string(), archive.as_slice()), (format!("{ARCHIVE}.sha256"), sum(&archive).as_bytes())]
    {
        let path = directory.join(name);
        fs::write(&path, bytes).with_context(|| format!("failed to write {}", path.display()))?;
    }
    Ok(())
}

/// The hash as `sha256sum` writes it.
fn sum(archive: &[u8]) -> String {
    format!("{}  {ARCHIVE}\n", hex::encode(Sha256::digest(archive)))
}

/// The same archive without what the current reader refuses. The same input gives the same bytes.
fn repack(original: impl Read + Seek) -> Result<Vec<u8>> {
    let mut original = ZipArchive::new(original)?;
    let mut names: Vec<_> = original.file_names().map(str::to_string).collect();
    names.sort();
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    // The result is to depend on no compressor's version, and these files are small.
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for name in names {
        let mut file = original.by_name(&name).with_context(|| format!("failed to find {name}"))?;
        if name.ends_with(".toml") {
            let mut text = String::new();
            file.read_to_string(&mut text).with_context(|| format!("failed to read {name}"))?;
            archive.start_file(name, options)?;
            archive.write_all(without_removed_keys(&text).as_bytes())?;
        } else {
            archive.raw_copy_file(file)?;
        }
    }
    Ok(archive.finish()?.into_inner())
}

fn without_removed_keys(text: &str) -> String {
    let is_kept = |line: &&str| !line.split_once('=').is_some_and(|(key, _)| REMOVED_KEYS.contains(&key.trim_end()));
    text.split_inclusive('\n').filter(is_kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "name = \"OP Mainnet\"\nsuperchain_level = 2\nprotocol_versions_addr=\"0x8\"\n\n[a]\nb = 1\n";

    fn archive(files: &[(&str, &str)]) -> Result<Cursor<Vec<u8>>> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in files {
            archive.start_file(*name, SimpleFileOptions::default())?;
            archive.write_all(text.as_bytes())?;
        }
        Ok(archive.finish()?)
    }

    #[test]
    fn keys_that_are_refused_are_left_out() {
        assert_eq!(without_removed_keys(OLD), "name = \"OP Mainnet\"\n\n[a]\nb = 1\n");
        let others = "superchain_levels = 2\nx = \"superchain_level = 2\"";
        assert_eq!(without_removed_keys(others), others);
    }

    #[test]
    fn an_archive_is_the_same_whatever_the_order() -> Result<()> {
        let files = [("configs/mainnet/op.toml", OLD), ("dictionary", "superchain_level = 2\n"), ("chains.json", "{}")];
        let one = repack(archive(&files)?)?;
        let mut reversed = files;
        reversed.reverse();
        assert_eq!(one, repack(archive(&reversed)?)?);

        let mut read = ZipArchive::new(Cursor::new(one))?;
        assert_eq!(read.file_names().collect::<Vec<_>>(), ["chains.json", "configs/mainnet/op.toml", "dictionary"]);
        for (name, expected) in
            [("configs/mainnet/op.toml", without_removed_keys(OLD)), ("dictionary", files[1].1.into())]
        {
            let mut text = String::new();
            read.by_name(name)?.read_to_string(&mut text)?;
            assert_eq!(text, expected, "{name}");
        }
        Ok(())
    }

    #[test]
    fn the_hash_is_written_as_its_reader_expects() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  superchain-configs.zip\n";
        assert_eq!(sum(b"abc"), expected);
    }
}
