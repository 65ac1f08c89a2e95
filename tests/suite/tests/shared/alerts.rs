//! What the chart's alerts ask of the operator is what it tells.

use chart::alerts;
use serde_json::json;
use suite::hostile;

use crate::shared;

#[test]
fn the_operator_tells_what_alerts_look_at() {
    let (site, namespace) = (&shared().site, "alerts");
    site.namespace(namespace);
    site.create(&hostile::with(namespace, "x", "good", &json!({})));
    site.wait_ready(&hostile::path(namespace, "x"), "True", "Ready");
    let (_, page) = shared().operator.get("/metrics").expect("metrics");
    for name in alerts::metrics("opstack_").expect("the alerts of the chart") {
        let is_series = |line: &str| line.strip_prefix(&name).is_some_and(|rest| rest.starts_with([' ', '{']));
        assert!(page.lines().any(is_series), "{name} is not in:\n{page}");
    }
}
