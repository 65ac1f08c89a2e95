//! What a child that compiles says to its parent: a line about the component, then its machine code; or a line that says why not.

use serde::{Deserialize, Serialize};
use std::io::Write;

use crate::compiler::Code;
use crate::error::LoadError;

#[derive(Serialize, Deserialize)]
enum Head {
    /// What the component is. The rest is machine code.
    Compiled(String),
    Refused(LoadError),
}

/// An answer.
pub(crate) struct Answer {
    head: Head,
    machine: Vec<u8>,
}

impl Answer {
    /// Bytes of an answer: more machine code than this has no plugin.
    pub(crate) const MOST: u64 = 128 * 1024 * 1024;

    /// Reads an answer; nothing if it is none.
    pub(crate) fn read(mut bytes: Vec<u8>) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let head = serde_json::from_slice(bytes.get(..end)?).ok()?;
        // In its place: it may be large.
        bytes.drain(..=end);
        Some(Self { head, machine: bytes })
    }

    /// What was compiled.
    ///
    /// # Errors
    /// Why nothing was.
    pub(crate) fn into_code(self) -> Result<Code, LoadError> {
        match self.head {
            Head::Refused(error) => Err(error),
            Head::Compiled(surface) => {
                let unclear = |()| LoadError::CompilerFailed { why: format!("it says that it compiled {surface:?}") };
                let surface = surface.parse().map_err(unclear)?;
                Ok(Code { machine: self.machine, surface })
            }
        }
    }
}

/// Writes an answer.
///
/// # Errors
/// What the writer says.
pub(crate) fn write(code: Result<Code, LoadError>, mut to: impl Write) -> std::io::Result<()> {
    let (head, machine) = match code {
        Ok(code) => (Head::Compiled(code.surface.to_string()), code.machine),
        Err(error) => (Head::Refused(error), vec![]),
    };
    serde_json::to_writer(&mut to, &head)?;
    to.write_all(b"\n")?;
    to.write_all(&machine)?;
    to.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::{Surface, World};

    fn said(code: Result<Code, LoadError>) -> Vec<u8> {
        let mut said = Vec::new();
        write(code, &mut said).unwrap();
        said
    }

    #[test]
    fn an_answer_survives_the_way() {
        let surface = Surface { world: World::Client, version: "0.1.7".into() };
        let machine = b"ELF\n\0\n".to_vec();
        let bytes = said(Ok(Code { machine: machine.clone(), surface: surface.clone() }));
        let code = Answer::read(bytes).unwrap().into_code().unwrap();
        assert_eq!((code.machine, code.surface), (machine, surface));
        let bytes = said(Err(LoadError::TooComplex { why: "of\nthis".into() }));
        let error = Answer::read(bytes).unwrap().into_code().err().unwrap();
        assert!(matches!(&error, LoadError::TooComplex { why } if why == "of\nthis"), "{error}");
    }

    #[test]
    fn what_is_cut_off_is_no_answer() {
        for bytes in ["", "{\"Compiled\":\"workload 0.1.0\"}", "nonsense\n"] {
            assert!(Answer::read(bytes.into()).is_none());
        }
    }
}
