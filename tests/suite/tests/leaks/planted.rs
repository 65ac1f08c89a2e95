//! The test of the test: a guest leaks a value, and the search tells where.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use suite::{MINUTE, Site, until};

use crate::places::{search, stored, told, values};
use crate::{PLANTED, world, world::echo, world::echo_path, world::fresh, world::secret};

/// Where the guest puts it, and the place that the search names.
const PLACES: [(&str, &str); 6] = [
    ("configMap", "ConfigMap planted/configmap-seen"),
    ("status", "Echo planted/status"),
    ("condition", "Echo planted/condition"),
    ("event", "Event planted/event."),
    ("log", "the operator's log"),
    // What the operator writes is found where it is stored, and also on its way there.
    ("configMap", "its requests"),
];

#[test]
fn a_planted_leak_is_found_where_it_is() {
    let world = world();
    let site: &Site = &world.site;
    site.namespace(PLANTED);
    let value = fresh();
    site.create(&secret(PLANTED, "given", &json!({"key": value})));
    for (place, _) in PLACES.iter().take(5) {
        let leaks: Vec<Value> = form_for(place, &value).bytes().map(Value::from).collect();
        site.create(&echo(PLANTED, &place.to_lowercase(), json!({"leak": leaks, "into": place})));
    }
    for (place, _) in PLACES.iter().take(5) {
        site.wait_ready(&echo_path(PLANTED, &place.to_lowercase()), "True", "Ready");
    }
    let needles = values(site, |namespace| namespace == PLANTED);
    assert_eq!(needles.names(), ["planted/given key"]);
    let (findings, _) = until("all leaks to be found", MINUTE, || {
        let findings = search(&[stored(site), told(site, &world.operator)].concat(), &needles);
        let missing: Vec<_> = PLACES
            .iter()
            .filter(|(_, place)| !findings.iter().any(|finding| finding.place.starts_with(place)))
            .collect();
        if missing.is_empty() { Ok(findings) } else { Err(format!("not found: {missing:?}, but {findings:#?}")) }
    });
    for finding in &findings {
        println!("G: planted, and found: {} is in {}, {}", finding.value, finding.place, finding.form);
    }
    assert!(!format!("{findings:?}").contains(&value), "the findings themselves are a leak");
    // Nowhere else: the guest's own object holds the text as numbers, in a form of the test's.
    let others = findings.iter().filter(|finding| !PLACES.iter().any(|(_, place)| finding.place.starts_with(place)));
    assert_eq!(others.count(), 0, "{findings:#?}");
}

/// Each in another form.
fn form_for(place: &str, value: &str) -> String {
    match place {
        "status" => STANDARD.encode(value),
        "condition" => value.to_uppercase(),
        "event" => format!("xy{}", STANDARD.encode(format!("a{value}"))),
        // Half of it is enough.
        "log" => value[..value.len() / 2].into(),
        _ => value.into(),
    }
}
