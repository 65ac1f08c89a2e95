//! Addresses to listen on.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use std::net::IpAddr;
use std::ops::Deref;

use super::checked_text;

/// An IP address to listen on, IPv4 or IPv6. Names are refused: a program may resolve one, or end because of it (op-reth v2.4.1).
/// Keeps the text that the user wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    text: String,
    address: IpAddr,
}

/// Looser than the parser, which says more.
const PATTERN: &str = r"^([0-9.]+|[0-9A-Fa-f.:]*:[0-9A-Fa-f.:]*)$";

impl ListenAddress {
    /// Parses an IP address.
    ///
    /// # Errors
    /// Names the text and what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        let address = text.parse().map_err(|_| {
            format!(
                "{text:?} is no IP address to listen on; write \"0.0.0.0\" (IPv6: \"::\") for all addresses of the pod, or \"127.0.0.1\" for the pod alone"
            )
        })?;
        Ok(Self { text: text.into(), address })
    }

    /// All IPv4 addresses of the pod: for defaults in code.
    pub fn all() -> Self {
        Self::of([0, 0, 0, 0])
    }

    /// The pod alone: for defaults in code.
    pub fn loopback() -> Self {
        Self::of([127, 0, 0, 1])
    }

    fn of(address: [u8; 4]) -> Self {
        let address = IpAddr::from(address);
        Self { text: address.to_string(), address }
    }

    /// As the user wrote it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether only the pod itself reaches it.
    pub const fn is_loopback(&self) -> bool {
        self.address.is_loopback()
    }
}

impl Deref for ListenAddress {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

checked_text!(ListenAddress);

impl JsonSchema for ListenAddress {
    fn schema_name() -> Cow<'static, str> {
        "ListenAddress".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": PATTERN})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_as_written_and_names_are_not() {
        for (text, loopback) in
            [("0.0.0.0", false), ("127.0.0.1", true), ("127.9.9.9", true), ("::", false), ("::1", true)]
        {
            let address = ListenAddress::parse(text).unwrap();
            assert_eq!((address.as_str(), address.is_loopback()), (text, loopback));
        }
        for text in ["localhost", "all", "", "300.1.1.1", "0.0.0.0:80", "[::]", "$(POD_IP)"] {
            let error = ListenAddress::parse(text).unwrap_err();
            assert!(error.contains(&format!("{text:?} is no IP address")), "{error}");
        }
        assert!(ListenAddress::loopback().is_loopback() && !ListenAddress::all().is_loopback());
    }
}
