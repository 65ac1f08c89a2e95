//! The condition `FieldsHonored`: which settings reach the program, and which have no counterpart in it.
//!
//! A field that a program lacks is never dropped silently. Where it still has its documented default, nobody asked
//! for anything, and the message mentions it; where it was set to something else, the condition is false.

use std::fmt::Display;

use k8s_openapi::api::core::v1::EnvVar;

use super::argument::flag_name;
use super::flags::Flags;
use crate::answer::Condition;

/// Name of the condition.
pub const FIELDS_HONORED: &str = "FieldsHonored";

/// Collects what a program can't do.
#[derive(Clone, Debug)]
pub struct Honoured {
    program: &'static str,
    refused: Vec<String>,
    idle: Vec<&'static str>,
}

impl Honoured {
    /// Nothing found yet.
    pub fn by(program: &'static str) -> Self {
        Self { program, refused: vec![], idle: vec![] }
    }

    /// A field that was set, and why it has no effect.
    pub fn refuse(&mut self, path: impl Display, why: impl Display) {
        self.refused.push(format!("{path}: {why}"));
    }

    /// A field without a counterpart: refused when it was changed from its default.
    pub fn idle(&mut self, path: &'static str, changed: bool, why: impl Display) {
        if changed { self.refuse(path, why) } else { self.idle.push(path) }
    }

    /// Variables of the user's that the program does not look at, as an argument goes before each; `path` is their field.
    pub fn note_variables(&mut self, path: &str, flags: &Flags, args: &[String], env: &[EnvVar]) {
        for entry in env {
            let Some(flag) = flags.of_variable(&entry.name) else { continue };
            if let Some(name) = args.iter().filter_map(|arg| flag_name(arg)).find(|name| flag.names.contains(name)) {
                let why = format!(
                    "--{name} is an argument of the program, which goes before this variable; give the argument"
                );
                self.refuse(format!("{path}[{}]", entry.name), why);
            }
        }
    }

    /// The condition.
    pub fn condition(&self) -> Condition {
        if !self.refused.is_empty() {
            return Condition::no(FIELDS_HONORED, "FieldsWithoutEffect", self.refused.join("; "));
        }
        let mut message = format!("every setting reaches {}", self.program);
        if !self.idle.is_empty() {
            message += &format!("; left at their defaults, which it has no counterpart for: {}", self.idle.join(", "));
        }
        Condition::yes(FIELDS_HONORED, "AllFieldsHonored", message)
    }
}
