//! Tests that share one control plane and one operator; each has namespaces of its own.

mod alerts;
mod denied;
mod finalize;
mod hostile_guest;
mod order;
mod ownership;
mod repair;
mod secrets;

use std::sync::OnceLock;

use control_plane::AuditLevel;
use suite::{Operator, Site, plugins};

/// A control plane and an operator that serves the hostile guest.
struct Shared {
    site: Site,
    operator: Operator,
}

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        let site = Site::start(AuditLevel::Request);
        let operator = Operator::start(&site);
        site.install(&plugins::hostile());
        Shared { site, operator }
    })
}
