//! From bytes that somebody sent to a component that is whole and asks for nothing outside the contract.

use sha2::{Digest as _, Sha256};
use std::borrow::Cow;
use std::fmt;
use std::io::Read;
use std::sync::Arc;
use wasmparser::{Encoding, Parser, Payload, Validator, WasmFeatures};

use crate::error::LoadError;
use crate::surface::{self, Surface};
use crate::world;

/// Larger components are refused, before and after decompression.
pub const MAX_BYTES: usize = 32 * 1024 * 1024;

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// SHA-256 of the uncompressed bytes as they were delivered, core module or component.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(Arc<str>);

impl Digest {
    /// The digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(format!("sha256:{}", hex::encode(Sha256::digest(bytes))).into())
    }

    /// The hexadecimal part.
    pub fn hex(&self) -> &str {
        self.0.strip_prefix("sha256:").unwrap_or(&self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What was delivered: a core module or a component.
pub struct Artifact {
    digest: Digest,
    bytes: Vec<u8>,
}

impl Artifact {
    /// Reads a core module or a component, plain or compressed with zstd. Whether it is whole, and a plugin, shows when it is
    /// loaded: what was loaded before need not be checked again.
    ///
    /// # Errors
    /// When it is too large, or no WebAssembly from its first bytes on.
    pub fn open(bytes: &[u8]) -> Result<Self, LoadError> {
        let bytes = if bytes.starts_with(&ZSTD_MAGIC) { decompress(bytes)? } else { bytes.to_vec() };
        if bytes.len() > MAX_BYTES {
            return Err(LoadError::TooLarge { limit: MAX_BYTES });
        }
        if !bytes.starts_with(b"\0asm") {
            return Err(LoadError::Damaged { why: "it does not begin like WebAssembly".into() });
        }
        Ok(Self { digest: Digest::of(&bytes), bytes })
    }

    /// Digest of what was delivered, uncompressed.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// What was delivered, uncompressed.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The component, after the whole of it was validated and its names were held against the contract.
    ///
    /// # Errors
    /// When it is damaged, no plugin, or imports something outside the contract.
    pub(crate) fn component(&self) -> Result<(Cow<'_, [u8]>, Surface), LoadError> {
        // An unchecked file could fail anywhere later; here it fails with a reason.
        validate(&self.bytes)?;
        let component = match encoding(&self.bytes) {
            Some(Encoding::Component) => Cow::Borrowed(self.bytes.as_slice()),
            _ => Cow::Owned(componentize(&self.bytes)?),
        };
        let surface = surface::of_component(&component)?;
        Ok((component, surface))
    }
}

fn decompress(bytes: &[u8]) -> Result<Vec<u8>, LoadError> {
    let damaged = |error: std::io::Error| LoadError::Damaged { why: format!("zstd: {error}") };
    let decoder = zstd::Decoder::new(bytes).map_err(damaged)?;
    let mut plain = Vec::new();
    // One byte more than allowed tells a file that is too large from one that just fits.
    decoder.take(MAX_BYTES as u64 + 1).read_to_end(&mut plain).map_err(damaged)?;
    Ok(plain)
}

fn validate(bytes: &[u8]) -> Result<(), LoadError> {
    let mut validator = Validator::new_with_features(WasmFeatures::default());
    validator.validate_all(bytes).map(|_| ()).map_err(|error| LoadError::Damaged { why: error.to_string() })
}

fn encoding(bytes: &[u8]) -> Option<Encoding> {
    match Parser::new(0).parse_all(bytes).next()?.ok()? {
        Payload::Version { encoding, .. } => Some(encoding),
        _ => None,
    }
}

fn componentize(module: &[u8]) -> Result<Vec<u8>, LoadError> {
    world::check(module)?;
    // The compiler validates what comes of it.
    let encode = || wit_component::ComponentEncoder::default().validate(false).module(module)?.encode();
    // Not made for bytes that nobody vouches for: some damage makes it panic.
    match std::panic::catch_unwind(encode) {
        Ok(component) => component.map_err(|error| LoadError::NotAPlugin { why: format!("{error:#}") }),
        Err(_) => Err(LoadError::NotAPlugin { why: "what it says of its world is damaged".into() }),
    }
}
