//! A short stable hash, for annotations that roll pods. Not cryptographic: it only has to change when its input does.

use std::fmt;

const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
/// The prime is 2^88 and this.
const PRIME: u64 = 0x13b;

/// FNV-1a of 128 bits over a list of texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash(u128);

impl Default for Hash {
    fn default() -> Self {
        Self(OFFSET)
    }
}

impl Hash {
    /// The hash of some texts in order.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        texts.into_iter().fold(Self::default(), Self::with)
    }

    /// With another text. Lengths count, so that `["ab", "c"]` and `["a", "bc"]` differ.
    #[must_use]
    pub fn with(self, text: &str) -> Self {
        let length = (text.len() as u64).to_le_bytes();
        let step = |sum: u128, byte: u8| times_prime(sum ^ u128::from(byte));
        Self(length.into_iter().chain(text.bytes()).fold(self.0, step))
    }

    /// Eight digits, for names: the lowest ones, since the last byte has hardly reached the highest.
    pub fn short(self) -> String {
        self.to_string()[24..].into()
    }
}

/// In parts of 64 bits: WebAssembly has no product of 128, and whole files are hashed, byte by byte.
fn times_prime(number: u128) -> u128 {
    let (low, high) = (number as u64, (number >> 64) as u64);
    let first = (low & 0xffff_ffff) * PRIME;
    let second = (low >> 32) * PRIME + (first >> 32);
    let high = high.wrapping_mul(PRIME).wrapping_add(second >> 32).wrapping_add(low << 24);
    u128::from(high) << 64 | u128::from(second << 32 | first & 0xffff_ffff)
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_product_with_the_prime() {
        let mut number = OFFSET;
        for _ in 0..1000 {
            let product = number.wrapping_mul((1 << 88) + u128::from(PRIME));
            assert_eq!(times_prime(number), product);
            number = product ^ number >> 61;
        }
        assert_eq!(times_prime(u128::MAX), u128::MAX.wrapping_mul((1 << 88) + u128::from(PRIME)));
    }

    #[test]
    fn borders_count() {
        assert_ne!(Hash::of(["ab", "c"]), Hash::of(["a", "bc"]));
        assert_ne!(Hash::of(["a"]), Hash::of(["a", ""]));
        assert_eq!(Hash::of(["a", "b"]), Hash::default().with("a").with("b"));
        assert_eq!(Hash::default().to_string().len(), 32);
        assert_eq!(Hash::of(["x"]).short().len(), 8);
    }
}
