//! Points in time that chains and programs report as seconds since the Unix epoch.

const DAY: u64 = 86_400;

/// RFC 3339 in UTC, as Kubernetes writes it.
pub fn rfc3339(unix_seconds: u64) -> String {
    let (mut days, seconds) = (unix_seconds / DAY, unix_seconds % DAY);
    // Years are counted from March, so that the leap day is the last of a year (an era has 400 years).
    days += 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + next_year;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Seconds since the Unix epoch of what [`rfc3339`] wrote; nothing for any other text.
pub fn unix_seconds(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z').filter(|text| text.len() == 19)?.split_once('T')?;
    let numbers = |text: &str, between: char| {
        let numbers: Vec<u64> = text.split(between).map_while(|part| part.parse().ok()).collect();
        <[u64; 3]>::try_from(numbers).ok()
    };
    let ([year, month, day], [hour, minute, second]) = (numbers(date, '-')?, numbers(time, ':')?);
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    let seconds = days.checked_sub(719_469)? * DAY + hour * 3600 + minute * 60 + second;
    (rfc3339(seconds) == text).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::{rfc3339, unix_seconds};

    #[test]
    fn dates() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_686_068_903, "2023-06-06T16:28:23Z"),
            (1_709_251_200, "2024-03-01T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(seconds), text);
            assert_eq!(unix_seconds(text), Some(seconds));
        }
        for text in ["", "2024-03-01", "2024-02-30T00:00:00Z", "2024-03-01T00:00:00+01:00", "0000-01-01T00:00:00Z"] {
            assert_eq!(unix_seconds(text), None, "{text}");
        }
    }
}
