//! What there is, for people: networks, nodes, whatever plugins serve, who is a part of what and who reads from whom.
//!
//! Pure: from objects to a [`View`], and from that to a table, a tree or JSON. What is shown of a kind its plugin says
//! (see [`declared`]); nothing here knows any kind. Only columns, conditions and names get into a view.

mod cell;
pub mod declared;
mod paint;
mod parts;
mod path;
mod standing;
mod table;
#[cfg(test)]
mod tests;
mod tree;

pub use cell::since;
pub use paint::Paint;
pub use parts::{Part, PartView};
pub use standing::{Condition, Standing, Tone};
pub use table::table;
pub use tree::tree;

use jiff::Timestamp;
use opstack_core::ids::{GroupKind, ObjectKey};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

use declared::{Column, Declared, Link};
use parts::Parts;

/// All that is looked at, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// When.
    pub now: Timestamp,
    /// Why it may be old or have holes.
    pub warnings: Vec<String>,
    /// The `Plugin` objects.
    pub plugins: Vec<Value>,
    /// The kinds that plugins serve.
    pub kinds: Vec<Declared>,
    /// The objects of these kinds.
    pub objects: Vec<(GroupKind, Value)>,
    /// What was made of them.
    pub parts: Vec<Part>,
}

/// What there is.
#[derive(Clone, Debug, Serialize)]
pub struct View {
    /// When it was looked at.
    pub taken: String,
    /// Why it may be old or have holes.
    pub warnings: Vec<String>,
    /// The plugins.
    pub plugins: Vec<PluginView>,
    /// The kinds: first those that others are parts of, then those that others read from.
    pub kinds: Vec<KindView>,
}

/// A plugin.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginView {
    /// Its name.
    pub name: String,
    /// Workload or execution client.
    pub role: String,
    /// The kind, or the client.
    pub serves: String,
    /// Its version.
    pub version: String,
    /// Digest of its component.
    pub digest: String,
    /// Where it stands.
    pub standing: Standing,
}

/// A kind and its objects.
#[derive(Clone, Debug, Serialize)]
pub struct KindView {
    /// `Kind.group`.
    pub kind: String,
    /// Headings.
    pub columns: Vec<Heading>,
    /// By namespace and name.
    pub objects: Vec<ObjectView>,
    /// Names by which a user may mean the kind.
    #[serde(skip)]
    names: Vec<String>,
}

/// A heading.
#[derive(Clone, Debug, Serialize)]
pub struct Heading {
    /// Its text.
    pub name: String,
    /// Shown where there is room for more.
    pub wide: bool,
    /// Whether the values are blocks up to which a chain is known.
    pub head: bool,
}

/// An object.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectView {
    /// `Kind.group/namespace/name`.
    pub key: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub standing: Standing,
    /// A value for each heading; nothing where nobody has measured it.
    pub cells: Vec<Option<String>>,
    /// Its conditions.
    pub conditions: Vec<Condition>,
    /// Why its status is not about its present spec; empty if it is.
    pub outdated: String,
    /// The object that it is a part of, where that is there.
    pub belongs_to: Option<String>,
    /// The objects that it reads from.
    pub fed_by: Vec<Source>,
    /// What was made of it.
    pub parts: Vec<PartView>,
}

/// An object that another reads from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Source {
    /// `Kind.group/namespace/name`.
    pub key: String,
    /// Whether it is among those that are shown.
    pub shown: bool,
}

impl Snapshot {
    /// From objects to what people see of them.
    pub fn view(&self) -> View {
        let known: BTreeSet<_> = self.objects.iter().map(|(kind, object)| key(kind, object)).collect();
        let parts = Parts::of(&self.parts);
        let mut kinds: Vec<_> = self.kinds.iter().collect();
        let feeds =
            |kind: &GroupKind| self.kinds.iter().any(|other| other.links.fed_by.iter().any(|link| link.kind == *kind));
        kinds.sort_by_key(|declared| {
            (declared.links.belongs_to.is_some(), !feeds(&declared.kind), declared.kind.clone())
        });
        View {
            taken: self.now.to_string(),
            warnings: self.warnings.clone(),
            plugins: self.plugins.iter().map(plugin).collect(),
            kinds: kinds.into_iter().map(|declared| self.kind(declared, &known, &parts)).collect(),
        }
    }

    fn kind(&self, declared: &Declared, known: &BTreeSet<ObjectKey>, parts: &Parts<'_>) -> KindView {
        let objects = self.objects.iter().filter(|(kind, _)| *kind == declared.kind);
        let mut objects: Vec<_> = objects.map(|(_, object)| self.object(declared, object, known, parts)).collect();
        objects.sort_by(|one, other| (&one.namespace, &one.name).cmp(&(&other.namespace, &other.name)));
        let heading = |column: &Column| Heading { name: column.name.clone(), wide: column.wide, head: column.head };
        KindView {
            kind: declared.kind.to_string(),
            columns: declared.columns.iter().map(heading).collect(),
            objects,
            names: declared.names.clone(),
        }
    }

    fn object(
        &self,
        declared: &Declared,
        object: &Value,
        known: &BTreeSet<ObjectKey>,
        parts: &Parts<'_>,
    ) -> ObjectView {
        let me = key(&declared.kind, object);
        let conditions = standing::conditions(object);
        let standing = Standing::of(object, &conditions);
        let outdated = outdated(object);
        let links = &declared.links;
        let owners = links.belongs_to.iter().flat_map(|link| named(link, object, &me));
        let sources: BTreeSet<_> = links.fed_by.iter().flat_map(|link| named(link, object, &me)).collect();
        ObjectView {
            key: me.to_string(),
            namespace: me.namespace.to_string(),
            name: me.name.to_string(),
            standing: if outdated.is_empty() { standing } else { standing.outdated() },
            cells: declared.columns.iter().map(|column| cell::cell(column, object, self.now)).collect(),
            conditions,
            outdated,
            belongs_to: owners.into_iter().find(|owner| known.contains(owner)).map(|owner| owner.to_string()),
            fed_by: sources.iter().map(|key| Source { key: key.to_string(), shown: known.contains(key) }).collect(),
            parts: parts.made_of(&me, object["metadata"]["uid"].as_str().unwrap_or_default()),
        }
    }
}

impl View {
    /// All objects.
    pub fn objects(&self) -> impl Iterator<Item = &ObjectView> {
        self.kinds.iter().flat_map(|kind| &kind.objects)
    }

    /// The objects that a user means by `KIND/NAME`.
    ///
    /// # Errors
    /// Says what is wrong, or what there is.
    pub fn meant<'a>(&'a self, text: &str) -> Result<Vec<&'a ObjectView>, String> {
        let Some((kind, name)) = text.split_once('/') else {
            return Err(format!("{text:?} names no object; write KIND/NAME"));
        };
        let wanted = kind.to_lowercase();
        let Some(kind) = self.kinds.iter().find(|known| known.names.contains(&wanted)) else {
            let known: Vec<_> = self.kinds.iter().map(|kind| kind.kind.as_str()).collect();
            return Err(format!("no plugin serves the kind {kind:?}; there are {}", known.join(", ")));
        };
        let found: Vec<_> = kind.objects.iter().filter(|object| object.name == name).collect();
        if found.is_empty() {
            Err(format!("there is no {} {name:?} here; --namespace or --all-namespaces says where to look", kind.kind))
        } else {
            Ok(found)
        }
    }

    /// The objects by what they are a part of; under the empty text those that are a part of nothing that is shown.
    fn members(&self) -> BTreeMap<&str, Vec<(&KindView, &ObjectView)>> {
        let mut members = BTreeMap::<_, Vec<_>>::new();
        for kind in &self.kinds {
            for object in &kind.objects {
                members.entry(object.belongs_to.as_deref().unwrap_or_default()).or_default().push((kind, object));
            }
        }
        members
    }
}

fn key(kind: &GroupKind, object: &Value) -> ObjectKey {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
    ObjectKey::new(kind.clone(), text("namespace"), text("name"))
}

/// The objects that are named at a path: by a reference, or by a text `name` or `namespace/name`.
fn named(link: &Link, object: &Value, me: &ObjectKey) -> Vec<ObjectKey> {
    let place = |value: &Value| -> Option<ObjectKey> {
        let (namespace, name) = match value {
            Value::String(text) => {
                text.split_once('/').map_or((None, text.as_str()), |(space, name)| (Some(space), name))
            }
            reference => (reference["namespace"].as_str(), reference["name"].as_str()?),
        };
        let namespace = namespace.filter(|namespace| !namespace.is_empty()).unwrap_or(&me.namespace);
        (!name.is_empty()).then(|| ObjectKey::new(link.kind.clone(), namespace, name))
    };
    link.path.find(object).into_iter().filter_map(place).filter(|named| named != me).collect()
}

fn outdated(object: &Value) -> String {
    let (seen, wanted) = (object["status"]["observedGeneration"].as_i64(), object["metadata"]["generation"].as_i64());
    match (seen, wanted) {
        (Some(seen), Some(wanted)) if seen < wanted => {
            format!("the status is about generation {seen} of the spec, which is at {wanted}")
        }
        (None, Some(_)) => "nobody has written a status yet".into(),
        _ => String::new(),
    }
}

fn plugin(object: &Value) -> PluginView {
    let text = |field: &str| object["status"][field].as_str().unwrap_or_default().to_string();
    PluginView {
        name: object["metadata"]["name"].as_str().unwrap_or_default().into(),
        role: text("role"),
        serves: text("serves"),
        version: text("version"),
        digest: text("digest"),
        standing: Standing::of(object, &standing::conditions(object)),
    }
}
