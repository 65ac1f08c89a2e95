//! Reads by name against a double of the API server, and the order of turns.

use super::*;
use crate::cache::facts::Facts;
use crate::kinds::Kinds;
use crate::namespaces::Namespaces;
use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri};
use kube::{Client, Config};
use serde_json::{Value, json};

/// What an API server holds under one name, and what it was asked for.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<(Option<Value>, Vec<String>)>>);

impl Server {
    fn hold(&self, version: u64, value: &str) {
        let metadata = json!({"name": "one", "namespace": "ns", "uid": "u", "resourceVersion": version.to_string()});
        self.0.lock().unwrap().0 = Some(json!({"metadata": metadata, "stringData": {"key": value}}));
    }

    /// The requests since the last time: paths, with a mark where only metadata were asked for.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().1)
    }

    fn answer(&self, uri: &Uri, headers: &HeaderMap) -> (StatusCode, String) {
        let mut inner = self.0.lock().unwrap();
        let accept = headers.get(http::header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
        let brief = accept.contains("PartialObjectMetadata");
        inner.1.push(format!("{}{}", uri.path(), if brief { " metadata" } else { "" }));
        match &inner.0 {
            Some(object) if brief => (StatusCode::OK, json!({"metadata": object["metadata"]}).to_string()),
            Some(object) => (StatusCode::OK, object.to_string()),
            None => {
                let status =
                    json!({"kind": "Status", "status": "Failure", "reason": "NotFound", "message": "", "code": 404});
                (StatusCode::NOT_FOUND, status.to_string())
            }
        }
    }

    async fn hub(&self) -> Arc<Hub> {
        crate::run::install_crypto();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = self.clone();
        let router = Router::new().fallback(move |uri: Uri, headers: HeaderMap| {
            let answer = server.answer(&uri, &headers);
            async move { answer }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        let client = Client::try_from(Config::new(url.parse().unwrap())).unwrap();
        Hub::new(client, Arc::new(Kinds::default()), Facts::keyed([0; 32]), Namespaces::default())
    }
}

#[tokio::test]
async fn a_secret_is_read_by_its_name_and_its_values_only_when_they_are_new() {
    let (server, one) = (Server::default(), name("ns", "one"));
    let hub = server.hub().await;
    let length = || hub.cache.get(&one).map(|entry| entry.parsed()["facts"]["key"]["length"].clone());
    let (whole, brief) = ("/api/v1/namespaces/ns/secrets/one", "/api/v1/namespaces/ns/secrets/one metadata");
    let read = async || {
        hub.named.read(&hub, std::slice::from_ref(&one)).await.unwrap();
        (length(), server.asked())
    };
    let asked = |paths: &[&str]| paths.iter().map(ToString::to_string).collect::<Vec<_>>();
    let lookups = [Lookup::Object(one.clone())];
    assert_eq!(hub.unread(&lookups), std::slice::from_ref(&one));
    assert_eq!(read().await, (None, asked(&[whole])));
    assert!(hub.unread(&lookups).is_empty(), "that it is not there is known now");
    server.hold(1, "first");
    assert_eq!(read().await, (Some(json!(5)), asked(&[whole])));
    assert_eq!(read().await, (Some(json!(5)), asked(&[brief])));
    server.hold(2, "another");
    assert_eq!(read().await, (Some(json!(7)), asked(&[brief, whole])));
    server.0.lock().unwrap().0 = None;
    assert_eq!(read().await, (None, asked(&[brief, whole])));
}

#[tokio::test]
async fn what_came_while_it_was_read_is_not_taken_for_gone() {
    let (server, one) = (Server::default(), name("ns", "one"));
    let hub = server.hub().await;
    server.hold(1, "first");
    hub.named.read(&hub, std::slice::from_ref(&one)).await.unwrap();
    let before = hub.cache.get(&one);
    server.hold(2, "another");
    hub.named.read(&hub, std::slice::from_ref(&one)).await.unwrap();
    hub.found(&one, before.as_deref(), None);
    assert!(hub.cache.get(&one).is_some(), "the answer is about the version before");
    hub.found(&one, None, None);
    assert!(hub.cache.get(&one).is_some(), "nothing was known when that was asked");
}

#[tokio::test]
async fn what_nobody_looks_at_is_forgotten_in_its_turn() {
    let (server, one) = (Server::default(), name("ns", "one"));
    let hub = server.hub().await;
    server.hold(1, "first");
    let asker: ObjectKey = "OpNode.optimism.io/ns/node".parse().unwrap();
    hub.depend(&asker, vec![Lookup::Object(one.clone())]);
    hub.named.turn(&hub, &one).await;
    assert!(hub.cache.get(&one).is_some() && server.asked().len() == 1);
    hub.deps.forget(&asker);
    hub.named.turn(&hub, &one).await;
    assert!(hub.cache.get(&one).is_none() && server.asked().is_empty());
    assert_eq!(hub.named.turns().next(Instant::now() + PRESENT), Next::Never);
}

fn name(namespace: &str, name: &str) -> ObjectKey {
    ObjectKey::new(gvk().group_kind, namespace, name)
}

#[test]
fn namespaces_take_turns_however_many_names_one_has() {
    let (mut turns, now) = (Turns::default(), Instant::now());
    (0..1000).for_each(|n| turns.set(name("greedy", &format!("s{n:04}")), now));
    turns.set(name("modest", "one"), now);
    turns.set(name("other", "one"), now);
    let mut served = vec![];
    for _ in 0..6 {
        let Next::Now(next) = turns.next(now) else { panic!("all are due") };
        served.push(next.namespace.to_string());
        turns.set(next, now + PRESENT);
    }
    assert_eq!(served, ["greedy", "modest", "other", "greedy", "greedy", "greedy"]);
}

#[test]
fn what_is_due_later_is_waited_for_and_what_nobody_looks_at_is_dropped() {
    let (mut turns, now) = (Turns::default(), Instant::now());
    assert_eq!(turns.next(now), Next::Never);
    let (one, two) = (name("a", "one"), name("b", "two"));
    turns.set(one.clone(), now + PRESENT);
    turns.set(two.clone(), now + ABSENT);
    assert_eq!(turns.next(now), Next::At(now + ABSENT));
    assert_eq!(turns.next(now + ABSENT), Next::Now(two.clone()));
    assert!(!turns.drop_unless(&two, || true));
    assert!(turns.drop_unless(&two, || false));
    assert_eq!(turns.next(now + ABSENT), Next::At(now + PRESENT));
    assert!(turns.drop_unless(&one, || false));
    assert!(turns.due.is_empty() && turns.queues.is_empty());
}

#[test]
fn a_name_that_is_no_name_is_not_asked_for() {
    assert!(can_exist(&name("ns-1", "a.b-c")));
    for (namespace, bad) in
        [("", "a"), ("ns", ""), ("ns", "a/status"), ("ns", "../pods"), ("ns", "a?b"), ("..", "a"), ("ns", "A")]
    {
        assert!(!can_exist(&name(namespace, bad)), "{namespace} {bad}");
    }
}

#[test]
fn a_name_is_unread_until_it_is_followed() {
    let named = Named::default();
    let (one, two) = (name("a", "one"), name("a", "two"));
    assert_eq!(named.unread([&one, &two]), [one.clone(), two.clone()]);
    named.follow([one.clone()]);
    assert_eq!(named.unread([&one, &two]), [two]);
    let other = Lookup::Object("ConfigMap/a/one".parse().unwrap());
    assert_eq!(names([&Lookup::Object(one.clone()), &other]).collect::<Vec<_>>(), [&one]);
}
