//! What the operator asked of the API server.

use std::time::Duration;

use control_plane::{Event, Events};

/// The operator's requests begin their user agent like this.
pub const AGENT: &str = "opstack/";

/// The operator's writes, but for the Lease, which it renews all the time.
pub fn writes(events: &Events) -> Events {
    events.by_user_agent_prefix(AGENT).writes().without_resource("leases")
}

/// The operator's reads of single objects, but for the Lease.
pub fn gets(events: &Events) -> Events {
    events.by_user_agent_prefix(AGENT).by_verb("get").without_resource("leases").filter(|event| {
        // Discovery and the version are no objects.
        !event.resource.is_empty()
    })
}

/// Whether the operator reads a Secret by its name, which it does in turn as long as an object names it.
pub fn is_named_read(event: &Event) -> bool {
    event.resource == "secrets" && event.verb == "get"
}

/// The time between the answers to two requests.
///
/// # Panics
/// When a time is none.
pub fn between(earlier: &Event, later: &Event) -> Duration {
    let at = |event: &Event| {
        let time: jiff::Timestamp = event.stage_timestamp.parse().unwrap_or_else(|error| panic!("{event}: {error}"));
        time
    };
    at(later).duration_since(at(earlier)).unsigned_abs()
}
