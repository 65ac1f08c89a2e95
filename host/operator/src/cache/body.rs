//! The JSON text of a cached object, packed where it is long: there are thousands, and each is looked at rarely.

use std::cell::RefCell;
use std::sync::Arc;
use zstd::bulk::{Compressor, Decompressor};

/// Shorter texts are kept as they are.
const LONG: usize = 512;
/// The fastest; it makes a fifth of an object.
const LEVEL: i32 = 1;

/// A text in memory.
#[derive(Clone, Debug)]
pub struct Body(Form);

#[derive(Clone, Debug)]
enum Form {
    Plain(Arc<str>),
    Packed { bytes: Arc<[u8]>, length: usize },
}

thread_local! {
    // They hold tables that are worth keeping. Without one nothing is packed.
    static PACKER: RefCell<Option<Compressor<'static>>> = RefCell::new(Compressor::new(LEVEL).ok());
    static UNPACKER: RefCell<Option<Decompressor<'static>>> = RefCell::new(Decompressor::new().ok());
}

impl Body {
    /// Takes a text in.
    pub fn of(text: String) -> Self {
        let packed = (text.len() >= LONG).then(|| pack(text.as_bytes())).flatten();
        Self(match packed {
            Some(bytes) => Form::Packed { bytes: bytes.into(), length: text.len() },
            None => Form::Plain(text.into()),
        })
    }

    /// The text.
    pub fn text(&self) -> Arc<str> {
        match &self.0 {
            Form::Plain(text) => text.clone(),
            // What we packed can be unpacked. If not, who reads it finds that it is no JSON, and says so.
            Form::Packed { bytes, length } => unpack(bytes, *length).unwrap_or_default().into(),
        }
    }
}

fn pack(text: &[u8]) -> Option<Vec<u8>> {
    PACKER.with_borrow_mut(|packer| packer.as_mut()?.compress(text).ok())
}

fn unpack(bytes: &[u8], length: usize) -> Option<String> {
    let text = UNPACKER.with_borrow_mut(|unpacker| unpacker.as_mut()?.decompress(bytes, length).ok())?;
    String::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        for length in [0, 1, LONG - 1, LONG, 100 * LONG] {
            let text: String = "äöü {\"a\": 1}".chars().cycle().take(length).collect();
            let body = Body::of(text.clone());
            assert_eq!(body.text().as_ref(), text);
            let is_packed = matches!(body.0, Form::Packed { .. });
            assert_eq!(is_packed, text.len() >= LONG, "{length}");
        }
    }
}
