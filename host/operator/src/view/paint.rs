//! Colours of a terminal. A colour never says more than the word that it is on.

use super::standing::Tone;

/// Whether there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paint(pub bool);

impl Paint {
    /// A text in the colour of a tone.
    pub fn tone(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Busy => "33",
            Tone::Bad => "31;1",
            Tone::Unknown => "35",
        };
        self.code(code, text)
    }

    /// A heading.
    pub fn heading(self, text: &str) -> String {
        self.code("1", text)
    }

    /// What matters less.
    pub fn faint(self, text: &str) -> String {
        self.code("2", text)
    }

    fn code(self, code: &str, text: &str) -> String {
        if self.0 && !text.trim().is_empty() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.into() }
    }
}
