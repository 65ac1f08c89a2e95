//! What may be known of a Secret: facts about its values, never the values.
//!
//! They are made where a Secret enters the process, and the values are dropped there.

use base64::Engine as _;
use hmac::{Hmac, Mac};
use k256::elliptic_curve::sec1::ToEncodedPoint;
use opstack_core::document;
use opstack_core::ids::RESERVED_PREFIX;
use serde_json::{Map, Value, json};
use sha2::Sha256;
use sha3::{Digest, Keccak256};

/// Makes facts. Fingerprints are keyed, so that they tell nothing about a guessable value.
#[derive(Clone)]
pub struct Facts {
    key: [u8; 32],
}

impl Facts {
    /// Fingerprints under a key that outlives the process.
    pub fn keyed(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// Fingerprints for an offline render: the same everywhere, and of no use elsewhere.
    pub fn offline() -> Self {
        Self { key: [0; 32] }
    }

    /// Replaces `data` and `stringData` of a Secret by facts.
    pub fn redact(&self, secret: &mut Value) {
        let Some(object) = secret.as_object_mut() else { return };
        let mut facts = match object.remove("facts") {
            // Documents of an offline render may give facts in place of values.
            Some(Value::Object(given)) => given,
            _ => Map::new(),
        };
        if let Some(Value::Object(data)) = object.remove("data") {
            for (key, value) in data {
                let value = base64::engine::general_purpose::STANDARD.decode(value.as_str().unwrap_or_default());
                facts.insert(key, self.of(&value.unwrap_or_default()));
            }
        }
        if let Some(Value::Object(data)) = object.remove("stringData") {
            for (key, value) in data {
                facts.insert(key, self.of(value.as_str().unwrap_or_default().as_bytes()));
            }
        }
        if let Some(annotations) =
            object.get_mut("metadata").and_then(|m| m.get_mut("annotations")).and_then(Value::as_object_mut)
        {
            // Tools that apply documents keep them whole in annotations of their own, values included.
            annotations.retain(|name, _| name.starts_with(RESERVED_PREFIX));
        }
        object.insert("facts".into(), facts.into());
    }

    /// Facts of one value.
    fn of(&self, value: &[u8]) -> Value {
        let text = std::str::from_utf8(value).unwrap_or_default().trim();
        let digits = text.strip_prefix("0x").unwrap_or(text);
        let bytes = (digits.len() == 64).then(|| hex::decode(digits).ok()).flatten();
        let mut facts = json!({
            "length": value.len(),
            "hex32": bytes.is_some(),
            "fingerprint": self.fingerprint(value),
        });
        if let Some(identity) = bytes.and_then(|bytes| Identity::of(&bytes)) {
            document::set(&mut facts, &[], "address", identity.address);
            document::set(&mut facts, &[], "peerId", identity.peer_id);
        }
        facts
    }

    fn fingerprint(&self, value: &[u8]) -> String {
        // HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else { return String::new() };
        mac.update(value);
        let mut text = hex::encode(mac.finalize().into_bytes());
        text.truncate(16);
        text
    }
}

/// Public names of a secp256k1 key.
pub struct Identity {
    /// Ethereum address, lowercase.
    pub address: String,
    /// libp2p peer id.
    pub peer_id: String,
}

impl Identity {
    /// Of a private key; nothing if the bytes are none.
    pub fn of(private: &[u8]) -> Option<Self> {
        let public = k256::SecretKey::from_slice(private).ok()?.public_key();
        let full = public.to_encoded_point(false);
        let hash = Keccak256::digest(full.as_bytes().get(1..)?);
        let compressed = public.to_encoded_point(true);
        Some(Self { address: format!("0x{}", hex::encode(hash.get(12..)?)), peer_id: peer_id(compressed.as_bytes()) })
    }
}

/// libp2p: base58 of an identity multihash over the protobuf `{type: Secp256k1 (2), data: compressed key}`.
fn peer_id(compressed: &[u8]) -> String {
    let mut multihash = vec![0x00, 37, 0x08, 0x02, 0x12, 33];
    multihash.extend_from_slice(compressed);
    bs58::encode(multihash).into_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first account of the well-known development mnemonic "test test … junk".
    const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

    #[test]
    fn a_key_is_known_by_its_address_and_never_by_its_value() {
        let mut secret = json!({"kind": "Secret", "stringData": {"private-key": format!("{KEY}\n")},
        "metadata": {"annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": KEY,
            "kapp.k14s.io/original": KEY,
            "opstack.optimism.io/policy": "retain",
        }}});
        Facts::offline().redact(&mut secret);
        let facts = &secret["facts"]["private-key"];
        assert_eq!(facts["address"], "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266");
        assert_eq!(facts["hex32"], true);
        assert_eq!(facts["length"], 67);
        // What `op-node p2p priv2id` says of it.
        assert_eq!(facts["peerId"], "16Uiu2HAmMUjGmiUhJeiZgu6ZZnLRkE2VViR2JgjqtW9aTZnHQqgg");
        assert!(!secret.to_string().contains(KEY.get(2..20).unwrap_or_default()));
        assert_eq!(secret["metadata"]["annotations"], json!({"opstack.optimism.io/policy": "retain"}));
    }

    #[test]
    fn fingerprints_depend_on_the_key() {
        let other = Facts::keyed([1; 32]);
        assert_ne!(Facts::offline().of(b"x")["fingerprint"], other.of(b"x")["fingerprint"]);
        assert_eq!(other.of(b"x")["fingerprint"], other.of(b"x")["fingerprint"]);
        assert_eq!(other.of(b"x")["hex32"], false);
    }
}
