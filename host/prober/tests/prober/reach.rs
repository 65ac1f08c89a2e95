//! Where questions and acts may go: judged by the address that is dialed.

use opstack_core::probe::{Question, Target};
use opstack_prober::{Config, Prober, Reach};
use rpc_double::{Double, Fault, Frozen};
use serde_json::json;
use std::sync::Arc;

use crate::world::{Places, Wakes, World, call, owner, probe, until};

/// A prober without the leave that tests have.
fn strict(reach: Reach) -> (Frozen, Prober) {
    let config = Config { jitter: 0.0, spread: std::time::Duration::ZERO, reach, ..Config::default() };
    (Frozen::start(), Prober::new(config, Arc::new(Places::default()), Wakes::default().wake()).unwrap())
}

async fn told(prober: &Prober, url: &str) -> Result<String, String> {
    let key = owner("asker");
    prober.declare(&key, &[probe(url)]);
    until("an observation", || !prober.observations(&key).is_empty()).await;
    let answer = prober.observations(&key).pop().unwrap().answer;
    prober.forget(&key);
    answer.map(|text| text.to_string())
}

#[tokio::test]
async fn the_operators_own_host_is_not_asked_in_whatever_form_it_is_named() {
    let ((_clock, prober), node) = (strict(Reach::default()), Double::start().await);
    node.answer("head", json!(7));
    for host in ["127.0.0.1", "2130706433", "0x7f.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"] {
        let why = told(&prober, &format!("http://{host}:{}/", node.port())).await.unwrap_err();
        assert!(why.starts_with("no connection: it leads to a") && why.contains("--probe-allow"), "{host}: {why}");
        assert!(!why.contains("127.0.0.1"), "{host}: {why}");
    }
    assert_eq!(node.seen().requests, 0);
}

#[tokio::test]
async fn a_service_that_leads_to_the_host_is_not_asked_either() {
    let ((_clock, prober), node) = (strict(Reach::default()), Double::start().await);
    let target = Target::Service { namespace: "ns".into(), name: "external".into(), port: 1, path: "/".into() };
    let places = Arc::new(Places::default());
    places.pods(&target, &[("", format!("http://localhost:{}/", node.port()))]);
    let config = Config { spread: std::time::Duration::ZERO, ..Config::default() };
    let inside = Prober::new(config, places, Wakes::default().wake()).unwrap();
    let key = owner("asker");
    inside.declare(&key, &[opstack_core::probe::Probe { target, ..probe("") }]);
    until("an observation", || !inside.observations(&key).is_empty()).await;
    let why = inside.observations(&key).pop().unwrap().answer.unwrap_err();
    assert!(why.starts_with("no connection: it leads to a loopback address"), "{why}");
    assert_eq!(node.seen().requests, 0);
    drop(prober);
}

#[tokio::test]
async fn the_administrator_permits() {
    let node = Double::start().await;
    node.answer("head", json!(7));
    let allow = vec!["127.0.0.1/32".parse().unwrap()];
    let (_clock, prober) = strict(Reach { allow, ..Reach::default() });
    assert_eq!(told(&prober, &node.url()).await.as_deref(), Ok(r#"[{"result":7}]"#));
}

#[tokio::test]
async fn the_administrator_denies() {
    let deny = vec!["10.0.0.0/8".parse().unwrap()];
    let (_clock, prober) = strict(Reach { deny, ..Reach::default() });
    let why = told(&prober, "http://10.1.2.3:8545/").await.unwrap_err();
    assert!(why.contains("--probe-deny"), "{why}");
}

#[tokio::test]
async fn a_redirect_leads_nowhere() {
    let (world, node, elsewhere) = (World::new(), Double::start().await, Double::start().await);
    node.spoil_all(Fault::Redirect(elsewhere.url()));
    let question = Question::JsonRpc(vec![call("head", json!([]))]);
    let seen = world.ask(Target::Url(node.url()), question).await;
    assert_eq!((seen.answer.unwrap_err().as_str(), elsewhere.seen().requests), ("HTTP status 307", 0));
}

#[tokio::test]
async fn a_strangers_words_are_repeated_up_to_a_bound_and_lie_still() {
    let (world, node) = (World::new(), Double::start().await);
    let words = format!("\u{1b}[2Jgo to \u{202e}evil\r\n{}", "x".repeat(100_000));
    node.fail("head", -32000, &words);
    let question = || Question::JsonRpc(vec![call("head", json!([]))]);
    let target = Target::Url(node.url());
    let answer = world.ask(target.clone(), question()).await.answer.unwrap();
    assert!(answer.len() < 500 && answer.contains("[2Jgo to evilxxx"), "{}", &answer[..200]);
    node.script([Some(Fault::Refused(-32600, words))]);
    let two = Question::JsonRpc(vec![call("head", json!([])), call("head", json!([]))]);
    let why = world.ask(target, two).await.answer.unwrap_err();
    assert!(why.starts_with("the whole request was refused: error -32600: [2Jgo to evil"), "{why}");
    assert!(why.chars().count() < 400 && !why.contains(|c: char| c.is_control()), "{why}");
}
