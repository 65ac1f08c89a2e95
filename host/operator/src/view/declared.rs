//! What the CustomResourceDefinition of a plugin tells of its kind to those who look at its objects: columns, and by
//! annotations who is a part of what and who reads from whom. The names of the annotations are in `docs/plugin-api.md`.

use opstack_core::ids::GroupKind;
use serde::Deserialize;
use serde_json::Value;

use super::path::Path;

/// All annotations of a plugin's CustomResourceDefinition that the host keeps begin so.
pub const PREFIX: &str = "view.optimism.io/";
const BELONGS_TO: &str = "view.optimism.io/belongs-to";
const FED_BY: &str = "view.optimism.io/fed-by";
const HEADS: &str = "view.optimism.io/heads";

/// A kind, as those see it who look at its objects.
#[derive(Clone, Debug)]
pub struct Declared {
    /// The kind.
    pub kind: GroupKind,
    /// Names by which a user may mean it, in lower case.
    pub names: Vec<String>,
    /// What is shown of each object.
    pub columns: Vec<Column>,
    /// Who is a part of what.
    pub links: Links,
}

/// A printer column.
#[derive(Clone, Debug)]
pub struct Column {
    /// Heading.
    pub name: String,
    /// Where the value is; nothing where the path is not understood.
    pub path: Option<Path>,
    /// Whether the value is a time, shown as an age.
    pub is_date: bool,
    /// Shown where there is room for more.
    pub wide: bool,
    /// Whether the value is a block up to which a chain is known.
    pub head: bool,
}

/// The annotations.
#[derive(Clone, Debug, Default)]
pub struct Links {
    /// The object that one of this kind is a part of.
    pub belongs_to: Option<Link>,
    /// The objects that one of this kind reads from.
    pub fed_by: Vec<Link>,
    /// Names of columns that are blocks up to which a chain is known.
    pub heads: Vec<String>,
}

/// Where objects are named.
#[derive(Clone, Debug)]
pub struct Link {
    /// Of this kind.
    pub kind: GroupKind,
    /// There.
    pub path: Path,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    kind: String,
    path: String,
}

impl Links {
    /// Reads the annotations of a CustomResourceDefinition.
    ///
    /// # Errors
    /// Names the annotation and what is wrong with it.
    pub fn parse(annotations: &Value) -> Result<Self, String> {
        let belongs_to = annotation::<Written>(annotations, BELONGS_TO)?;
        let fed_by = annotation::<Vec<Written>>(annotations, FED_BY)?.unwrap_or_default();
        Ok(Self {
            belongs_to: belongs_to.map(|written| link(BELONGS_TO, written)).transpose()?,
            fed_by: fed_by.into_iter().map(|written| link(FED_BY, written)).collect::<Result<_, _>>()?,
            heads: annotation(annotations, HEADS)?.unwrap_or_default(),
        })
    }
}

fn annotation<T: serde::de::DeserializeOwned>(annotations: &Value, name: &str) -> Result<Option<T>, String> {
    let Some(text) = annotations[name].as_str() else { return Ok(None) };
    serde_json::from_str(text)
        .map(Some)
        .map_err(|error| format!("annotation {name}: {text:?} is not as it should be: {error}"))
}

fn link(name: &str, written: Written) -> Result<Link, String> {
    let path = Path::parse(&written.path).map_err(|error| format!("annotation {name}: {error}"))?;
    let (kind, group) = written.kind.split_once('.').unwrap_or((&written.kind, ""));
    Ok(Link { kind: GroupKind::new(group, kind), path })
}

impl Declared {
    /// Reads a CustomResourceDefinition as the host installed it; nothing if it is none.
    pub fn of(crd: &Value) -> Option<Self> {
        let spec = &crd["spec"];
        let kind = GroupKind::new(spec["group"].as_str()?, spec["names"]["kind"].as_str()?);
        // Whatever was installed by other ways than ours is shown without its links.
        let links = Links::parse(&crd["metadata"]["annotations"]).unwrap_or_default();
        let versions = || spec["versions"].as_array().into_iter().flatten();
        let version = versions().find(|version| version["storage"] == true).or_else(|| versions().next())?;
        let columns = version["additionalPrinterColumns"].as_array().into_iter().flatten();
        let columns = columns.filter_map(|column| Column::of(column, &links)).collect();
        let names = [&spec["names"]["plural"], &spec["names"]["singular"], &spec["names"]["kind"]].into_iter();
        let names = names.chain(spec["names"]["shortNames"].as_array().into_iter().flatten());
        let mut names: Vec<_> = names.filter_map(|name| Some(name.as_str()?.to_lowercase())).collect();
        names.push(kind.to_string().to_lowercase());
        Some(Self { kind, names, columns, links })
    }
}

impl Column {
    fn of(column: &Value, links: &Links) -> Option<Self> {
        let name = column["name"].as_str()?;
        Some(Self {
            name: name.into(),
            path: Path::parse(column["jsonPath"].as_str()?).ok(),
            is_date: column["type"] == "date",
            wide: column["priority"].as_i64().unwrap_or(0) > 0,
            head: links.heads.iter().any(|head| head == name),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_annotation_that_is_not_understood_is_named() {
        for (name, text, why) in [
            (BELONGS_TO, "{", "annotation view.optimism.io/belongs-to: \"{\" is not as it should be"),
            (BELONGS_TO, r#"{"kind": "A.b"}"#, "missing field `path`"),
            (FED_BY, r#"[{"kind": "A.b", "path": "x"}]"#, "annotation view.optimism.io/fed-by: \"x\" is no JSON path"),
            (FED_BY, r#"[{"kind": "A.b", "path": ".x", "pth": 1}]"#, "unknown field `pth`"),
            (HEADS, r#""Unsafe""#, "annotation view.optimism.io/heads"),
        ] {
            let error = Links::parse(&json!({name: text})).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
