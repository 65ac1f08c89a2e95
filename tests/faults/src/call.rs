//! A request of the operator to the API server, as far as the proxy looks at it.

use std::fmt;

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A watch: it lasts.
    Watch,
    /// A list of a kind.
    List,
    /// What the API server serves, and whether it is there.
    Discovery,
    /// The Lease of the leader election.
    Lease,
    /// A Secret by its name: each that is named is read in its turn, whatever else happens.
    Turn,
    /// Reads and writes of single objects: what a reconcile does.
    Work,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Which one of its class, from 1, since the rule was set.
    pub number: usize,
    /// What it is about.
    pub class: Class,
    /// `GET`, `PATCH`, …
    pub method: String,
    /// Without the query.
    pub path: String,
    /// What follows the question mark.
    pub query: String,
}

impl Call {
    /// Reads a request line. The number is given by who counts.
    pub fn of(method: &str, path: &str, query: &str) -> Self {
        let class = class_of(method, path, query);
        Self { number: 0, class, method: method.into(), path: path.into(), query: query.into() }
    }

    /// Whether it is to change something.
    pub fn is_write(&self) -> bool {
        self.method != "GET"
    }
}

/// Parts of a path: how many there are before the plural of a resource depends on the group.
fn class_of(method: &str, path: &str, query: &str) -> Class {
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
    let resource = match parts.as_slice() {
        ["api", _, rest @ ..] => rest,
        ["apis", _, _, rest @ ..] => rest,
        _ => &[],
    };
    let resource = match resource {
        ["namespaces", _, rest @ ..] if !rest.is_empty() => rest,
        all => all,
    };
    let watches = query.split('&').any(|term| term == "watch=true" || term == "watch=1");
    match resource {
        [] => Class::Discovery,
        ["leases", ..] => Class::Lease,
        _ if watches => Class::Watch,
        [_] if method == "GET" => Class::List,
        ["secrets", _] if method == "GET" => Class::Turn,
        _ => Class::Work,
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}: {} {}", self.class, self.number, self.method, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_apart_by_their_path() {
        for (line, expected) in [
            ("GET /version", Class::Discovery),
            ("GET /apis/apps/v1", Class::Discovery),
            ("GET /api", Class::Discovery),
            ("GET /api/v1/configmaps?limit=250", Class::List),
            ("GET /api/v1/configmaps?watch=true&resourceVersion=5", Class::Watch),
            ("GET /apis/coordination.k8s.io/v1/namespaces/a/leases/b", Class::Lease),
            ("POST /api/v1/namespaces/a/secrets", Class::Work),
            ("PATCH /api/v1/namespaces/a/secrets/b", Class::Work),
            ("GET /api/v1/namespaces/a/secrets/b", Class::Turn),
            ("GET /api/v1/namespaces/a", Class::Work),
            ("PATCH /apis/test.optimism.io/v1/namespaces/a/hostiles/b/status", Class::Work),
            ("GET /apis/apiextensions.k8s.io/v1/customresourcedefinitions/x", Class::Work),
        ] {
            let (method, target) = line.split_once(' ').expect("a space");
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            assert_eq!(Call::of(method, path, query).class, expected, "{line}");
        }
    }
}
