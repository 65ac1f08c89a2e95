//! One value for people.

use jiff::Timestamp;
use serde_json::Value;

use super::declared::Column;

/// What a column says of an object; nothing where nobody has measured it.
pub fn cell(column: &Column, object: &Value, now: Timestamp) -> Option<String> {
    let value = *column.path.as_ref()?.find(object).first()?;
    let text = match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    let text = if column.is_date { since(&text, now).unwrap_or(text) } else { text };
    (!text.is_empty()).then_some(text)
}

/// How long ago a time was; nothing if it is none.
pub fn since(time: &str, now: Timestamp) -> Option<String> {
    let time: Timestamp = time.parse().ok()?;
    Some(age(now.as_second() - time.as_second()))
}

/// Seconds as kubectl tells an age: two units where one would be coarse.
fn age(seconds: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    // Two clocks are never quite the same.
    if seconds < -5 {
        return format!("in {}", age(-seconds));
    }
    let two = |large: i64, unit: &str, small: i64, rest: &str| match seconds % large / small {
        0 => format!("{}{unit}", seconds / large),
        more => format!("{}{unit}{more}{rest}", seconds / large),
    };
    match seconds.max(0) {
        seconds if seconds < 2 * MINUTE => format!("{seconds}s"),
        seconds if seconds < 10 * MINUTE => two(MINUTE, "m", 1, "s"),
        seconds if seconds < 3 * HOUR => format!("{}m", seconds / MINUTE),
        seconds if seconds < 8 * HOUR => two(HOUR, "h", MINUTE, "m"),
        seconds if seconds < 2 * DAY => format!("{}h", seconds / HOUR),
        seconds if seconds < 8 * DAY => two(DAY, "d", HOUR, "h"),
        seconds => format!("{}d", seconds / DAY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_as_kubectl_does() {
        for (seconds, told) in [
            (-60, "in 60s"),
            (-1, "0s"),
            (119, "119s"),
            (120, "2m"),
            (301, "5m1s"),
            (3600, "60m"),
            (4 * 3600, "4h"),
            (4 * 3600 + 60, "4h1m"),
            (30 * 3600, "30h"),
            (3 * 86_400 + 7200, "3d2h"),
            (400 * 86_400, "400d"),
        ] {
            assert_eq!(age(seconds), told, "{seconds}");
        }
    }
}
