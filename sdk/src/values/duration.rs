//! Durations in the notation of Go, which all programs of the OP Stack read.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use std::time::Duration;

use super::checked_text;
use crate::answer::FieldError;

/// A duration such as `10s`, `24h`, `1h30m` or `1.5s`. Keeps the text that the user wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoDuration {
    text: String,
    nanos: u64,
}

const PATTERN: &str = r"^(0|([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+)$";
const UNITS: [(&str, u64); 6] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

impl GoDuration {
    /// Parses Go's notation. Negative durations make no sense in a spec.
    ///
    /// # Errors
    /// Names the text and the notation.
    pub fn parse(text: &str) -> Result<Self, String> {
        let nanos = nanos(text).ok_or_else(|| {
            format!("{text:?} is not a duration; write numbers with units ns, us, ms, s, m or h, such as \"10s\" or \"1h30m\"")
        })?;
        Ok(Self { text: text.into(), nanos })
    }

    /// For defaults in code.
    pub fn of_secs(secs: u64) -> Self {
        Self { text: format!("{secs}s"), nanos: secs.saturating_mul(1_000_000_000) }
    }

    /// For defaults in code.
    pub fn of_minutes(minutes: u64) -> Self {
        Self { text: format!("{minutes}m"), nanos: minutes.saturating_mul(60_000_000_000) }
    }

    /// For defaults in code.
    pub fn of_hours(hours: u64) -> Self {
        Self { text: format!("{hours}h"), nanos: hours.saturating_mul(3_600_000_000_000) }
    }

    /// The notation of Go, as the user wrote it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whole seconds, rounded down.
    pub const fn as_secs(&self) -> u64 {
        self.nanos / 1_000_000_000
    }

    /// Whole milliseconds, rounded down.
    pub const fn as_millis(&self) -> u64 {
        self.nanos / 1_000_000
    }

    /// As the standard library's type.
    pub const fn to_std(&self) -> Duration {
        Duration::from_nanos(self.nanos)
    }

    /// No time at all.
    pub const fn is_zero(&self) -> bool {
        self.nanos == 0
    }

    /// What is wrong with it where a program has to wait for a while.
    pub fn check_interval(&self, path: &str) -> Option<FieldError> {
        self.is_zero().then(|| {
            let message = format!("{self} is no interval; write one above zero, such as \"12s\"");
            FieldError::new(path, message)
        })
    }
}

checked_text!(GoDuration);

fn nanos(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let mut rest = text;
    let mut sum = 0_u64;
    while !rest.is_empty() || text.is_empty() {
        let (number, tail) = split_while(rest, |c| c.is_ascii_digit() || c == '.')?;
        let (unit, tail) = split_while(tail, |c| c.is_ascii_alphabetic())?;
        let scale = UNITS.iter().find(|(name, _)| *name == unit)?.1;
        sum = sum.checked_add(scaled(number, scale)?)?;
        rest = tail;
    }
    // Go keeps durations in an i64.
    i64::try_from(sum).ok().map(|_| sum)
}

/// A decimal number times a scale, without rounding errors in the digits that count.
fn scaled(number: &str, scale: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let mut sum = whole.parse::<u64>().ok()?.checked_mul(scale)?;
    let mut place = scale;
    for digit in fraction.bytes() {
        place /= 10;
        sum = sum.checked_add(u64::from(digit - b'0') * place)?;
    }
    Some(sum)
}

fn split_while(text: &str, keep: impl Fn(char) -> bool) -> Option<(&str, &str)> {
    let end = text.find(|c| !keep(c)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

impl JsonSchema for GoDuration {
    fn schema_name() -> Cow<'static, str> {
        "GoDuration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": PATTERN})
    }

    fn inline_schema() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notation_of_go() {
        for (text, millis) in [
            ("0", 0),
            ("0s", 0),
            ("10s", 10_000),
            ("1.5s", 1_500),
            ("1h30m", 5_400_000),
            ("24h", 86_400_000),
            ("250ms", 250),
            ("999us", 0),
            ("0.5h1ns", 1_800_000),
        ] {
            let duration = GoDuration::parse(text).unwrap();
            assert_eq!(duration.as_millis(), millis, "{text}");
            assert_eq!(duration.to_string(), text);
        }
        assert_eq!(GoDuration::parse("1.5s").unwrap().as_secs(), 1);
    }

    #[test]
    fn what_go_would_not_read_is_refused() {
        for text in ["", "10", "s", "10 s", "-1s", "1d", "1.s", "1.2.3s", "9999999999h", "10S", "µs"] {
            let error = GoDuration::parse(text).unwrap_err();
            assert!(error.starts_with(&format!("{text:?} is not a duration")), "{error}");
        }
    }
}
