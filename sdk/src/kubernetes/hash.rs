//! A short stable hash, for annotations that roll pods. Not cryptographic: it only has to change when its input does.

use std::fmt;

const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

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
        let step = |sum: u128, byte: u8| (sum ^ u128::from(byte)).wrapping_mul(PRIME);
        Self(length.into_iter().chain(text.bytes()).fold(self.0, step))
    }

    /// Eight digits, for names: the lowest ones, since the last byte has hardly reached the highest.
    pub fn short(self) -> String {
        self.to_string()[24..].into()
    }
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
    fn borders_count() {
        assert_ne!(Hash::of(["ab", "c"]), Hash::of(["a", "bc"]));
        assert_ne!(Hash::of(["a"]), Hash::of(["a", ""]));
        assert_eq!(Hash::of(["a", "b"]), Hash::default().with("a").with("b"));
        assert_eq!(Hash::default().to_string().len(), 32);
        assert_eq!(Hash::of(["x"]).short().len(), 8);
    }
}
