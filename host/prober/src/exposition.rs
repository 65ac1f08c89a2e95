//! Prometheus text, reduced to the metrics that were asked for.

use serde_json::{Map, Value, json};

/// Why a text was not reduced.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    /// A sample of a metric that was asked for is not as the format wants it.
    #[error("not Prometheus text (line {line})")]
    NotExposition { line: usize },
    /// The metrics that were asked for have too many samples: parsed, they take twenty times their text.
    #[error("the samples are larger than {limit} bytes")]
    TooMuch { limit: usize },
}

/// Samples of the metrics that were asked for, in bytes of text. A short one counts as [`SHORTEST`].
const MOST: usize = 512 * 1024;
/// What a sample counts at least.
const SHORTEST: usize = 64;

/// `{NAME: [{"labels": {…}, "value": 1.0}]}`. A metric that is absent is absent, and so is a sample that JSON has no
/// number for (`NaN`, `+Inf`). Lines about other metrics are not looked at.
pub(crate) fn reduce(text: &str, names: &[String]) -> Result<Value, Unreadable> {
    if text.trim_start().starts_with('<') {
        // A web page, which would otherwise read as "all metrics are absent".
        return Err(Unreadable::NotExposition { line: 1 });
    }
    let (mut found, mut read) = (Map::new(), 0);
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        let end = line.find(|c: char| c == '{' || c.is_whitespace()).unwrap_or(line.len());
        let (name, rest) = line.split_at(end);
        if name.starts_with('#') || !names.iter().any(|wanted| wanted == name) {
            continue;
        }
        read += line.len().max(SHORTEST);
        if read > MOST {
            return Err(Unreadable::TooMuch { limit: MOST });
        }
        let (labels, value) = sample(rest).ok_or(Unreadable::NotExposition { line: index + 1 })?;
        if value.is_finite()
            && let Some(samples) = found.entry(name).or_insert_with(|| json!([])).as_array_mut()
        {
            samples.push(json!({"labels": labels, "value": value}));
        }
    }
    Ok(Value::Object(found))
}

/// Labels and value of what follows a metric's name. A timestamp or an exemplar after the value is passed over.
fn sample(rest: &str) -> Option<(Map<String, Value>, f64)> {
    let rest = rest.trim_start();
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Map::new(), rest),
    };
    let value = rest.split_whitespace().next()?;
    Some((labels, value.parse().ok()?))
}

/// Labels up to the closing brace, and what comes after it.
fn labels(mut rest: &str) -> Option<(Map<String, Value>, &str)> {
    let mut labels = Map::new();
    loop {
        rest = rest.trim_start_matches([',', ' ', '\t']);
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, after) = rest.split_once('=')?;
        let (value, after) = quoted(after.trim_start().strip_prefix('"')?)?;
        labels.insert(name.trim().to_owned(), value.into());
        rest = after;
    }
}

/// A value up to its closing quote, without the escapes, and what comes after it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                escaped => value.push(escaped),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn only_the_names_asked_for_are_kept() {
        let text = "# HELP up Whether it is up\n# TYPE up gauge\nup 1\nup_since 5\n\
                    refs{layer=\"l1\",type=\"l1_head\"} 1.5e3 1700000000000\nrefs{layer=\"l2\"}\t2\n";
        let wanted = json!({
            "up": [{"labels": {}, "value": 1.0}],
            "refs": [
                {"labels": {"layer": "l1", "type": "l1_head"}, "value": 1500.0},
                {"labels": {"layer": "l2"}, "value": 2.0},
            ],
        });
        assert_eq!(reduce(text, &names(&["up", "refs", "absent"])), Ok(wanted));
    }

    #[test]
    fn escapes_commas_and_braces_in_a_label_are_text() {
        let text = r#"m{path="C:\\x",said="a \"b\", {c}=d\n",} 7"#;
        let wanted = json!({"m": [{"labels": {"path": "C:\\x", "said": "a \"b\", {c}=d\n"}, "value": 7.0}]});
        assert_eq!(reduce(text, &names(&["m"])), Ok(wanted));
    }

    #[test]
    fn a_histogram_is_asked_for_by_its_samples_names() {
        let text = "h_bucket{le=\"+Inf\"} 3\nh_sum NaN\nh_count 3";
        let wanted = json!({
            "h_bucket": [{"labels": {"le": "+Inf"}, "value": 3.0}],
            "h_count": [{"labels": {}, "value": 3.0}],
        });
        assert_eq!(reduce(text, &names(&["h_bucket", "h_sum", "h_count", "h"])), Ok(wanted));
    }

    #[test]
    fn what_is_no_exposition_is_told() {
        for (text, line) in [
            ("<html>up 1</html>", 1),
            ("ok 1\nup", 2),
            ("up one", 1),
            ("up{a=\"b\" 1", 1),
            ("up{a=b} 1", 1),
            ("up{", 1),
        ] {
            assert_eq!(reduce(text, &names(&["up"])), Err(Unreadable::NotExposition { line }), "{text}");
        }
        assert_eq!(reduce("", &names(&["up"])), Ok(json!({})));
    }

    #[test]
    fn samples_without_end_are_refused_before_they_are_parsed() {
        let text = "up 1\n".repeat(MOST / SHORTEST + 1);
        assert_eq!(reduce(&text, &names(&["up"])), Err(Unreadable::TooMuch { limit: MOST }));
        assert!(reduce(&text, &names(&["down"])).is_ok());
    }
}
