//! The end of `docs/plugin-api.md`: digests of the contract, so that whoever changes it comes by here, and the two
//! JSON documents of execution clients, read from the types of the SDK and their comments.

use std::{fmt::Write as _, fs};

use anyhow::{Context as _, Result, ensure};
use sha2::{Digest as _, Sha256};

use crate::workspace;

/// The document.
pub const PATH: &str = "docs/plugin-api.md";

const BEGIN: &str = "<!-- What follows is written by `cargo xtask codegen`. -->";

/// Types of the documents, by file.
const TYPES: [(&str, &[&str]); 3] = [
    (
        "sdk/src/execution.rs",
        &["ClientRequest", "Genesis", "Mounts", "MountPoint", "ClientFragment", "Claim", "Ports", "Unsupported"],
    ),
    ("sdk/src/opstack/owned.rs", &["OwnedSetting"]),
    ("sdk/src/opstack/shared.rs", &["Logging", "LogLevel", "LogFormat"]),
];

/// The document with its end made anew.
pub fn document() -> Result<String> {
    let text = read(PATH)?;
    let (written, _) = text.split_once(BEGIN).with_context(|| format!("{PATH} has no line {BEGIN:?}"))?;
    let mut text = format!("{written}{BEGIN}\n");
    contract(&mut text)?;
    documents(&mut text)?;
    Ok(text)
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(workspace::root().join(path)).with_context(|| format!("failed to read {path}"))
}

/// Each file of the contract, and what it is about in its own words.
fn contract(text: &mut String) -> Result<()> {
    text.push_str("\n## The contract this text is about\n\n| file | SHA-256 |\n| --- | --- |\n");
    let directory = workspace::root().join("wit");
    // Frozen copies of it lie below.
    for file in workspace::files(&directory)?.iter().filter(|file| file.parent() == Some(&directory)) {
        let digest = hex::encode(Sha256::digest(fs::read(file)?));
        writeln!(text, "| `{}` | `{digest}` |", workspace::relative(file))?;
    }
    Ok(())
}

fn documents(text: &mut String) -> Result<()> {
    text.push_str("\n## Documents of `execution-client.render`\n");
    for (path, names) in TYPES {
        let source = read(path)?;
        for name in names {
            let described = Type::find(&source, name).with_context(|| format!("{path} has no type {name}"))?;
            ensure!(!described.members.is_empty(), "{path}: nothing was found in {name}");
            described.write(text)?;
        }
    }
    Ok(())
}

/// A struct or an enum with its comments.
#[derive(Debug, PartialEq, Eq)]
struct Type {
    name: String,
    is_enum: bool,
    about: String,
    members: Vec<Member>,
}

#[derive(Debug, PartialEq, Eq)]
struct Member {
    name: String,
    /// In the words of JSON; of a case of an enum, what it holds.
    kind: String,
    is_optional: bool,
    about: String,
}

impl Type {
    /// Reads a type as rustfmt writes it. Attributes tell how it is spelled in JSON.
    fn find(source: &str, name: &str) -> Option<Self> {
        let lines: Vec<_> = source.lines().collect();
        let opens = |keyword: &str| format!("pub {keyword} {name} {{");
        let index = lines.iter().position(|line| *line == opens("struct") || *line == opens("enum"))?;
        let start = lines[..index].iter().rposition(|line| !is_prefix(line)).map_or(0, |before| before + 1);
        let head = &lines[start..index];
        let is_enum = lines[index].starts_with("pub enum");
        let case = head.iter().find_map(|line| argument(line, "rename_all")).unwrap_or_default();
        let all_optional = head.iter().any(|line| line.starts_with("#[serde(") && line.contains("default"));
        let body = lines[index + 1..].iter().take_while(|line| **line != "}");
        let mut members = Vec::new();
        let mut prefix = Vec::new();
        for line in body.map(|line| line.trim()) {
            if is_prefix(line) {
                prefix.push(line);
                continue;
            }
            if let Some(mut member) = Member::read(line, &prefix, case, is_enum) {
                member.is_optional |= all_optional;
                members.push(member);
            }
            prefix.clear();
        }
        Some(Self { name: name.into(), is_enum, about: about(head), members })
    }

    fn write(&self, text: &mut String) -> Result<()> {
        write!(text, "\n### {}\n\n{}\n\n", self.name, self.about)?;
        let heads = if self.is_enum { "| case | holds | |\n" } else { "| field | type | |\n" };
        writeln!(text, "{heads}| --- | --- | --- |")?;
        for Member { name, kind, is_optional, about } in &self.members {
            let optional = if *is_optional { ", optional" } else { "" };
            writeln!(text, "| `{name}` | {kind}{optional} | {about} |")?;
        }
        Ok(())
    }
}

impl Member {
    /// `pub name: Type,` or `Name(Type),` or `Name,`.
    fn read(line: &str, prefix: &[&str], case: &str, is_enum: bool) -> Option<Self> {
        let line = line.strip_suffix(',')?;
        let (name, kind) = if is_enum {
            let (name, held) = line.split_once('(').unwrap_or((line, ""));
            (name, held.trim_end_matches(')'))
        } else {
            line.strip_prefix("pub ")?.split_once(": ")?
        };
        let renamed = prefix.iter().find_map(|line| argument(line, "rename"));
        let has_default = prefix.iter().any(|line| line.starts_with("#[serde(default"));
        let name = renamed.map_or_else(|| cased(name, case), ToString::to_string);
        let is_optional = !is_enum && (has_default || kind.starts_with("Option<"));
        Some(Self { name, kind: json_kind(kind), is_optional, about: about(prefix) })
    }
}

/// Comments and attributes before an item.
fn is_prefix(line: &str) -> bool {
    line.starts_with("///") || line.starts_with("#[")
}

fn about(prefix: &[&str]) -> String {
    let comments = prefix.iter().filter_map(|line| line.strip_prefix("///")).map(str::trim);
    let comments = comments.filter(|comment| !comment.is_empty());
    comments.collect::<Vec<_>>().join(" ").replace('|', "\\|").replace("[`", "`").replace("`]", "`")
}

/// `x` of `name = "x"` in an attribute.
fn argument<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = line.strip_prefix("#[serde(")?.split_once(&format!("{name} = \""))?;
    after.split('"').next()
}

fn cased(name: &str, case: &str) -> String {
    match case {
        "camelCase" if name.starts_with(char::is_uppercase) => {
            let mut letters = name.chars();
            letters.next().into_iter().flat_map(char::to_lowercase).chain(letters).collect()
        }
        "camelCase" => {
            let mut words = name.split('_');
            let first = words.next().unwrap_or_default().to_string();
            words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..])
        }
        "lowercase" => name.to_lowercase(),
        _ => name.to_string(),
    }
}

/// What a Rust type is in JSON. Types of this document are linked, others belong to Kubernetes or to a schema.
fn json_kind(kind: &str) -> String {
    let inside = |prefix: &str| kind.strip_prefix(prefix).and_then(|rest| rest.strip_suffix('>'));
    if let Some(inner) = inside("Option<") {
        return json_kind(inner);
    }
    if let Some(inner) = inside("Vec<") {
        return format!("list of {}", json_kind(inner));
    }
    match kind {
        "" => String::new(),
        "String" | "&'static str" => "text".into(),
        "bool" => "boolean".into(),
        "BTreeMap<String, String>" => "texts by name".into(),
        "u16" | "u32" | "u64" | "i32" | "i64" => "integer".into(),
        "Container" | "Volume" => format!("`{kind}` of Kubernetes"),
        "ExecutionSettings" => "as `spec.opGeth` of the nodes' CustomResourceDefinition".into(),
        own if TYPES.iter().any(|(_, names)| names.contains(&own)) => format!("[{own}](#{})", own.to_lowercase()),
        other => format!("`{other}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = r#"
/// What is asked.
///
/// See [`Other`].
#[derive(Clone)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// Who.
    pub node_name: String,
    /// Why a | b.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more_args: Vec<String>,
    #[serde(rename = "type")]
    pub kind: Option<Port>,
    hidden: u8,
}

/// Where from.
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// Of a file.
    FromFile(String),
}
"#;

    fn member(name: &str, kind: &str, is_optional: bool, about: &str) -> Member {
        Member { name: name.into(), kind: kind.into(), is_optional, about: about.into() }
    }

    #[test]
    fn types_are_read_with_their_comments() {
        let question = Type::find(SOURCE, "Question").expect("it is there");
        assert_eq!(question.about, "What is asked. See `Other`.");
        let expected = [
            member("nodeName", "text", false, "Who."),
            member("moreArgs", "list of text", true, "Why a \\| b."),
            member("type", "`Port`", true, ""),
        ];
        assert_eq!(question.members, expected);
        let source = Type::find(SOURCE, "Source").expect("it is there");
        assert_eq!(source.members, [member("fromFile", "text", false, "Of a file.")]);
        assert_eq!(Type::find(SOURCE, "Nothing"), None);
    }
}
