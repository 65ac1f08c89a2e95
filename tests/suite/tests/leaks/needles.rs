//! Secret values, and every form in which one could show.

use std::{collections::HashMap, fmt::Write as _};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

/// So many characters of a form in a row give it away: of hexadecimal that is half a key's half.
const WINDOW: usize = 16;

/// A form of a value.
type Form = &'static str;

/// What is looked for: pieces of all forms of all values.
#[derive(Default)]
pub struct Needles {
    names: Vec<String>,
    windows: HashMap<[u8; WINDOW], (usize, Form)>,
}

/// A value where it must not be. Shows which, and never the value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Where it is.
    pub place: String,
    /// The value's name.
    pub value: String,
    /// How it is written there.
    pub form: Form,
}

impl Needles {
    /// Adds a value. A URL, a list or a certificate is known by its words: whatever is long enough to be no word of ours.
    pub fn add(&mut self, name: &str, value: &[u8]) {
        let index = self.names.len();
        let before = self.windows.len();
        match std::str::from_utf8(value) {
            Ok(text) => {
                let words = text.split(|character: char| !character.is_ascii_alphanumeric());
                words.filter(|word| word.len() >= WINDOW).for_each(|word| self.add_word(index, word));
            }
            Err(_) => self.add_forms(index, encoded(value)),
        }
        if self.windows.len() > before {
            self.names.push(name.into());
        }
    }

    fn add_word(&mut self, index: usize, word: &str) {
        let swapped =
            word.chars().map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() });
        let plain: [(Form, String); 5] = [
            ("as it is", word.into()),
            ("in upper case", word.to_uppercase()),
            ("in lower case", word.to_lowercase()),
            ("with its case reversed", swapped.collect()),
            ("backwards", word.chars().rev().collect()),
        ];
        self.add_forms(index, plain);
        self.add_forms(index, encoded(word.as_bytes()));
        // A key is also its bytes, which others may write in other ways.
        if let Some(bytes) = unhexed(word) {
            self.add_forms(index, encoded(&bytes));
        }
    }

    fn add_forms(&mut self, index: usize, forms: impl IntoIterator<Item = (Form, String)>) {
        for (form, text) in forms {
            for window in text.as_bytes().windows(WINDOW).filter_map(|window| window.try_into().ok()) {
                self.windows.entry(window).or_insert((index, form));
            }
        }
    }

    /// Names of the values that are looked for.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// What is found in a place: each value in each form once.
    pub fn find(&self, place: &str, text: &str) -> Vec<Finding> {
        let found = text.as_bytes().windows(WINDOW).filter_map(|window| self.windows.get(window));
        let mut findings: Vec<_> = found
            .map(|(index, form)| Finding { place: place.into(), value: self.names[*index].clone(), form })
            .collect();
        findings.sort();
        findings.dedup();
        findings
    }
}

/// Bytes in the ways in which programs write bytes. Base64 looks different for each of the three places where a byte can begin.
fn encoded(bytes: &[u8]) -> Vec<(Form, String)> {
    let shifted = (0..3).map(|shift| [vec![0; shift], bytes.to_vec()].concat());
    let base64 = shifted.flat_map(|bytes| [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)]);
    let mut forms: Vec<(Form, String)> = base64.map(|text| ("in base64", text)).collect();
    let written = |each: fn(&mut String, u8)| {
        bytes.iter().fold(String::new(), |mut text, byte| {
            each(&mut text, *byte);
            text
        })
    };
    forms.push(("in hexadecimal", written(|text, byte| write!(text, "{byte:02x}").expect("memory"))));
    forms.push(("in upper-case hexadecimal", written(|text, byte| write!(text, "{byte:02X}").expect("memory"))));
    forms.push(("in a URL", written(|text, byte| write!(text, "%{byte:02x}").expect("memory"))));
    forms.push(("in an upper-case URL", written(|text, byte| write!(text, "%{byte:02X}").expect("memory"))));
    forms.push(("as numbers", written(|text, byte| write!(text, "{byte}, ").expect("memory"))));
    forms
}

/// The bytes of a text of at least 16 of them in hexadecimal.
fn unhexed(text: &str) -> Option<Vec<u8>> {
    if text.len() < 32 || !text.len().is_multiple_of(2) {
        return None;
    }
    // A leading `0x` is no piece of its own: `0` and `x` are alphanumeric.
    let digits = text.strip_prefix("0x").unwrap_or(text);
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()).collect()
}

mod tests {
    use super::*;

    const KEY: &str = "0x8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba";

    #[test]
    fn a_value_is_found_in_every_form() {
        let mut needles = Needles::default();
        needles.add("key", KEY.as_bytes());
        needles.add("url", b"https://l1.example.org/v3/aB3dE6gH9jK2mN5pQ8rS");
        let bytes = unhexed(KEY).expect("hexadecimal");
        let framed = |lead: &str, value: &[u8]| STANDARD_NO_PAD.encode([lead.as_bytes(), value, b" and more"].concat());
        let texts = [
            ("as it is", format!("failed: {}", &KEY[20..40])),
            ("in upper case", KEY[2..].to_uppercase()),
            ("with its case reversed", "Ab3De6Gh9Jk2Mn5Pq8Rs".into()),
            ("in lower case", "/v3/ab3de6gh9jk2mn5pq8rs".into()),
            ("backwards", "Sr8Qp5Nm2Kj9Hg6Ed3Ba".into()),
            ("in base64", framed("", KEY.as_bytes())),
            ("in base64", framed("a", KEY.as_bytes())),
            ("in base64", framed("ab", KEY.as_bytes())),
            ("in base64", framed("abc", &bytes)),
            ("in base64", URL_SAFE_NO_PAD.encode(&bytes)),
            ("in hexadecimal", "3078386233613335306366356333".into()),
            ("in a URL", "%61%42%33%64%45%36".into()),
            ("as numbers", format!("{bytes:?}")),
        ];
        for (form, text) in texts {
            let forms: Vec<_> = needles.find("here", &text).iter().map(|finding| finding.form).collect();
            assert!(forms.contains(&form), "{text} is found {forms:?}, and not {form}");
        }
    }

    #[test]
    fn what_everybody_may_know_is_not_found() {
        let mut needles = Needles::default();
        needles.add("url", b"https://l1.example.org/v3/aB3dE6gH9jK2mN5pQ8rS");
        needles.add("word", b"hunter22");
        assert_eq!(needles.names(), ["url"], "a short word is no value that can be looked for");
        assert_eq!(needles.find("here", "https://l1.example.org/v3/ and the key l1 of hunter22"), []);
    }
}
