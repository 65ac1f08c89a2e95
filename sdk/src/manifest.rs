//! What a plugin says of itself.

use crate::answer::KindRef;
use crate::crd;
use crate::wire::workload;
use crate::workload::Workload;

/// Names of the kind that a plugin serves. All kinds are namespaced.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// API group, e.g. `optimism.io`.
    pub group: &'static str,
    /// API version, e.g. `v1alpha1`.
    pub version: &'static str,
    /// CamelCase.
    pub kind: &'static str,
    /// Lower case, as in URLs.
    pub plural: &'static str,
    /// For `kubectl get`.
    pub short_names: &'static [&'static str],
}

impl Kind {
    /// The reference of this kind.
    pub fn to_ref(self) -> KindRef {
        KindRef { group: self.group.into(), version: self.version.into(), kind: self.kind.into() }
    }

    /// Objects of this kind, as they are named at a path.
    pub const fn at(self, path: &'static str) -> Link {
        Link { kind: self, path }
    }
}

/// A column of `kubectl get`, of `opstack status` and of the operator's page.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Heading.
    pub name: &'static str,
    /// `string`, `integer`, `boolean`, `number` or `date`. A date is shown as how long ago it was.
    pub kind: &'static str,
    /// JSON path, e.g. `.status.phase`.
    pub path: &'static str,
    /// Shown by `-o wide` alone.
    pub wide: bool,
    /// Whether it is the number of a block up to which a chain is known, which the page draws as a bar.
    pub head: bool,
}

impl Column {
    /// A column of a type.
    pub const fn new(kind: &'static str, name: &'static str, path: &'static str) -> Self {
        Self { name, kind, path, wide: false, head: false }
    }

    /// Text.
    pub const fn text(name: &'static str, path: &'static str) -> Self {
        Self::new("string", name, path)
    }

    /// A whole number.
    pub const fn integer(name: &'static str, path: &'static str) -> Self {
        Self::new("integer", name, path)
    }

    /// A time, shown as how long ago it was.
    pub const fn date(name: &'static str, path: &'static str) -> Self {
        Self::new("date", name, path)
    }

    /// The number of a block up to which a chain is known.
    pub const fn head(name: &'static str, path: &'static str) -> Self {
        Self { head: true, ..Self::integer(name, path) }
    }

    /// The same column, shown by `-o wide` alone.
    #[must_use]
    pub const fn wide(self) -> Self {
        Self { wide: true, ..self }
    }
}

/// Where an object names others: see `view.optimism.io/belongs-to` and `fed-by` of the contract.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// Kind of the objects that are named.
    pub kind: Kind,
    /// JSON path of a reference (an object with `name` and perhaps `namespace`), or of a text `name` or `namespace/name`.
    pub path: &'static str,
}

/// Fields that a plugin applies to objects that are somebody else's.
#[derive(Clone, Debug)]
pub struct Patches {
    /// Kind of the objects.
    pub kind: KindRef,
    /// Paths from the root of the object, each with all that is below it: `metadata.labels['example.org/name']`.
    pub fields: Vec<String>,
}

/// URLs that a plugin's probes and actions go to, beside Services and pods.
#[derive(Clone, Debug, Default)]
pub struct Targets {
    /// Names of hosts; `*.example.org` for all below it, `*` where users name them.
    pub hosts: Vec<&'static str>,
    /// Whether some are kept in Secrets.
    pub secrets: bool,
}

impl Targets {
    /// Whatever users name, in plain text or in a Secret.
    pub fn of_users() -> Self {
        Self { hosts: vec!["*"], secrets: true }
    }
}

/// Name, kind, and what the plugin reads, owns and calls.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Part of the field manager: `opstack/<name>`.
    pub name: &'static str,
    /// Semantic version, usually `env!("CARGO_PKG_VERSION")`.
    pub version: &'static str,
    /// The kind served.
    pub kind: Kind,
    /// Columns beside the name and the age.
    pub columns: Vec<Column>,
    /// The object that an object of this kind is a part of, for those who look at them: a node's network.
    pub belongs_to: Option<Link>,
    /// The objects that an object of this kind reads from, for those who look at them: a batcher's node.
    pub fed_by: Vec<Link>,
    /// CEL rules on `spec`: (rule, message).
    pub rules: Vec<(&'static str, &'static str)>,
    /// CEL rules on the whole object, of which `metadata.name` is known beside spec and status: (rule, message).
    pub object_rules: Vec<(&'static str, &'static str)>,
    /// Kinds it may look up.
    pub reads: Vec<KindRef>,
    /// Kinds it may render.
    pub owns: Vec<KindRef>,
    /// What it applies with the policy `patch`. An answer may patch nothing else.
    pub patches: Vec<Patches>,
    /// URLs of its probes and actions.
    pub targets: Targets,
    /// JSON-RPC methods of its probes and actions.
    pub rpc_methods: Vec<&'static str>,
    /// Words of `status.phase`: (while a reference dangles, on an error).
    pub phases: Option<(&'static str, &'static str)>,
}

impl Manifest {
    /// A manifest with nothing but a name and a kind.
    pub fn new(name: &'static str, version: &'static str, kind: Kind) -> Self {
        Self {
            name,
            version,
            kind,
            columns: vec![],
            belongs_to: None,
            fed_by: vec![],
            rules: vec![],
            object_rules: vec![],
            reads: vec![],
            owns: vec![],
            patches: vec![],
            targets: Targets::default(),
            rpc_methods: vec![],
            phases: None,
        }
    }

    /// The record of the contract, with the CRD made from the types of `W`.
    pub fn to_wire<W: Workload>(&self) -> workload::Manifest {
        workload::Manifest {
            name: self.name.into(),
            version: self.version.into(),
            crd: crd::definition::<W>(self).to_string(),
            served_version: self.kind.version.into(),
            reads: self.reads.clone(),
            owns: self.owns.clone(),
            rpc_methods: self.rpc_methods.iter().map(ToString::to_string).collect(),
            phases: self
                .phases
                .map(|(waiting, error)| workload::Phases { waiting: waiting.into(), error: error.into() }),
        }
    }
}
