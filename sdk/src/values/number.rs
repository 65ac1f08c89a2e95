//! Numbers that users write with or without quotes.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// A whole number between `MIN` and `MAX`, given as `10` or `"10"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Int<const MIN: u64 = 0, const MAX: u64 = { u64::MAX }>(u64);

impl<const MIN: u64, const MAX: u64> Int<MIN, MAX> {
    /// For defaults in code; a value out of range stops the compiler when used in a constant.
    ///
    /// # Panics
    /// When the value is out of range.
    pub const fn of(value: u64) -> Self {
        assert!(value >= MIN && value <= MAX, "out of range");
        Self(value)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number as a port; of a range that is not one of ports, the last port.
    pub fn to_port(self) -> u16 {
        u16::try_from(self.0).unwrap_or(u16::MAX)
    }

    fn check(value: u64) -> Result<Self, String> {
        if (MIN..=MAX).contains(&value) { Ok(Self(value)) } else { Err(format!("{value} is not {}", Self::allowed())) }
    }

    fn allowed() -> String {
        match (MIN, MAX) {
            (0, u64::MAX) => "a whole number, such as 10 or \"10\"".into(),
            (_, u64::MAX) => format!("a whole number of at least {MIN}"),
            _ => format!("a whole number from {MIN} to {MAX}"),
        }
    }
}

impl<const MIN: u64, const MAX: u64> fmt::Display for Int<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<const MIN: u64, const MAX: u64> Serialize for Int<MIN, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Int<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<const MIN: u64, const MAX: u64>;

        impl<const MIN: u64, const MAX: u64> Visitor<'_> for Reader<MIN, MAX> {
            type Value = Int<MIN, MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&Int::<MIN, MAX>::allowed())
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
                Int::check(value).map_err(E::custom)
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
                let value = u64::try_from(value)
                    .map_err(|_| E::custom(format!("{value} is not {}", Int::<MIN, MAX>::allowed())))?;
                self.visit_u64(value)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                // `parse` would take a leading plus, which the schema's pattern refuses.
                let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                let value = text.parse().ok().filter(|_| digits);
                let value =
                    value.ok_or_else(|| E::custom(format!("{text:?} is not {}", Int::<MIN, MAX>::allowed())))?;
                self.visit_u64(value)
            }
        }

        deserializer.deserialize_any(Reader::<MIN, MAX>)
    }
}

impl<const MIN: u64, const MAX: u64> JsonSchema for Int<MIN, MAX> {
    fn schema_name() -> Cow<'static, str> {
        format!("Int{MIN}To{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // The bounds hold for numbers, the pattern for text; the parser checks the bounds of text.
        let mut schema = json_schema!({
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "x-kubernetes-int-or-string": true,
            "pattern": "^[0-9]+$",
            "minimum": MIN,
        });
        if MAX != u64::MAX {
            schema.insert("maximum".into(), MAX.into());
        }
        schema
    }

    fn inline_schema() -> bool {
        true
    }
}

/// A ratio above 0 and up to 1, given as `0.4` or `"0.4"`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Ratio(f64);

impl Ratio {
    const ALLOWED: &'static str = "a number above 0 and up to 1, such as 0.4 or \"0.4\"";

    /// For defaults in code.
    ///
    /// # Panics
    /// When the value is out of range.
    pub const fn of(value: f64) -> Self {
        assert!(value > 0.0 && value <= 1.0, "out of range");
        Self(value)
    }

    /// The number.
    pub const fn get(self) -> f64 {
        self.0
    }

    fn check(value: f64) -> Result<Self, String> {
        if value > 0.0 && value <= 1.0 { Ok(Self(value)) } else { Err(format!("{value} is not {}", Self::ALLOWED)) }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Ratio {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0)
    }
}

impl<'de> Deserialize<'de> for Ratio {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl Visitor<'_> for Reader {
            type Value = Ratio;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(Ratio::ALLOWED)
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Ratio, E> {
                Ratio::check(value).map_err(E::custom)
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Ratio, E> {
                // Only 1 is in range, and it is exact.
                self.visit_f64(if value == 1 { 1.0 } else { f64::INFINITY })
                    .map_err(|_: E| E::custom(format!("{value} is not {}", Ratio::ALLOWED)))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Ratio, E> {
                Err(E::custom(format!("{value} is not {}", Ratio::ALLOWED)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Ratio, E> {
                let value: f64 = text.parse().map_err(|_| E::custom(format!("{text:?} is not {}", Ratio::ALLOWED)))?;
                self.visit_f64(value)
            }
        }

        deserializer.deserialize_any(Reader)
    }
}

impl JsonSchema for Ratio {
    fn schema_name() -> Cow<'static, str> {
        "Ratio".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // A structural schema has no "number or string": leave the type open, the parser judges.
        json_schema!({"x-kubernetes-preserve-unknown-fields": true})
    }

    fn inline_schema() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::structural;
    use serde_json::{from_str, json};

    type Percent = Int<1, 100>;

    #[test]
    fn whole_numbers_with_and_without_quotes() {
        for text in ["10", "\"10\""] {
            assert_eq!(from_str::<Percent>(text).unwrap().get(), 10, "{text}");
        }
        assert_eq!(from_str::<Int>("\"18446744073709551615\"").unwrap().get(), u64::MAX);
    }

    #[test]
    fn what_is_not_a_whole_number_in_range_is_named() {
        for (text, says) in [
            ("0", "0 is not a whole number from 1 to 100"),
            ("\"101\"", "101 is not a whole number from 1 to 100"),
            ("-3", "-3 is not a whole number from 1 to 100"),
            ("\"+3\"", "\"+3\" is not a whole number from 1 to 100"),
            ("\"\"", "\"\" is not a whole number from 1 to 100"),
            ("\"ten\"", "\"ten\" is not a whole number from 1 to 100"),
            ("1.5", "expected a whole number from 1 to 100"),
            ("true", "expected a whole number from 1 to 100"),
        ] {
            let error = from_str::<Percent>(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn the_schema_is_int_or_string_even_when_optional() {
        let schema = json!({
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "x-kubernetes-int-or-string": true,
            "pattern": "^[0-9]+$",
            "minimum": 1,
            "maximum": 100,
        });
        assert_eq!(structural::<Percent>(), schema);
        assert_eq!(structural::<Option<Percent>>(), schema);
    }

    #[test]
    fn ratios() {
        for (text, value) in [("0.4", 0.4), ("\"0.4\"", 0.4), ("1", 1.0), ("\"1\"", 1.0)] {
            assert_eq!(from_str::<Ratio>(text).unwrap(), Ratio::of(value), "{text}");
        }
        for text in ["0", "\"0.0\"", "1.1", "2", "-1", "\"NaN\"", "\"much\"", "[]"] {
            let error = from_str::<Ratio>(text).unwrap_err().to_string();
            assert!(error.contains("a number above 0 and up to 1"), "{text}: {error}");
        }
        assert_eq!(Ratio::of(0.4).to_string(), "0.4");
        assert_eq!(structural::<Option<Ratio>>(), json!({"x-kubernetes-preserve-unknown-fields": true}));
    }
}
