//! One event of the audit log, and sets of them to ask questions about.

use std::{fmt, ops::Deref};

use anyhow::{Context as _, Result};
use serde_json::Value;

/// The verbs that change something.
const WRITES: [&str; 5] = ["create", "update", "patch", "delete", "deletecollection"];

/// A request, as the API server saw it. What a request doesn't have is empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`, …
    pub verb: String,
    /// Who asked.
    pub user: String,
    /// With which program.
    pub user_agent: String,
    /// The plural name of the kind, such as `configmaps`.
    pub resource: String,
    /// Empty for the core group.
    pub api_group: String,
    /// The object's namespace.
    pub namespace: String,
    /// The object's name.
    pub name: String,
    /// Such as `status`.
    pub subresource: String,
    /// Path and query, with such things as the field manager and whether it was a dry run.
    pub request_uri: String,
    /// The answer's status code.
    pub code: Option<u16>,
    /// `ResponseStarted` (of a watch), `ResponseComplete` or `Panic`.
    pub stage: String,
    /// When the request came in: RFC 3339 in UTC with six digits of the second, so that the order
    /// of the text is the order of time.
    pub request_received_timestamp: String,
    /// When the stage was reached, in the same form.
    pub stage_timestamp: String,
    /// What was sent, from `AuditLevel::Request` on.
    pub request_object: Option<Value>,
    /// What was answered, with `AuditLevel::RequestResponse`.
    pub response_object: Option<Value>,
}

impl Event {
    pub(crate) fn parse(line: &[u8]) -> Result<Self> {
        let mut value: Value = serde_json::from_slice(line)
            .with_context(|| format!("no audit event: {}", String::from_utf8_lossy(line)))?;
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let code = value.pointer("/responseStatus/code").and_then(Value::as_u64);
        Ok(Self {
            verb: text("/verb"),
            user: text("/user/username"),
            user_agent: text("/userAgent"),
            resource: text("/objectRef/resource"),
            api_group: text("/objectRef/apiGroup"),
            namespace: text("/objectRef/namespace"),
            name: text("/objectRef/name"),
            subresource: text("/objectRef/subresource"),
            request_uri: text("/requestURI"),
            code: code.and_then(|code| u16::try_from(code).ok()),
            stage: text("/stage"),
            request_received_timestamp: text("/requestReceivedTimestamp"),
            stage_timestamp: text("/stageTimestamp"),
            request_object: value.get_mut("requestObject").map(Value::take),
            response_object: value.get_mut("responseObject").map(Value::take),
        })
    }

    /// Whether the request was one to change what is stored, whatever came of it. Dry runs aren't,
    /// nor are questions that are asked by `create` (reviews of access and tokens, token requests).
    pub fn is_write(&self) -> bool {
        let is_question = matches!(self.api_group.as_str(), "authentication.k8s.io" | "authorization.k8s.io")
            || self.subresource == "token";
        let is_dry_run = self.request_uri.contains("dryRun=All");
        WRITES.contains(&self.verb.as_str()) && !is_question && !is_dry_run
    }

    /// Whether the API server did what it was asked to.
    pub fn is_success(&self) -> bool {
        self.code.is_some_and(|code| (200..300).contains(&code))
    }
}

/// One line for people, without the objects.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { verb, resource, api_group, namespace, name, subresource, .. } = self;
        write!(f, "{} {verb} {resource}", self.request_received_timestamp)?;
        for (separator, part) in [(".", api_group), ("/", subresource)] {
            if !part.is_empty() {
                write!(f, "{separator}{part}")?;
            }
        }
        let code = self.code.unwrap_or_default();
        write!(f, " {namespace}/{name} -> {code} by {} ({})", self.user, self.user_agent)
    }
}

/// Events in the order of the log. Each question leaves those that it names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Events(Vec<Event>);

impl Events {
    /// Those of which `is_wanted` is true.
    pub fn filter(&self, is_wanted: impl Fn(&Event) -> bool) -> Self {
        self.iter().filter(|event| is_wanted(event)).cloned().collect()
    }

    /// Requests to change what is stored, failed ones too; see [`Event::is_write`].
    pub fn writes(&self) -> Self {
        self.filter(Event::is_write)
    }

    /// Requests that were carried out.
    pub fn successes(&self) -> Self {
        self.filter(Event::is_success)
    }

    /// Requests of programs whose user agent begins with `prefix`.
    pub fn by_user_agent_prefix(&self, prefix: &str) -> Self {
        self.filter(|event| event.user_agent.starts_with(prefix))
    }

    /// Requests of one user, such as `system:serviceaccount:NAMESPACE:NAME`.
    pub fn by_user(&self, user: &str) -> Self {
        self.filter(|event| event.user == user)
    }

    /// Requests with one verb.
    pub fn by_verb(&self, verb: &str) -> Self {
        self.filter(|event| event.verb == verb)
    }

    /// Requests for one resource (plural), in whatever group, its subresources included.
    pub fn by_resource(&self, resource: &str) -> Self {
        self.filter(|event| event.resource == resource)
    }

    /// Requests for all but one resource, such as `leases` or `events`.
    pub fn without_resource(&self, resource: &str) -> Self {
        self.filter(|event| event.resource != resource)
    }

    /// Requests in one namespace.
    pub fn in_namespace(&self, namespace: &str) -> Self {
        self.filter(|event| event.namespace == namespace)
    }
}

/// `len`, `iter`, `is_empty`, indices and so on.
impl Deref for Events {
    type Target = [Event];

    fn deref(&self) -> &[Event] {
        &self.0
    }
}

impl FromIterator<Event> for Events {
    fn from_iter<I: IntoIterator<Item = Event>>(events: I) -> Self {
        Self(events.into_iter().collect())
    }
}

impl IntoIterator for Events {
    type Item = Event;
    type IntoIter = std::vec::IntoIter<Event>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// One line for each event, for the message of a failed assertion.
impl fmt::Display for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|event| writeln!(f, "{event}"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(verb: &str, group: &str, resource: &str, subresource: &str, query: &str) -> Event {
        let value = json!({
            "verb": verb,
            "stage": "ResponseComplete",
            "requestURI": format!("/path?{query}"),
            "userAgent": "opstack-operator/0.1",
            "user": { "username": "someone" },
            "objectRef": {
                "apiGroup": group,
                "resource": resource,
                "subresource": subresource,
                "name": "a-name",
            },
            "responseStatus": { "code": 409 },
            "requestObject": { "kind": "Something" },
        });
        Event::parse(value.to_string().as_bytes()).expect("an event")
    }

    #[test]
    fn writes_are_requests_that_would_change_what_is_stored() {
        let cases = [
            (event("patch", "apps", "statefulsets", "", "fieldManager=x"), true),
            (event("update", "", "configmaps", "status", ""), true),
            (event("deletecollection", "", "configmaps", "", ""), true),
            (event("get", "", "configmaps", "", ""), false),
            (event("watch", "", "configmaps", "", ""), false),
            (event("patch", "apps", "statefulsets", "", "dryRun=All&force=true"), false),
            (event("create", "authorization.k8s.io", "subjectaccessreviews", "", ""), false),
            (event("create", "", "serviceaccounts", "token", ""), false),
        ];
        for (event, expected) in cases {
            assert_eq!(event.is_write(), expected, "{event}");
        }
    }

    #[test]
    fn fields_are_read_and_missing_ones_are_empty() {
        let event = event("patch", "apps", "statefulsets", "", "");
        assert_eq!((event.code, event.user.as_str()), (Some(409), "someone"));
        assert_eq!(event.request_object, Some(json!({ "kind": "Something" })));
        assert!(event.namespace.is_empty() && event.response_object.is_none());
        assert!(!event.is_success());
    }

    #[test]
    fn filters_can_be_chained() {
        let events: Events = [
            event("patch", "apps", "statefulsets", "", ""),
            event("update", "coordination.k8s.io", "leases", "", ""),
            event("list", "apps", "statefulsets", "", ""),
        ]
        .into_iter()
        .collect();
        let left = events.by_user_agent_prefix("opstack").writes().without_resource("leases");
        assert_eq!(left.len(), 1, "{left}");
        assert_eq!(left[0].resource, "statefulsets");
        assert!(events.by_user_agent_prefix("kubectl").is_empty());
    }
}
