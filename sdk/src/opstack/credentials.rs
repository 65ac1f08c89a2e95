//! URLs in plain sight that look as if they held a key: everybody who may read the object or the pod has it.
//!
//! It is a guess, so it warns and refuses nothing.

use crate::answer::Event;

/// A part of a path that is as long as the keys of the large providers, and is of nothing but their characters.
const KEY_LENGTH: usize = 24;

/// Names those of the plain URLs, or lists of them, that seem to hold a key, and never shows one.
pub fn warning<'a>(urls: impl IntoIterator<Item = (&'a str, Option<&'a String>)>) -> Option<Event> {
    let suspect = |urls: Option<&String>| urls.is_some_and(|urls| urls.split(',').any(holds_key));
    let names: Vec<_> = urls.into_iter().filter(|(_, urls)| suspect(*urls)).map(|(name, _)| name).collect();
    let message = || {
        format!(
            "the URL of {} seems to hold a key, which everybody who may read this object or its pod can see; put it into a Secret, and name that in the field that ends with From",
            names.join(" and that of ")
        )
    };
    (!names.is_empty()).then(|| Event::warning("KeyInPlainUrl", message()))
}

/// A password, a parameter, or a part of the path like a key. Hosts of the cluster have dots and short parts.
fn holds_key(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let (authority, path) = rest.split_once(['/', '?']).unwrap_or((rest, ""));
    let key = |part: &str| {
        let is_of_key = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        part.len() >= KEY_LENGTH && part.chars().all(is_of_key) && part.chars().any(|c| c.is_ascii_digit())
    };
    let asked = |word: &str| path.to_ascii_lowercase().contains(word);
    authority.contains('@')
        || ["key=", "token=", "secret=", "auth="].iter().any(|word| asked(word))
        || path.split(['/', '?', '&', '=']).any(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_suspected_and_names_are_not() {
        for (url, expected) in [
            ("https://l1.example.org", false),
            ("http://sequencer.chains.svc.cluster.local:8545", false),
            ("https://l1.example.org/rpc/mainnet/v3", false),
            ("https://l1.example.org/a-long-name-of-a-path-without-digits", false),
            ("https://user:word@l1.example.org", true),
            ("https://l1.example.org/v3/0123456789abcdef0123456789abcdef", true),
            ("https://l1.example.org?apiKey=x", true),
            ("https://l1.example.org/rpc?token=x", true),
            ("wss://l1.example.org/v2/abcDEF_0123-abcDEF_0123-x", true),
            ("none", false),
        ] {
            assert_eq!(holds_key(url), expected, "{url}");
        }
    }

    #[test]
    fn a_warning_names_the_field_and_not_the_url() {
        let (keyed, plain) = ("http://a,https://u:word@b".to_string(), "http://b".to_string());
        let event = warning([("a", Some(&keyed)), ("b", Some(&plain)), ("c", None)]).unwrap();
        assert!(event.message.contains("of a seems") && !event.message.contains("word"), "{}", event.message);
        assert!(warning([("b", Some(&plain)), ("c", None)]).is_none());
    }
}
