//! Identities of nodes on the peer-to-peer networks, and the addresses made of them.
//!
//! One secp256k1 key gives both: a libp2p peer id for op-node's network, and a devp2p node id for that of the
//! execution clients. Plugins see no keys, but the host tells the peer id of each, and a peer id holds the public key.

use std::fmt;

/// `00 25` is an identity multihash of 37 bytes; `08 02` says secp256k1, `12 21` that 33 bytes of key follow.
const PREFIX: [u8; 6] = [0x00, 0x25, 0x08, 0x02, 0x12, 0x21];
const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// A libp2p peer id of a secp256k1 key: `16Uiu2HA…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerId {
    text: String,
    compressed: [u8; 33],
}

impl PeerId {
    /// Parses the usual base58 form.
    ///
    /// # Errors
    /// Names the text and the form.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bytes = base58(text).filter(|bytes| bytes.len() == 39 && bytes.starts_with(&PREFIX));
        let compressed = bytes.and_then(|bytes| <[u8; 33]>::try_from(&bytes[6..]).ok());
        match compressed {
            Some(compressed) => Ok(Self { text: text.into(), compressed }),
            None => Err(format!(
                "{text:?} is not the peer id of a secp256k1 key, which begins with 16Uiu2HA and has 53 characters"
            )),
        }
    }

    /// The base58 form.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where op-node finds the peer: `/dns4/<host>/tcp/<port>/p2p/<id>`.
    pub fn multiaddr(&self, host: &str, port: u16) -> String {
        format!("/dns4/{host}/tcp/{port}/p2p/{}", self.text)
    }

    /// Where an execution client with this key is found: `enode://<id>@<host>:<port>`. Nothing if the key is not a
    /// point of the curve.
    pub fn enode(&self, host: &str, port: u16) -> Option<String> {
        let (x, y) = curve::decompress(&self.compressed)?;
        let digits: String = x.into_iter().chain(y).map(|byte| format!("{byte:02x}")).collect();
        Some(format!("enode://{digits}@{host}:{port}"))
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether a text is a multiaddr that op-node can dial: `/ip4/…/tcp/…/p2p/<id>`, with a name in place of the address
/// where it says `dns`, `dns4` or `dns6`.
pub fn is_multiaddr(text: &str) -> bool {
    let parts: Vec<_> = text.split('/').collect();
    let ["", kind, host, "tcp", port, "p2p", id] = parts.as_slice() else { return false };
    ["ip4", "ip6", "dns", "dns4", "dns6"].contains(kind)
        && !host.is_empty()
        && port.parse::<u16>().is_ok_and(|port| port > 0)
        // Peers may have keys of other kinds, whose ids look different (`Qm…`, `12D3KooW…`).
        && base58(id).is_some_and(|bytes| bytes.len() >= 34)
}

/// Whether a text is an enode URL.
pub fn is_enode(text: &str) -> bool {
    let Some((id, address)) = text.strip_prefix("enode://").and_then(|rest| rest.split_once('@')) else { return false };
    let port = address.split('?').next().and_then(|address| address.rsplit_once(':'));
    id.len() == 128
        && id.bytes().all(|byte| byte.is_ascii_hexdigit())
        && port.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

/// Whether a text has the form of a node record: `enr:` and base64 without padding. The signature is not checked.
pub fn is_enr(text: &str) -> bool {
    let base64 = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    text.strip_prefix("enr:").is_some_and(|record| record.len() >= 100 && record.bytes().all(base64))
}

fn base58(text: &str) -> Option<Vec<u8>> {
    // Digits of base 256, the least significant first.
    let mut bytes: Vec<u8> = vec![];
    for byte in text.bytes() {
        let mut carry = ALPHABET.iter().position(|letter| *letter == byte)?;
        for digit in &mut bytes {
            carry += usize::from(*digit) * 58;
            *digit = (carry & 0xff) as u8;
            carry >>= 8;
        }
        while carry > 0 {
            bytes.push((carry & 0xff) as u8);
            carry >>= 8;
        }
    }
    let zeros = text.bytes().take_while(|byte| *byte == b'1').count();
    bytes.extend(std::iter::repeat_n(0, zeros));
    bytes.reverse();
    (!text.is_empty()).then_some(bytes)
}

/// Just enough of secp256k1 to find the second coordinate of a public key.
mod curve {
    /// A number below 2^256, the least significant limb first.
    type Number = [u64; 4];

    /// The field is that of the integers modulo p = 2^256 − C.
    const C: u64 = 0x1_0000_03d1;
    const P: Number = [0xffff_fffe_ffff_fc2f, u64::MAX, u64::MAX, u64::MAX];

    /// Both coordinates of a compressed point: y² = x³ + 7. Nothing when there is no such point.
    pub fn decompress(point: &[u8; 33]) -> Option<([u8; 32], [u8; 32])> {
        let (sign, x) = point.split_first()?;
        let x: [u8; 32] = x.try_into().ok()?;
        let number = from_bytes(&x);
        let square = add(multiply(multiply(number, number), number), [7, 0, 0, 0]);
        let root = root(square);
        if !matches!(sign, 2 | 3) || !less(number, P) || multiply(root, root) != square {
            return None;
        }
        let odd = root[0] & 1 == 1;
        let y = if odd == (*sign == 3) { root } else { subtract(P, root).0 };
        Some((x, to_bytes(y)))
    }

    /// A square root, where there is one: raised to (p + 1) / 4, because p = 3 modulo 4. In binary that is 223 ones, a zero, 22
    /// ones, four zeros, two ones, two zeros; so powers whose exponents are that many ones are put one behind the other.
    fn root(square: Number) -> Number {
        let behind = |ones: Number, digits: u32, last: Number| {
            multiply((0..digits).fold(ones, |power, _| multiply(power, power)), last)
        };
        let two = behind(square, 1, square);
        let three = behind(two, 1, square);
        let six = behind(three, 3, three);
        let eleven = behind(behind(six, 3, three), 2, two);
        let twenty_two = behind(eleven, 11, eleven);
        let forty_four = behind(twenty_two, 22, twenty_two);
        let eighty_eight = behind(forty_four, 44, forty_four);
        let ones = behind(behind(behind(eighty_eight, 88, eighty_eight), 44, forty_four), 3, three);
        behind(behind(behind(ones, 23, twenty_two), 6, two), 2, [1, 0, 0, 0])
    }

    fn multiply(a: Number, b: Number) -> Number {
        let mut product = [0u64; 8];
        for (i, left) in a.into_iter().enumerate() {
            let mut carry = 0u128;
            for (j, right) in b.into_iter().enumerate() {
                carry += u128::from(product[i + j]) + u128::from(left) * u128::from(right);
                product[i + j] = carry as u64;
                carry >>= 64;
            }
            product[i + 4] = carry as u64;
        }
        // 2^256 = C modulo p: what is above counts C times. Twice, since the first time leaves 34 bits above.
        let (low, high) =
            ([product[0], product[1], product[2], product[3]], [product[4], product[5], product[6], product[7]]);
        let (low, high) = fold(low, high);
        let (low, high) = fold(low, [high, 0, 0, 0]);
        let (low, _) = fold(low, [high, 0, 0, 0]);
        reduce(low)
    }

    /// `low + high × C`, and what of it is above 2^256.
    fn fold(low: Number, high: Number) -> (Number, u64) {
        let mut sum = low;
        let mut carry = 0u128;
        for (place, limb) in sum.iter_mut().zip(high) {
            carry += u128::from(*place) + u128::from(limb) * u128::from(C);
            *place = carry as u64;
            carry >>= 64;
        }
        (sum, carry as u64)
    }

    fn add(a: Number, b: Number) -> Number {
        let (mut sum, mut carry) = ([0; 4], 0u128);
        for (place, (left, right)) in sum.iter_mut().zip(a.into_iter().zip(b)) {
            carry += u128::from(left) + u128::from(right);
            *place = carry as u64;
            carry >>= 64;
        }
        let (sum, _) = fold(sum, [carry as u64, 0, 0, 0]);
        reduce(sum)
    }

    fn reduce(number: Number) -> Number {
        let (difference, borrowed) = subtract(number, P);
        if borrowed { number } else { difference }
    }

    fn subtract(a: Number, b: Number) -> (Number, bool) {
        let (mut difference, mut borrow) = ([0; 4], false);
        for (place, (left, right)) in difference.iter_mut().zip(a.into_iter().zip(b)) {
            let (partial, first) = left.overflowing_sub(right);
            let (rest, second) = partial.overflowing_sub(u64::from(borrow));
            *place = rest;
            borrow = first || second;
        }
        (difference, borrow)
    }

    fn less(a: Number, b: Number) -> bool {
        subtract(a, b).1
    }

    fn from_bytes(bytes: &[u8; 32]) -> Number {
        let mut number = [0; 4];
        for (place, chunk) in number.iter_mut().zip(bytes.chunks_exact(8).rev()) {
            *place = chunk.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        }
        number
    }

    fn to_bytes(number: Number) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (place, limb) in bytes.chunks_exact_mut(8).zip(number.into_iter().rev()) {
            place.copy_from_slice(&limb.to_be_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(compressed: &str) -> String {
        let bytes =
            PREFIX.into_iter().chain((0..33).map(|i| u8::from_str_radix(&compressed[i * 2..i * 2 + 2], 16).unwrap()));
        let mut digits: Vec<u8> = vec![];
        let bytes: Vec<u8> = bytes.collect();
        for byte in &bytes {
            let mut carry = usize::from(*byte);
            for digit in &mut digits {
                carry += usize::from(*digit) << 8;
                *digit = (carry % 58) as u8;
                carry /= 58;
            }
            while carry > 0 {
                digits.push((carry % 58) as u8);
                carry /= 58;
            }
        }
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let letters = digits.iter().rev().map(|digit| ALPHABET[usize::from(*digit)] as char);
        std::iter::repeat_n('1', zeros).chain(letters).collect()
    }

    /// Public keys with both signs: those of the private keys 1, 2, 3, and of the first account of anvil.
    const KEYS: [(&str, &str); 4] = [
        (
            "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
            "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8",
        ),
        (
            "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5",
            "1ae168fea63dc339a3c58419466ceaeef7f632653266d0e1236431a950cfe52a",
        ),
        (
            "02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9",
            "388f7b0f632de8140fe337e62a37f3566500a99934c2231b6cb9fd7584b8e672",
        ),
        (
            "038318535b54105d4a7aae60c08fc45f9687181b4fdfc625bd1a753fa7397fed75",
            "3547f11ca8696646f2f3acb08e31016afac23e630c5d11f59f61fef57b0d2aa5",
        ),
    ];

    #[test]
    fn a_peer_id_becomes_an_enode() {
        for (compressed, y) in KEYS {
            let id = PeerId::parse(&encode(compressed)).unwrap();
            assert!(id.as_str().starts_with("16Uiu2HA"), "{id}");
            let expected = format!("enode://{}{y}@node.ns.svc:30303", &compressed[2..]);
            assert_eq!(id.enode("node.ns.svc", 30303), Some(expected.clone()));
            assert!(is_enode(&expected));
            assert!(is_multiaddr(&id.multiaddr("node.ns.svc", 9003)));
        }
    }

    #[test]
    fn a_known_identity() {
        // What `op-node p2p priv2id` says of the private key ac0974…ff80.
        let id = PeerId::parse(&encode(KEYS[3].0)).unwrap();
        assert_eq!(id.as_str(), "16Uiu2HAmMUjGmiUhJeiZgu6ZZnLRkE2VViR2JgjqtW9aTZnHQqgg");
    }

    #[test]
    fn what_is_no_point_of_the_curve() {
        let id = PeerId::parse(&encode("020000000000000000000000000000000000000000000000000000000000000005")).unwrap();
        assert_eq!(id.enode("h", 1), None);
    }

    #[test]
    fn placeholders_are_refused() {
        for text in ["16Uiu2HAm...", "", "16Uiu2HAm", "12D3KooWGRUVh1e6LzVnYEPXFxFGxcnJCT4wZ9G8VXcQsgyt4W5P"] {
            assert!(PeerId::parse(text).is_err(), "{text}");
        }
        for text in ["16Uiu2HAm...", "/ip4/1.2.3.4/tcp/9003", "/dns4//tcp/1/p2p/Qm", "/ip4/1.2.3.4/tcp/0/p2p/x"] {
            assert!(!is_multiaddr(text), "{text}");
        }
        assert!(!is_enr("enr://..."));
        assert!(!is_enode("enode://abc@1.2.3.4:30303"));
    }
}
