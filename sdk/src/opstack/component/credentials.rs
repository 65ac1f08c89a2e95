//! URLs in plain sight that look as if they held a key: everybody who may read the object or the pod has it.
//!
//! It is a guess, so it warns and refuses nothing.

use k8s_openapi::api::core::v1::EnvVar;

use crate::answer::Event;

/// A part of a path that is as long as the keys of the large providers, and is of nothing but their characters.
const KEY_LENGTH: usize = 24;

/// Names the variables whose plain URLs seem to hold a key, and never shows one.
pub(super) fn warning(variables: &[EnvVar]) -> Option<Event> {
    let suspect = |variable: &&EnvVar| variable.value.as_deref().is_some_and(|urls| urls.split(',').any(holds_key));
    let names: Vec<_> = variables.iter().filter(suspect).map(|variable| variable.name.as_str()).collect();
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
    fn a_warning_names_the_variable_and_not_the_url() {
        let plain =
            |name: &str, value: &str| EnvVar { name: name.into(), value: Some(value.into()), ..Default::default() };
        let secret = EnvVar { name: "C".into(), ..Default::default() };
        let all = [plain("A", "http://a,https://u:word@b"), plain("B", "http://b"), secret];
        let event = warning(&all).unwrap();
        assert!(event.message.contains("of A seems") && !event.message.contains("word"), "{}", event.message);
        assert!(warning(&all[1..]).is_none());
    }
}
