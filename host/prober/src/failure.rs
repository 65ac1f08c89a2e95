//! Why a question has no answer.

use std::time::Duration;

use crate::endpoint::EndpointUrl;

/// Why an endpoint gave no answer. The texts are shown to plugins and users: no URL and no body is in them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The target is nowhere, for the reason given.
    #[error("{0}")]
    Unresolved(String),
    /// No connection came about, so nothing was sent.
    #[error("no connection: {0}")]
    Unreachable(String),
    /// No answer in time. It may have been worked on.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The connection broke before the answer was whole.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// HTTP said no.
    #[error("HTTP status {0}")]
    Status(u16),
    /// More than we are willing to hold.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    /// An answer, but not to the question.
    #[error("{0}")]
    Invalid(String),
}

impl Failure {
    /// The same without what may give a secret URL away: an invalid answer is told in the server's own words.
    pub(crate) fn scrubbed(self, url: &EndpointUrl) -> Self {
        match self {
            Self::Invalid(text) => Self::Invalid(url.scrub_error(&text)),
            other => other,
        }
    }

    /// One word, for metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unresolved(_) => "unresolved",
            Self::Unreachable(_) => "unreachable",
            Self::Timeout(_) => "timeout",
            Self::Broken(_) => "broken",
            Self::Status(_) => "status",
            Self::TooLarge(_) => "too_large",
            Self::Invalid(_) => "invalid",
        }
    }
}

/// Words of a stranger are repeated up to so many characters.
const MOST_WORDS: usize = 256;

/// A stranger's words as they can be shown to people: not too many of them, and nothing that moves a cursor, hides text or
/// turns its direction. Secrets are to be taken out before: of one that is cut, the rest would not be found.
pub(crate) fn shown(words: &str) -> String {
    let is_hidden =
        |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let mut shown: String = words.chars().filter(|c| !c.is_control() && !is_hidden(*c)).take(MOST_WORDS).collect();
    if words.chars().count() > MOST_WORDS {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_words_are_few_and_lie_still() {
        assert_eq!(shown("not today"), "not today");
        assert_eq!(shown("a\u{1b}[2Jb\r\nc\u{202e}d\u{200b}"), "a[2Jbcd");
        assert_eq!(shown(&"é".repeat(10_000)).chars().count(), 257);
    }
}
