//! The JSON text of a cached object, packed where it is long: there are thousands, and each is looked at rarely.
//!
//! The objects of a kind are much alike, so each is packed as what differs from an example: the first of its kind.

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};
use zstd::zstd_safe::{CCtx, CDict, DCtx, DDict, compress_bound};

/// Shorter texts are kept as they are.
const LONG: usize = 512;
/// The fastest: what objects of a kind have in common is found at any level.
const LEVEL: i32 = 1;

/// A text in memory.
#[derive(Clone, Debug)]
pub struct Body(Form);

#[derive(Clone, Debug)]
enum Form {
    Plain(Arc<str>),
    Packed { bytes: Arc<[u8]>, length: u32, example: Arc<Example> },
}

/// What the texts of a kind have in common: the first long one.
#[derive(Default)]
pub struct Example(OnceLock<Tables>);

/// An example as packing and unpacking want it.
struct Tables {
    pack: CDict<'static>,
    unpack: DDict<'static>,
}

impl std::fmt::Debug for Example {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Example")
    }
}

thread_local! {
    // They hold tables that are worth keeping. Without one nothing is packed.
    static PACKER: RefCell<Option<CCtx<'static>>> = RefCell::new(CCtx::try_create());
    static UNPACKER: RefCell<Option<DCtx<'static>>> = RefCell::new(DCtx::try_create());
}

impl Body {
    /// Takes a text in; `example` is that of its kind.
    pub fn of(text: String, example: &Arc<Example>) -> Self {
        let packed = (text.len() >= LONG).then(|| example.pack(text.as_bytes())).flatten();
        Self(match (packed, u32::try_from(text.len())) {
            (Some(bytes), Ok(length)) => Form::Packed { bytes: bytes.into(), length, example: example.clone() },
            _ => Form::Plain(text.into()),
        })
    }

    /// Bytes that are kept.
    pub fn bytes(&self) -> usize {
        match &self.0 {
            Form::Plain(text) => text.len(),
            Form::Packed { bytes, .. } => bytes.len(),
        }
    }

    /// The text.
    pub fn text(&self) -> Arc<str> {
        match &self.0 {
            Form::Plain(text) => text.clone(),
            // What we packed can be unpacked. If not, who reads it finds that it is no JSON, and says so.
            Form::Packed { bytes, length, example } => {
                example.unpack(bytes, *length as usize).unwrap_or_default().into()
            }
        }
    }
}

impl Example {
    fn pack(&self, text: &[u8]) -> Option<Vec<u8>> {
        let tables = self.0.get_or_init(|| Tables { pack: CDict::create(text, LEVEL), unpack: DDict::create(text) });
        let mut packed = Vec::with_capacity(compress_bound(text.len()));
        PACKER.with_borrow_mut(|packer| packer.as_mut()?.compress_using_cdict(&mut packed, text, &tables.pack).ok())?;
        Some(packed)
    }

    fn unpack(&self, bytes: &[u8], length: usize) -> Option<String> {
        let tables = self.0.get()?;
        let mut text = Vec::with_capacity(length);
        UNPACKER.with_borrow_mut(|unpacker| {
            unpacker.as_mut()?.decompress_using_ddict(&mut text, bytes, &tables.unpack).ok()
        })?;
        String::from_utf8(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(body: &Body) -> Option<usize> {
        match &body.0 {
            Form::Plain(_) => None,
            Form::Packed { bytes, .. } => Some(bytes.len()),
        }
    }

    #[test]
    fn what_goes_in_comes_out() {
        let example = Arc::default();
        for length in [0, 1, LONG - 1, LONG, 100 * LONG] {
            let text: String = "äöü {\"a\": 1}".chars().cycle().take(length).collect();
            let body = Body::of(text.clone(), &example);
            assert_eq!(body.text().as_ref(), text);
            assert_eq!(packed(&body).is_some(), text.len() >= LONG, "{length}");
        }
    }

    #[test]
    fn what_is_like_the_first_takes_little() {
        let example = Arc::default();
        let text = |name: u32| (0..400_u32).map(|n| format!("{}:{n:x},", n.wrapping_mul(name))).collect::<String>();
        let (first, alike) = (text(7), text(7).replace("3:", "4:"));
        let bodies = [first.clone(), alike.clone()].map(|text| Body::of(text, &example));
        assert_eq!(bodies[0].text().as_ref(), first);
        assert_eq!(bodies[1].text().as_ref(), alike);
        assert!(packed(&bodies[0]).is_some_and(|bytes| bytes < first.len() / 20), "{:?}", packed(&bodies[0]));
    }
}
