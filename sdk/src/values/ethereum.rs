//! Addresses and hashes of Ethereum, as text.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

use super::checked_text;

/// An address: `0x` and 40 hexadecimal digits. The case of the digits (EIP-55's checksum) is kept and means nothing.
#[derive(Clone, Debug, Eq)]
pub struct Address(String);

impl Address {
    /// Parses an address.
    ///
    /// # Errors
    /// Names the text and the form.
    pub fn parse(text: &str) -> Result<Self, String> {
        if is_hex(text, 40) {
            return Ok(Self(text.into()));
        }
        Err(format!("{text:?} is not an Ethereum address; write 0x and 40 hexadecimal digits"))
    }

    /// As the user wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

checked_text!(Address);

/// An address, or the empty text where a chain has no such contract or it is found elsewhere. So is an address of zeros: deployers print
/// it for a contract that is not there, and programs refuse it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressOrEmpty(Option<Address>);

impl AddressOrEmpty {
    /// Parses an address or nothing.
    ///
    /// # Errors
    /// As [`Address::parse`].
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        Address::parse(text).map(Some).map(Self).map_err(|error| format!("{error}, or leave it empty"))
    }

    /// The address, if there is one.
    pub fn get(&self) -> Option<&Address> {
        self.0.as_ref().filter(|address| address.as_str().bytes().skip(2).any(|digit| digit != b'0'))
    }

    /// The address, or the empty text.
    pub fn as_str(&self) -> &str {
        self.0.as_ref().map_or("", Address::as_str)
    }
}

impl From<Option<Address>> for AddressOrEmpty {
    fn from(address: Option<Address>) -> Self {
        Self(address)
    }
}

checked_text!(AddressOrEmpty);

/// 32 bytes: `0x` and 64 hexadecimal digits.
#[derive(Clone, Debug, Eq)]
pub struct Hash32(String);

impl Hash32 {
    /// Parses a hash.
    ///
    /// # Errors
    /// Names the text and the form.
    pub fn parse(text: &str) -> Result<Self, String> {
        if is_hex(text, 64) {
            return Ok(Self(text.into()));
        }
        Err(format!("{text:?} is not a 32-byte hash; write 0x and 64 hexadecimal digits"))
    }

    /// As the user wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Hash32 {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

checked_text!(Hash32);

fn is_hex(text: &str, digits: usize) -> bool {
    text.strip_prefix("0x").is_some_and(|hex| hex.len() == digits && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

macro_rules! pattern {
    ($name:ident, $pattern:literal) => {
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "string", "pattern": $pattern})
            }

            fn inline_schema() -> bool {
                true
            }
        }
    };
}

pattern!(Address, "^0x[0-9a-fA-F]{40}$");
pattern!(AddressOrEmpty, "^(0x[0-9a-fA-F]{40})?$");
pattern!(Hash32, "^0x[0-9a-fA-F]{64}$");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_differ_by_digits_not_by_case() {
        let mixed = Address::parse("0x229047fed2591dbec1eF1118d64F7aF3dB9EB290").unwrap();
        assert_eq!(mixed, Address::parse(&mixed.as_str().to_lowercase()).unwrap());
        assert_eq!(mixed.to_string(), "0x229047fed2591dbec1eF1118d64F7aF3dB9EB290");
        for text in [
            "",
            "0x",
            "229047fed2591dbec1eF1118d64F7aF3dB9EB290",
            "0x229047",
            "0xg29047fed2591dbec1eF1118d64F7aF3dB9EB290",
        ] {
            let error = Address::parse(text).unwrap_err();
            assert!(error.contains("0x and 40 hexadecimal digits"), "{error}");
        }
    }

    #[test]
    fn an_empty_address_is_none() {
        let zeros = "0x0000000000000000000000000000000000000000";
        for text in ["", zeros] {
            assert_eq!(AddressOrEmpty::parse(text).unwrap().get(), None);
        }
        assert!(AddressOrEmpty::parse("0x1").unwrap_err().ends_with("or leave it empty"));
    }

    #[test]
    fn hashes() {
        assert!(Hash32::parse(&format!("0x{}", "aB".repeat(32))).is_ok());
        assert!(Hash32::parse("0xdeadbeef...").unwrap_err().contains("64 hexadecimal digits"));
    }
}
