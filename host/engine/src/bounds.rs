//! What of a component would keep the compiler busy out of all proportion to its size, looked for before anything is compiled.
//!
//! The compiler's time and memory grow faster than a function does: with its locals, for each has a value in each block; with its
//! blocks and branches; with its size. A file names 50,000 locals by five bytes, so its length bounds nothing. What a compiler of
//! a common language makes is far from these bounds; what is within them and still too much, the compiler's own limits end.

use wasmparser::{FunctionBody, Operator, Parser, Payload};

use crate::error::LoadError;

/// The most that is compiled.
struct Bound {
    what: &'static str,
    most: u64,
}

/// Functions of all modules of a component.
const FUNCTIONS: Bound = Bound { what: "functions", most: 100_000 };
/// Core modules and components in it, itself included.
const PARTS: Bound = Bound { what: "modules and components", most: 64 };
/// Bytes of one function's body.
const BYTES: Bound = Bound { what: "bytes in one function", most: 1024 * 1024 };
/// Locals of one function.
const LOCALS: Bound = Bound { what: "locals in one function", most: 10_000 };
/// Locals of all functions.
const ALL_LOCALS: Bound = Bound { what: "locals in all functions", most: 2_000_000 };
/// Blocks of one function.
const BLOCKS: Bound = Bound { what: "blocks in one function", most: 50_000 };
/// Blocks within blocks.
const DEPTH: Bound = Bound { what: "blocks within each other", most: 5_000 };
/// Targets of all branches of one function.
const TARGETS: Bound = Bound { what: "targets of branches in one function", most: 200_000 };
/// Locals times blocks of one function: what its values are looked for in.
const VALUES: Bound = Bound { what: "locals times blocks in one function", most: 20_000_000 };

impl Bound {
    fn hold(&self, found: u64) -> Result<(), LoadError> {
        if found <= self.most {
            return Ok(());
        }
        let Self { what, most } = self;
        Err(LoadError::TooComplex { why: format!("it has {found} {what}, and {most} are allowed") })
    }
}

/// Holds a module or component against the bounds. Whether it is valid is looked at elsewhere.
///
/// # Errors
/// The first bound that it breaks, or that it is damaged.
pub(crate) fn check(bytes: &[u8]) -> Result<(), LoadError> {
    let damaged = |error: wasmparser::BinaryReaderError| LoadError::Damaged { why: error.to_string() };
    let (mut functions, mut locals, mut parts) = (0_u64, 0_u64, 0_u64);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(damaged)? {
            Payload::Version { .. } => {
                parts += 1;
                PARTS.hold(parts)?;
            }
            Payload::CodeSectionEntry(body) => {
                functions += 1;
                FUNCTIONS.hold(functions)?;
                locals += function(&body, damaged)?;
                ALL_LOCALS.hold(locals)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Holds one function against the bounds, and counts its locals.
fn function(
    body: &FunctionBody<'_>,
    damaged: impl Fn(wasmparser::BinaryReaderError) -> LoadError + Copy,
) -> Result<u64, LoadError> {
    let range = body.range();
    BYTES.hold(range.end.saturating_sub(range.start))?;
    let mut locals = 0;
    for group in body.get_locals_reader().map_err(damaged)? {
        locals += u64::from(group.map_err(damaged)?.0);
        LOCALS.hold(locals)?;
    }
    let (mut blocks, mut depth, mut targets) = (1_u64, 1_u64, 0_u64);
    for operator in body.get_operators_reader().map_err(damaged)? {
        match operator.map_err(damaged)? {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                (blocks, depth) = (blocks + 1, depth + 1);
                DEPTH.hold(depth)?;
            }
            Operator::Else => blocks += 1,
            Operator::End => depth = depth.saturating_sub(1),
            Operator::Br { .. } | Operator::BrIf { .. } => (blocks, targets) = (blocks + 1, targets + 1),
            Operator::BrTable { targets: table } => targets += u64::from(table.len()) + 1,
            _ => {}
        }
    }
    BLOCKS.hold(blocks)?;
    TARGETS.hold(targets)?;
    VALUES.hold(locals.saturating_mul(blocks))?;
    Ok(locals)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module of functions with this in each of them.
    fn module(functions: usize, locals: &str, body: &str) -> Vec<u8> {
        let function = format!("(func (param i32) {locals} {body})");
        wat::parse_str(format!("(module {})", function.repeat(functions))).unwrap()
    }

    fn refusal(bytes: &[u8]) -> String {
        check(bytes).map_or_else(|error| format!("{}: {error}", error.reason()), |()| "allowed".into())
    }

    #[test]
    fn what_grows_beyond_its_size_is_refused_by_name() {
        let local = |count: usize| format!("(local {})", "i64 ".repeat(count));
        let nested = |count: usize| "(block ".repeat(count) + &")".repeat(count);
        let table = |count: usize| format!("(block (br_table {} (local.get 0)))", "0 ".repeat(count));
        for (bytes, what) in [
            (module(1, &local(10_001), ""), "10001 locals in one function"),
            (module(300, &local(9000), ""), "locals in all functions"),
            (module(1, "", &nested(5_001)), "blocks within each other"),
            (module(1, "", &"(block)".repeat(50_001)), "blocks in one function"),
            (module(1, "", &table(200_001)), "targets of branches in one function"),
            (module(1, &local(9000), &"(block)".repeat(9000)), "locals times blocks in one function"),
            (module(100_001, "", ""), "100001 functions"),
            (module(1, "", &"(drop (i64.const -9000000000000000000))".repeat(100_000)), "bytes in one function"),
        ] {
            let refusal = refusal(&bytes);
            assert!(refusal.starts_with("TooComplex: ") && refusal.contains(what), "{what}: {refusal}");
        }
        let inner = "(component)".repeat(64);
        let parts = wat::parse_str(format!("(component {inner})")).unwrap();
        assert!(refusal(&parts).contains("65 modules and components"), "{}", refusal(&parts));
    }

    /// A number as WebAssembly writes it.
    fn leb(mut number: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while number > 0x7f {
            bytes.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
        bytes
    }

    /// A section with this many equal items.
    fn section(id: u8, count: usize, item: &[u8]) -> Vec<u8> {
        let content = [leb(count), item.repeat(count)].concat();
        [vec![id], leb(content.len()), content].concat()
    }

    /// 100 KB name 50 million locals.
    #[test]
    fn a_small_file_of_many_locals_is_refused_at_once() {
        const FUNCTIONS: usize = 5000;
        // One run of 10,000 locals of the type i64, and the end.
        let body = [vec![1], leb(10_000), vec![0x7e, 0x0b]].concat();
        let body = [leb(body.len()), body].concat();
        let sections =
            [section(1, 1, &[0x60, 0, 0]), section(3, FUNCTIONS, &[0]), section(10, FUNCTIONS, &body)].concat();
        let bytes = [b"\0asm\x01\0\0\0".to_vec(), sections].concat();
        assert!(bytes.len() < 100_000, "{} bytes", bytes.len());
        assert!(wasmparser::validate(&bytes).is_ok());
        assert!(refusal(&bytes).contains("locals in all functions"), "{}", refusal(&bytes));
    }

    #[test]
    fn what_is_within_them_is_left_to_the_compiler() {
        assert_eq!(refusal(&module(1000, "(local i64 i64)", &"(block)".repeat(100))), "allowed");
    }
}
