//! Each rule by the smallest object that breaks it.

use super::*;
use serde_json::json;

fn definition() -> Value {
    json!({"spec": {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": {
        "type": "object", "required": ["spec"],
        "x-kubernetes-validations": [{"rule": "!self.metadata.name.contains('--')", "message": "no dashes"}],
        "properties": {"spec": {
            "type": "object", "required": ["name"],
            "x-kubernetes-validations": [
                {"rule": "has(self.a) != has(self.b)", "message": "one of a and b"},
                {"rule": "self.name == oldSelf.name", "message": "it stays"},
                {"rule": "!has(self.count) || self.count <= 3", "fieldPath": ".count"},
            ],
            "properties": {
                "name": {"type": "string", "pattern": "^[a-z]+$", "minLength": 2, "maxLength": 4},
                "a": {"type": "string", "default": "a"}, "b": {"type": "string", "nullable": true},
                "count": {"type": "integer", "minimum": 1, "maximum": 9},
                "port": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]},
                "level": {"enum": ["low", "high"], "type": "string"},
                "inner": {"type": "object", "properties": {"x": {"type": "boolean", "default": true}}},
                "list": {"type": "array", "maxItems": 2, "items": {"type": "object", "properties": {"k": {"type": "string"}}},
                    "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"]},
                "url": {"type": "string", "pattern": r"^http://\S+$"},
                "any": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        }},
    }}}]}})
}

fn stored(spec: Value) -> (Value, Vec<String>) {
    let definition = definition();
    let schema = Schema::of(&definition, "v1").unwrap().unwrap();
    let mut object = json!({"apiVersion": "g/v1", "kind": "K", "metadata": {"name": "n"}, "spec": spec});
    schema.complete(&mut object);
    let refusals = schema.refusals(&object);
    let told = |refusal: &Refusal| format!("{}: {}", refusal.path, refusal.message);
    (object["spec"].clone(), refusals.iter().map(told).collect())
}

#[test]
fn what_is_left_out_gets_its_default() {
    let (spec, refusals) = stored(json!({"name": "abc", "a": null, "inner": {"x": null}, "count": null}));
    assert_eq!(spec, json!({"name": "abc", "a": "a", "inner": {"x": true}}));
    assert_eq!(refusals, [""; 0]);
    let (spec, _) = stored(json!({"name": "abc", "b": null, "any": {"x": null}}));
    assert_eq!((&spec["b"], &spec["any"]), (&Value::Null, &json!({"x": null})), "it may be null");
    assert!(spec.as_object().unwrap().contains_key("b"));
}

#[test]
fn what_a_schema_does_not_allow_is_refused_by_its_path() {
    let with = |more: Value| {
        let mut spec = json!({"name": "abc"});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        stored(spec).1
    };
    for (more, told) in [
        (json!({"name": "ABC"}), r#"spec.name: "ABC" does not match"#),
        (json!({"name": "a"}), r#"spec.name: "a" is shorter than 2"#),
        (json!({"name": "abcde"}), r#"spec.name: "abcde" is longer than 4"#),
        (json!({"name": 7}), "spec.name: 7 is not of type"),
        (json!({"count": 0}), "spec.count: 0 is less than"),
        (json!({"count": 10}), "spec.count: 10 is greater than"),
        (json!({"count": "2"}), r#"spec.count: "2" is not of type"#),
        (json!({"count": 5}), "spec.count: the rule !has(self.count) || self.count <= 3 does not hold"),
        (json!({"port": true}), "spec.port: true is not"),
        (json!({"port": u64::MAX}), "spec.port: 18446744073709551615 is greater than"),
        (json!({"url": "http://a b"}), "spec.url: its value does not match"),
        (json!({"level": "mid"}), r#"spec.level: "mid" is not one of"#),
        (json!({"inner": {"y": 1}}), "spec.inner: Additional properties are not allowed ('y'"),
        (json!({"list": [{}, {}, {}]}), "spec.list: [{},{},{}] has more than 2 items"),
        (json!({"list": [{"k": "v"}, {"k": "v"}]}), r#"spec.list: k "v" is there twice"#),
        (json!({"labels": {"l": 1}}), "spec.labels.l: 1 is not of type"),
        (json!({"b": "b"}), "spec: one of a and b"),
    ] {
        let refusals = with(more.clone());
        assert!(refusals.iter().any(|refusal| refusal.starts_with(told)), "{more}: {refusals:?}");
    }
    assert_eq!(stored(json!({})).1, [r#"spec: "name" is a required property"#]);
    for more in [
        json!({"port": "http"}),
        json!({"port": 80}),
        json!({"url": "http://\u{feff}"}),
        json!({"any": {"x": [1]}}),
        json!({"labels": {"l": "v"}}),
    ] {
        assert_eq!(with(more.clone()), [""; 0], "{more}");
    }
}

#[test]
fn rules_of_the_whole_object_see_its_name() {
    let definition = definition();
    let schema = Schema::of(&definition, "v1").unwrap().unwrap();
    let object = json!({"metadata": {"name": "a--b"}, "spec": {"name": "abc", "a": "a"}});
    let refusal = Refusal { path: String::new(), message: "no dashes".into() };
    assert_eq!(schema.refusals(&object), [refusal]);
    assert!(Schema::of(&definition, "v2").unwrap().is_none());
}
