//! Why an endpoint gave no answer, in one word: the reason of a condition.
//!
//! The host says it in words. How they begin is part of what it promises (docs/plugin-api.md), so they can be told apart.

/// Beginnings of the host's words, the longer ones first, and the reasons.
const REASONS: [(&str, &str); 10] = [
    ("no connection: Connection refused", "ConnectionRefused"),
    ("no connection: name not resolved", "NameNotResolved"),
    ("no connection: TLS", "TLSFailed"),
    ("no connection", UNREACHABLE),
    ("no answer within", "Timeout"),
    ("the connection broke", "ConnectionBroken"),
    ("HTTP status", "HTTPStatus"),
    ("the answer is larger", "AnswerTooLarge"),
    ("not a JSON-RPC answer", "AnswerInvalid"),
    ("the whole request was refused", "RPCError"),
];
/// Whatever else keeps an endpoint from being asked.
const UNREACHABLE: &str = "RPCEndpointUnreachable";
/// What the host says of a URL in a Secret that is several.
const SEVERAL: &str = "several URLs, and the operator asks one";

/// The reason.
pub fn reason(why: &str) -> &'static str {
    REASONS.iter().find(|(words, _)| why.starts_with(words)).map_or(UNREACHABLE, |(_, reason)| reason)
}

/// Whether the endpoint can't be asked at all, whatever its state, because its Secret holds a list of URLs.
pub fn is_list(why: &str) -> bool {
    why.ends_with(SEVERAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_has_a_reason_of_its_own() {
        for (why, expected) in [
            ("no connection: Connection refused (os error 111)", "ConnectionRefused"),
            ("no connection: name not resolved: Name or service not known", "NameNotResolved"),
            ("no connection: TLS: invalid peer certificate: UnknownIssuer", "TLSFailed"),
            ("no connection: Network is unreachable (os error 101)", "RPCEndpointUnreachable"),
            ("no answer within 10s", "Timeout"),
            ("the connection broke: unexpected EOF", "ConnectionBroken"),
            ("HTTP status 503", "HTTPStatus"),
            ("the answer is larger than 1048576 bytes", "AnswerTooLarge"),
            ("not a JSON-RPC answer: one answer to several calls", "AnswerInvalid"),
            ("the whole request was refused: error -32600: batches are off", "RPCError"),
            ("secret chains/l1, key url: not a URL: empty host", "RPCEndpointUnreachable"),
        ] {
            assert_eq!(reason(why), expected, "{why}");
        }
    }

    #[test]
    fn a_list_of_urls_is_no_fault_of_the_endpoint() {
        assert!(is_list("secret chains/l2, key urls: several URLs, and the operator asks one"));
        assert!(!is_list("no connection: Connection refused (os error 111)"));
    }
}
