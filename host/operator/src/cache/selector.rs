//! Selectors of lists (`a=b,c!=d,e,.spec.nodeType=x`), and what of an object they are compared with.

use serde_json::Value;

/// Names and values that selectors compare, in one text: there are many, and most are short. Each pair stands between two
/// NULs with [`IS`] in its middle, so that a pair or a name is found as a part of the text.
#[derive(Clone, Debug, Default)]
pub struct Selectable(Box<str>);

const IS: char = '\u{1}';

impl Selectable {
    /// Labels, and string fields of the spec at most two names deep.
    pub fn of(object: &Value) -> Self {
        let mut text = String::from("\0");
        let mut add = |path: &str, name: &str, value: &Value| {
            let Some(value) = value.as_str().filter(|value| !name.contains(['\0', IS]) && !value.contains('\0')) else {
                return;
            };
            text.extend([path, name]);
            text.push(IS);
            text.extend([value, "\0"]);
        };
        each(&object["metadata"]["labels"], |name, value| add("", name, value));
        each(&object["spec"], |name, value| {
            add(".spec.", name, value);
            each(value, |inner, value| add(&format!(".spec.{name}."), inner, value));
        });
        Self(text.into())
    }
}

fn each(object: &Value, mut with: impl FnMut(&str, &Value)) {
    object.as_object().into_iter().flatten().for_each(|(name, value)| with(name, value));
}

enum Term {
    /// It has this in it.
    Has(String),
    /// It has not.
    Lacks(String),
}

/// A selector, read once for all objects that it is compared with.
pub struct Selector(Vec<Term>);

impl Selector {
    /// Reads one. Empty terms say nothing.
    pub fn parse(text: &str) -> Self {
        let pair = |name: &str, value: &str| format!("\0{}{IS}{}\0", name.trim(), value.trim());
        let terms = text.split(',').map(str::trim).filter(|term| !term.is_empty()).map(|term| {
            if let Some((name, value)) = term.split_once("!=") {
                Term::Lacks(pair(name, value))
            } else if let Some((name, value)) = term.split_once('=') {
                Term::Has(pair(name, value.trim_start_matches('=')))
            } else {
                Term::Has(format!("\0{term}{IS}"))
            }
        });
        Self(terms.collect())
    }

    /// Whether all terms hold. Of an object of which nothing is kept, only those that want something absent do.
    pub fn selects(&self, object: Option<&Selectable>) -> bool {
        let has = |part: &str| object.is_some_and(|object| object.0.contains(part));
        self.0.iter().all(|term| match term {
            Term::Has(part) => has(part),
            Term::Lacks(part) => !has(part),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn terms_are_compared_with_labels_and_fields() {
        let object = json!({
            "metadata": {"labels": {"app": "op-node", "b": "c"}},
            "spec": {"nodeType": "replica", "ref": {"name": "net", "deeper": {"x": "y"}}, "list": ["a"]},
        });
        let object = Selectable::of(&object);
        for (selector, expected) in [
            ("", true),
            ("app=op-node", true),
            ("app == op-node , b", true),
            ("app", true),
            ("ap", false),
            ("app=op", false),
            ("op-node", false),
            ("app!=reth", true),
            ("app!=op-node", false),
            ("absent!=x", true),
            (".spec.nodeType=replica,.spec.ref.name=net", true),
            (".spec.ref.deeper.x=y", false),
            (".spec.nodeType=sequencer", false),
        ] {
            assert_eq!(Selector::parse(selector).selects(Some(&object)), expected, "{selector}");
        }
        assert!(!Selector::parse("app").selects(None));
        assert!(Selector::parse("app!=x").selects(None));
    }
}
