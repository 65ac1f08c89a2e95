//! A short name for a recipe.

use std::env::consts;

/// A short hash (FNV-1a, stable across compilers) of all that decides what is built, and of the kind of this machine.
pub fn fingerprint<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for part in parts.into_iter().chain([consts::OS, consts::ARCH]) {
        // The zero keeps ("a", "bc") apart from ("ab", "c").
        for byte in part.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    format!("{:08x}", hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_and_its_end_counts() {
        assert_eq!(fingerprint(["a", "bc"]), fingerprint(["a", "bc"]));
        for other in [["ab", "c"], ["a", "bd"], ["", "abc"]] {
            assert_ne!(fingerprint(["a", "bc"]), fingerprint(other), "{other:?}");
        }
    }
}
