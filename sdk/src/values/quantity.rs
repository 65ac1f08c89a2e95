//! Quantities of Kubernetes: CPU, memory, storage.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// A quantity such as `500m`, `2Gi` or `2`, kept as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuantityText(String);

const SUFFIXES: [(&str, f64); 16] = [
    ("", 1.0),
    ("n", 1e-9),
    ("u", 1e-6),
    ("m", 1e-3),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
    ("E", 1e18),
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("Pi", 1_125_899_906_842_624.0),
    ("Ei", 1_152_921_504_606_846_976.0),
];

/// Number and scale.
fn parts(text: &str) -> Option<(f64, f64)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let scale = SUFFIXES.iter().find(|(name, _)| *name == suffix)?.1;
    Some((number.parse().ok()?, scale))
}

impl QuantityText {
    /// Parses a quantity; exponents (`1e3`) and signs are refused, nobody needs them here.
    ///
    /// # Errors
    /// Names the text and the form.
    pub fn parse(text: &str) -> Result<Self, String> {
        parts(text).map(|_| Self(text.into())).ok_or_else(|| {
            format!("{text:?} is not a quantity; write a number with an optional suffix, such as \"500m\" or \"2Gi\"")
        })
    }

    /// For defaults in code.
    ///
    /// # Panics
    /// When the text is no quantity.
    pub fn of(text: &str) -> Self {
        #[allow(clippy::expect_used, reason = "constants of the code, covered by every test that renders defaults")]
        Self::parse(text).expect("a quantity")
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number it stands for, good enough to compare two quantities.
    pub fn value(&self) -> f64 {
        parts(&self.0).map_or(0.0, |(number, scale)| number * scale)
    }

    /// As Kubernetes' type.
    pub fn to_kubernetes(&self) -> Quantity {
        Quantity(self.0.clone())
    }
}

impl fmt::Display for QuantityText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for QuantityText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for QuantityText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl Visitor<'_> for Reader {
            type Value = QuantityText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a quantity, such as \"500m\" or \"2Gi\"")
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<QuantityText, E> {
                Ok(QuantityText(value.to_string()))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<QuantityText, E> {
                QuantityText::parse(text).map_err(E::custom)
            }
        }

        deserializer.deserialize_any(Reader)
    }
}

impl JsonSchema for QuantityText {
    fn schema_name() -> Cow<'static, str> {
        "Quantity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "x-kubernetes-int-or-string": true,
            "pattern": r"^([0-9]+(\.[0-9]*)?|\.[0-9]+)([numkMGTPE]|[KMGTPE]i)?$",
        })
    }

    fn inline_schema() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::from_str;

    #[test]
    fn values_can_be_compared() {
        for (text, value) in [("100m", 0.1), ("2Gi", 2_147_483_648.0), ("1.5k", 1500.0), ("3", 3.0)] {
            assert!((QuantityText::of(text).value() - value).abs() < 1e-9, "{text}");
        }
    }

    #[test]
    fn quantities() {
        for text in ["\"100m\"", "\"2Gi\"", "\"0.5\"", "\"1Ti\"", "2", "\"1Ei\""] {
            assert_eq!(from_str::<QuantityText>(text).unwrap().as_str(), text.trim_matches('"'));
        }
        for text in ["\"\"", "\"2GB\"", "\"-1\"", "\"Gi\"", "\"1.2.3\"", "\"lots\""] {
            let error = from_str::<QuantityText>(text).unwrap_err().to_string();
            assert!(error.contains("is not a quantity"), "{text}: {error}");
        }
    }
}
