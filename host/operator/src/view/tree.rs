//! `opstack tree`: each object with its conditions, below it what was made of it and what is a part of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{KindView, ObjectView, Paint, PartView, Tone, View};

type Members<'a> = BTreeMap<&'a str, Vec<(&'a KindView, &'a ObjectView)>>;

/// What stands below an object.
enum Below<'a> {
    Part(&'a PartView),
    Member(&'a KindView, &'a ObjectView),
}

/// A view as a tree; of `only` these objects where some are given.
pub fn tree(view: &View, only: &[&ObjectView], paint: Paint) -> String {
    let members = view.members();
    let mut writer = Writer { paint, members: &members, text: String::new() };
    for warning in &view.warnings {
        writer.line("", &paint.tone(Tone::Bad, &format!("! {warning}")));
    }
    let all = view.kinds.iter().flat_map(|kind| kind.objects.iter().map(move |object| (kind, object)));
    let roots = all.filter(|(_, object)| match only {
        [] => object.belongs_to.is_none(),
        only => only.iter().any(|wanted| wanted.key == object.key),
    });
    for (kind, object) in roots {
        writer.text.push_str(if writer.text.is_empty() { "" } else { "\n" });
        writer.object(kind, object, "", "");
    }
    if only.is_empty() {
        let ready = view.objects().filter(|object| object.standing.tone == Tone::Good).count();
        let parts = view.objects().map(|object| count(&object.parts)).sum::<usize>();
        let summary = format!(
            "\n{} plugins, {} custom resources ({ready} ready), {parts} objects made of them",
            view.plugins.len(),
            view.objects().count(),
        );
        writer.line("", &paint.faint(&summary));
    }
    writer.text.trim_start_matches('\n').into()
}

fn count(parts: &[PartView]) -> usize {
    parts.iter().map(|part| 1 + count(&part.parts)).sum()
}

struct Writer<'a> {
    paint: Paint,
    members: &'a Members<'a>,
    text: String,
}

impl Writer<'_> {
    fn line(&mut self, indent: &str, text: &str) {
        let _ = writeln!(self.text, "{}", format!("{indent}{text}").trim_end());
    }

    /// An object on a line that begins with `first`, and all that belongs to it on lines that begin with `indent`.
    fn object(&mut self, kind: &KindView, object: &ObjectView, first: &str, indent: &str) {
        let parts = object.parts.iter().map(Below::Part);
        let members = self.members.get(object.key.as_str()).into_iter().flatten();
        let below: Vec<_> = parts.chain(members.map(|(kind, object)| Below::Member(kind, object))).collect();
        let (name, _) = kind.kind.split_once('.').unwrap_or((&kind.kind, ""));
        let title = self.paint.heading(&format!("{name} {}/{}", object.namespace, object.name));
        let word = self.paint.tone(object.standing.tone, object.standing.word);
        self.line(first, &format!("{title}: {word}"));
        let bar = if below.is_empty() { format!("{indent}   ") } else { format!("{indent}│  ") };
        let facts = facts(kind, object);
        if !facts.is_empty() {
            self.line(&bar, &facts);
        }
        self.about(object, &bar);
        for (index, child) in below.iter().enumerate() {
            let (branch, more) = branch(index + 1 == below.len());
            let (first, indent) = (format!("{indent}{branch} "), format!("{indent}{more}"));
            match child {
                Below::Part(part) => self.part(part, &first, &indent),
                Below::Member(kind, object) => self.object(kind, object, &first, &indent),
            }
        }
    }

    /// Conditions, and whom it reads from.
    fn about(&mut self, object: &ObjectView, bar: &str) {
        if !object.outdated.is_empty() {
            self.line(bar, &self.paint.tone(Tone::Bad, &format!("! {}", object.outdated)));
        }
        for condition in &object.conditions {
            let tone = match (condition.name.as_str(), condition.status.as_str()) {
                ("Ready", "True") => Tone::Good,
                ("Ready", "False") | ("Stalled", "True") => object.standing.tone,
                (_, "Unknown") => Tone::Unknown,
                _ => {
                    let text = self.paint.faint(&told(condition));
                    self.line(bar, &text);
                    continue;
                }
            };
            let text = self.paint.tone(tone, &told(condition));
            self.line(bar, &text);
        }
        for source in &object.fed_by {
            let place = source.key.split_once('/').map_or(source.key.as_str(), |(_, place)| place);
            let kind = source.key.split(['.', '/']).next().unwrap_or_default();
            let note = if source.shown { "" } else { " (not shown here)" };
            self.line(bar, &format!("← {kind} {place}{note}"));
        }
    }

    fn part(&mut self, part: &PartView, first: &str, indent: &str) {
        let why =
            if part.why.is_empty() { String::new() } else { format!(": {}", self.paint.tone(part.tone, &part.why)) };
        self.line(first, &format!("{} {}{why}", part.kind, part.name));
        for (index, child) in part.parts.iter().enumerate() {
            let (branch, more) = branch(index + 1 == part.parts.len());
            self.part(child, &format!("{indent}{branch} "), &format!("{indent}{more}"));
        }
    }
}

fn branch(is_last: bool) -> (&'static str, &'static str) {
    if is_last { ("└─", "   ") } else { ("├─", "│  ") }
}

/// What was measured, as `Client reth, Peers 3`.
fn facts(kind: &KindView, object: &ObjectView) -> String {
    let told = kind.columns.iter().zip(&object.cells).filter(|(heading, _)| !heading.wide);
    let told = told.filter_map(|(heading, cell)| Some(format!("{} {}", heading.name, cell.as_ref()?)));
    told.collect::<Vec<_>>().join(", ")
}

fn told(condition: &super::Condition) -> String {
    let line = format!("{}={} {}", condition.name, condition.status, condition.reason);
    if condition.message.is_empty() { line } else { format!("{line}: {}", condition.message) }
}
