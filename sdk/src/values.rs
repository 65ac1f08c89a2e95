//! Values that specs take leniently: what users write in the wild, parsed once at the edge into something exact.
//!
//! Each type carries the schema that the API server checks, a parser whose errors say what was given and what is
//! allowed, and the text that a program's argument or a Kubernetes field wants.

mod duration;
mod ethereum;
mod listen;
mod number;
mod quantity;
mod time;

pub use duration::GoDuration;
pub use ethereum::{Address, AddressOrEmpty, Hash32};
pub use listen::ListenAddress;
pub use number::{Int, Ratio};
pub use quantity::QuantityText;
pub use time::{rfc3339, unix_seconds};

/// Implements serde and [`std::fmt::Display`] for a newtype over checked text: `parse` is its only way in.
macro_rules! checked_text {
    ($name:ident) => {
        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                Self::parse(text)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
use checked_text;
