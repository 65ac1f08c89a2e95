//! `opstack status`: a table for each kind, and below them what is not well.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{KindView, ObjectView, Paint, PluginView, Standing, Tone, View};

/// What stands where nobody has measured anything.
const UNMEASURED: &str = "—";
/// Characters of a digest that tell components apart.
const DIGEST: usize = 19;

/// A cell, and the tone of its colour.
struct Cell(String, Option<Tone>);

impl Cell {
    fn plain(text: &str) -> Self {
        Self(text.into(), None)
    }
}

/// A view as tables; `wide` adds the columns that are for where there is room.
pub fn table(view: &View, wide: bool, paint: Paint) -> String {
    let mut text = String::new();
    for warning in &view.warnings {
        let _ = writeln!(text, "{}", paint.tone(Tone::Bad, &format!("! {warning}")));
    }
    text.push_str(&section("PLUGINS", plugins(&view.plugins), paint));
    let namespaces: BTreeSet<_> = view.objects().map(|object| object.namespace.as_str()).collect();
    for kind in view.kinds.iter().filter(|kind| !kind.objects.is_empty()) {
        let (title, rows) = match namespaces.first().filter(|_| namespaces.len() == 1) {
            Some(only) => (format!("{} in {only}", kind.kind), objects(kind, wide, false)),
            None => (kind.kind.clone(), objects(kind, wide, true)),
        };
        text.push_str(&section(&title, rows, paint));
    }
    let trouble: Vec<_> = view.objects().filter_map(|object| trouble(object, paint)).collect();
    if view.objects().next().is_none() {
        text.push_str("\nno object of a kind that a plugin serves\n");
    }
    if !trouble.is_empty() {
        let _ = write!(text, "\n{}\n{}", paint.heading("NOT READY"), trouble.concat());
    }
    if text.contains(UNMEASURED) {
        let _ = writeln!(text, "\n{}", paint.faint(&format!("{UNMEASURED} not measured, or not said")));
    }
    text.trim_start_matches('\n').into()
}

fn section(title: &str, rows: Vec<Vec<Cell>>, paint: Paint) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width =
        |column: usize| rows.iter().filter_map(|row| Some(row.get(column)?.0.chars().count())).max().unwrap_or(0);
    let widths: Vec<_> = (0..columns).map(width).collect();
    let mut text = format!("\n{}\n", paint.heading(title));
    for row in &rows {
        let mut line = String::new();
        for (Cell(cell, tone), width) in row.iter().zip(&widths) {
            let padding = " ".repeat(width.saturating_sub(cell.chars().count()) + 2);
            line.push_str(&tone.map_or_else(|| cell.clone(), |tone| paint.tone(tone, cell)));
            line.push_str(&padding);
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

fn headings<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<Cell> {
    names.into_iter().map(|name| Cell::plain(&name.to_uppercase())).collect()
}

fn state(standing: &Standing) -> Cell {
    let text = if standing.reason.is_empty() || standing.reason == standing.word {
        standing.word.into()
    } else {
        format!("{}: {}", standing.word, standing.reason)
    };
    Cell(text, Some(standing.tone))
}

fn plugins(plugins: &[PluginView]) -> Vec<Vec<Cell>> {
    let row = |plugin: &PluginView| {
        let digest = plugin.digest.get(..DIGEST).unwrap_or(&plugin.digest);
        let facts = [&plugin.name, &plugin.role, &plugin.serves, &plugin.version].into_iter().map(String::as_str);
        let cells = facts.chain([digest]).map(|fact| Cell::plain(if fact.is_empty() { UNMEASURED } else { fact }));
        cells.chain([state(&plugin.standing)]).collect()
    };
    let head = headings(["name", "role", "serves", "version", "digest", "state"]);
    [head].into_iter().chain(plugins.iter().map(row)).collect()
}

fn objects(kind: &KindView, wide: bool, namespace: bool) -> Vec<Vec<Cell>> {
    let shown = |index: &usize| kind.columns.get(*index).is_some_and(|column| wide || !column.wide);
    let indices: Vec<_> = (0..kind.columns.len()).filter(shown).collect();
    let names = indices.iter().filter_map(|index| Some(kind.columns.get(*index)?.name.as_str()));
    let row = |object: &ObjectView| {
        let cells = indices
            .iter()
            .map(|index| Cell::plain(object.cells.get(*index).and_then(Option::as_deref).unwrap_or(UNMEASURED)));
        let place = namespace.then(|| Cell::plain(&object.namespace));
        let own = [Cell::plain(&object.name), state(&object.standing)];
        place.into_iter().chain(own).chain(cells).collect()
    };
    let own = namespace.then_some("namespace").into_iter().chain(["name", "state"]);
    let head = headings(own.chain(names));
    [head].into_iter().chain(kind.objects.iter().map(row)).collect()
}

/// What is wrong with an object, for the end of the page.
fn trouble(object: &ObjectView, paint: Paint) -> Option<String> {
    if object.standing.tone == Tone::Good && object.outdated.is_empty() {
        return None;
    }
    let Cell(word, _) = state(&object.standing);
    let (kind, place) = object.key.split_once('/').unwrap_or(("", &object.key));
    let kind = kind.split('.').next().unwrap_or_default();
    let mut text = format!("{kind} {place}  {}\n", paint.tone(object.standing.tone, &word));
    for line in [&object.standing.message, &object.outdated].into_iter().filter(|line| !line.is_empty()) {
        let _ = writeln!(text, "    {line}");
    }
    Some(text)
}
