//! The contract may grow and must not break: today's `wit/` is held against the frozen copy of its version.
//!
//! A plugin built against the frozen contract works with a host built against today's if every type it uses is the same, every
//! function it imports is still there with the same signature, and nothing more is asked of it to export.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use wit_parser::{Function, Resolve, SourceMap, Type, TypeDefKind, WorldItem};

/// What of a contract a plugin relies on: each fact by its name.
#[derive(Debug, Default, PartialEq)]
struct Facts {
    /// Types and functions of all interfaces, and imports of worlds.
    shared: BTreeMap<String, String>,
    /// Exports of worlds, and the functions of exported interfaces.
    demanded: BTreeSet<String>,
}

/// What a change from one contract to another would break.
fn breaks(frozen: &Facts, today: &Facts) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, fact) in &frozen.shared {
        match today.shared.get(name) {
            Some(same) if same == fact => {}
            Some(other) => broken.push(format!("{name} was `{fact}` and is `{other}`")),
            None => broken.push(format!("{name} is gone")),
        }
    }
    let more = today.demanded.difference(&frozen.demanded).map(|name| format!("plugins must now export {name}"));
    let fewer = frozen.demanded.difference(&today.demanded).map(|name| format!("{name} is no longer called"));
    broken.extend(more.chain(fewer));
    broken
}

fn facts(files: &BTreeMap<String, String>) -> Facts {
    let mut sources = SourceMap::new();
    files.iter().for_each(|(name, text)| sources.push_str(name, text.as_str()));
    let group = sources.parse().map_err(|(_, error)| error).expect("the contract parses");
    let mut resolve = Resolve::new();
    resolve.push_group(group).expect("the contract resolves");
    let mut facts = Facts::default();
    for (_, interface) in &resolve.interfaces {
        let owner = interface.name.clone().unwrap_or_default();
        for (name, id) in &interface.types {
            facts.shared.insert(format!("type {owner}.{name}"), kind(&resolve, &resolve.types[*id].kind));
        }
        for (name, function) in &interface.functions {
            facts.shared.insert(format!("function {owner}.{name}"), signature(&resolve, function));
        }
    }
    for (_, world) in &resolve.worlds {
        for item in world.imports.values() {
            facts.shared.insert(format!("world {} imports {}", world.name, item_name(&resolve, item)), String::new());
        }
        for item in world.exports.values() {
            let name = item_name(&resolve, item);
            facts.demanded.insert(format!("{} {name}", world.name));
            if let WorldItem::Interface { id, .. } = item {
                let functions = resolve.interfaces[*id].functions.keys();
                facts.demanded.extend(functions.map(|function| format!("{} {name}.{function}", world.name)));
            }
        }
    }
    facts
}

fn item_name(resolve: &Resolve, item: &WorldItem) -> String {
    match item {
        WorldItem::Interface { id, .. } => resolve.interfaces[*id].name.clone().unwrap_or_default(),
        WorldItem::Function(function) => signature(resolve, function),
        WorldItem::Type { .. } => "a type".into(),
    }
}

fn signature(resolve: &Resolve, function: &Function) -> String {
    let params: Vec<_> = function.params.iter().map(|p| format!("{}: {}", p.name, ty(resolve, &p.ty))).collect();
    let result = function.result.as_ref().map(|result| ty(resolve, result)).unwrap_or_default();
    format!("({}) -> {result}", params.join(", "))
}

fn ty(resolve: &Resolve, ty: &Type) -> String {
    match ty {
        Type::Id(id) => {
            let definition = &resolve.types[*id];
            definition.name.clone().unwrap_or_else(|| kind(resolve, &definition.kind))
        }
        plain => format!("{plain:?}").to_lowercase(),
    }
}

fn kind(resolve: &Resolve, definition: &TypeDefKind) -> String {
    let optional = |inner: &Option<Type>| inner.as_ref().map_or("_".into(), |inner| ty(resolve, inner));
    match definition {
        TypeDefKind::Record(record) => {
            let fields: Vec<_> = record.fields.iter().map(|f| format!("{}: {}", f.name, ty(resolve, &f.ty))).collect();
            format!("record {{ {} }}", fields.join(", "))
        }
        TypeDefKind::Variant(variant) => {
            let cases: Vec<_> = variant.cases.iter().map(|c| format!("{}({})", c.name, optional(&c.ty))).collect();
            format!("variant {{ {} }}", cases.join(", "))
        }
        TypeDefKind::Enum(cases) => {
            let cases: Vec<_> = cases.cases.iter().map(|case| case.name.as_str()).collect();
            format!("enum {{ {} }}", cases.join(", "))
        }
        TypeDefKind::Tuple(tuple) => {
            format!("tuple<{}>", tuple.types.iter().map(|inner| ty(resolve, inner)).collect::<Vec<_>>().join(", "))
        }
        TypeDefKind::Option(inner) => format!("option<{}>", ty(resolve, inner)),
        TypeDefKind::List(inner) => format!("list<{}>", ty(resolve, inner)),
        TypeDefKind::Result(result) => format!("result<{}, {}>", optional(&result.ok), optional(&result.err)),
        TypeDefKind::Type(inner) => ty(resolve, inner),
        other => panic!("the contract uses a {}; teach this test about it", other.as_str()),
    }
}

fn read(dir: &str) -> BTreeMap<String, String> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(dir);
    let entries = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    entries
        .map(|path| (path.file_name().unwrap().to_string_lossy().into(), std::fs::read_to_string(path).unwrap()))
        .collect()
}

fn changed(file: &str, from: &str, to: &str) -> Facts {
    let mut files = read("wit/frozen/since-0.1");
    let text = files.get_mut(file).unwrap();
    assert!(text.contains(from), "{file} has no {from:?}");
    *text = text.replacen(from, to, 1);
    facts(&files)
}

#[test]
fn todays_contract_does_not_break_plugins_built_for_its_version() {
    let broken = breaks(&facts(&read("wit/frozen/since-0.1")), &facts(&read("wit")));
    let mend = "undo this, or make it a new version of the package and keep this one in wit/frozen with an adapter";
    assert!(broken.is_empty(), "{}\n{mend}", broken.join("\n"));
}

#[test]
fn breaking_edits_are_noticed() {
    let frozen = facts(&read("wit/frozen/since-0.1"));
    let edits = [
        ("types.wit", "        name: string,\n        key: string,", "        name: string,\n        entry: string,"),
        ("types.wit", "        other(string),", "        other(string),\n        again,"),
        ("types.wit", "enum condition-status { yes, no, unknown }", "enum condition-status { yes, no }"),
        ("workload.wit", "        host-image: string,", "        host-image: string,\n        more: u32,"),
        ("workload.wit", "    describe: func() -> manifest;", "    describe: func() -> manifest;\n    again: func();"),
        ("workload.wit", "    finalize: func(input: request) -> result<finalized, failure>;", ""),
        (
            "cluster.wit",
            "    get: func(object: object-ref) -> option<json>;",
            "    get: func(object: object-ref) -> json;",
        ),
        ("world.wit", "    export workload;", "    export workload;\n    export cluster;"),
        ("world.wit", "    import execution-clients;\n", ""),
    ];
    for (file, from, to) in edits {
        let broken = breaks(&frozen, &changed(file, from, to));
        assert!(!broken.is_empty(), "{file}: replacing {from:?} by {to:?} went unnoticed");
    }
}

#[test]
fn growth_is_allowed() {
    let frozen = facts(&read("wit/frozen/since-0.1"));
    let get = "    get: func(object: object-ref) -> option<json>;";
    let import = "    import log;\n    export workload;";
    let edits = [
        ("cluster.wit", get, format!("{get}\n    count: func(kind: kind-ref) -> u32;")),
        ("cluster.wit", "interface cluster {", "interface more { again: func(); }\ninterface cluster {".into()),
        ("world.wit", import, import.replace("log;", "log;\n    import clock: interface { now: func() -> u64; }")),
    ];
    for (file, from, to) in edits {
        let grown = changed(file, from, &to);
        assert_eq!(breaks(&frozen, &grown), Vec::<String>::new());
        assert_ne!(frozen, grown, "{file}: {to}");
    }
}
