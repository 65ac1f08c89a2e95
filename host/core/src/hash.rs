//! Short, stable hashes of documents.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// 128 bits of SHA-256, in hexadecimal: enough to tell two versions of one object apart.
pub fn of_bytes(bytes: &[u8]) -> String {
    let mut text = hex::encode(Sha256::digest(bytes));
    text.truncate(32);
    text
}

/// Hash of a JSON document. Maps are sorted by key, so spelling does not matter.
pub fn of_json(value: &Value) -> String {
    of_bytes(value.to_string().as_bytes())
}

/// Hash of a sequence of texts; no two different sequences collide by concatenation.
pub fn of_parts<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let mut text = hex::encode(hasher.finalize());
    text.truncate(32);
    text
}
