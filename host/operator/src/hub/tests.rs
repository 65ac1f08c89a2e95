//! Texts of ConfigMaps that are looked up: what is kept and what is read.

use super::*;
use axum::Router;
use axum::extract::Request;
use axum::http::header::ACCEPT;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpListener;

const MANY: usize = 1000;

fn metadata(number: usize) -> Value {
    json!({"name": format!("map-{number}"), "namespace": "ns", "uid": number.to_string(), "resourceVersion": "7"})
}

/// ConfigMaps of 100 KiB each, as the API server tells of them: whole, or metadata to whom asks for no more.
fn answer(request: &Request, read: &AtomicUsize) -> Response {
    let accepts = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let whole = !accepts.contains("PartialObjectMetadata");
    let object = |number: usize| {
        let mut object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(number)});
        if whole {
            object["data"] = json!({"file": (0..100 * 1024 / 8).map(|_| format!("{:08x}", rand::random::<u32>())).collect::<String>()});
        }
        object
    };
    if let Some(name) = request.uri().path().strip_prefix("/api/v1/namespaces/ns/configmaps/map-") {
        read.fetch_add(1, Ordering::SeqCst);
        return object(name.parse().unwrap()).to_string().into_response();
    }
    if request.uri().query().is_some_and(|query| query.contains("watch=true")) {
        // Nothing happens.
        return axum::body::Body::from_stream(futures::stream::pending::<Result<String, std::io::Error>>())
            .into_response();
    }
    let kind = if whole { "ConfigMapList" } else { "PartialObjectMetadataList" };
    let items: Vec<_> = (0..MANY).map(object).collect();
    let list = json!({"apiVersion": "v1", "kind": kind, "metadata": {"resourceVersion": "7"}, "items": items});
    list.to_string().into_response()
}

async fn hub(read: Arc<AtomicUsize>) -> (Arc<Hub>, GroupKind) {
    crate::run::install_crypto();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let router = Router::new().fallback(move |request: Request| async move { answer(&request, &read) });
    tokio::spawn(async move { axum::serve(listener, router).await });
    let client = Client::try_from(kube::Config::new(uri)).unwrap();
    let hub = Hub::new(client, Arc::default(), Facts::keyed([0; 32]), Namespaces::default());
    let resource = ApiResource::erase::<k8s_openapi::api::core::v1::ConfigMap>(&());
    hub.watch(Served { resource, namespaced: true }, Keep { body: true, status: true });
    let kind = GroupKind::new("", "ConfigMap");
    hub.listed(std::slice::from_ref(&kind)).await;
    (hub, kind)
}

#[tokio::test]
async fn of_config_maps_that_nobody_looks_up_nothing_is_kept_but_that_they_are_there() {
    let read = Arc::new(AtomicUsize::new(0));
    let (hub, kind) = hub(read.clone()).await;
    assert_eq!((hub.cache.keys(&kind).len(), hub.cache.bytes(&kind, None)), (MANY, 0));

    let [asker, one]: [ObjectKey; 2] = ["K.g/ns/asker", "ConfigMap/ns/map-7"].map(|key| key.parse().unwrap());
    hub.deps.add(&asker, [Lookup::Object(one.clone())]);
    let texts = hub.read(&asker, BTreeSet::from([one.clone()])).await.unwrap();
    assert!(texts[&one].as_ref().is_some_and(|text| text.len() > 100 * 1024));
    let kept = hub.cache.bytes(&kind, None);
    assert!((1..110 * 1024).contains(&kept), "{kept}");
    assert!(hub.cache.get(&one).unwrap().whole);
    assert_eq!(read.load(Ordering::SeqCst), 1);

    hub.sweep();
    assert_eq!(hub.cache.bytes(&kind, None), kept, "it is looked up");
    hub.deps.forget(&asker);
    hub.sweep();
    assert_eq!(hub.cache.bytes(&kind, None), 0);
}

#[tokio::test]
async fn what_is_kept_for_a_namespace_is_bounded_and_the_rest_is_read_each_time() {
    let read = Arc::new(AtomicUsize::new(0));
    let (hub, kind) = hub(read.clone()).await;
    let asker: ObjectKey = "K.g/ns/asker".parse().unwrap();
    let keys = (0..MANY).map(|number| format!("ConfigMap/ns/map-{number}").parse().unwrap());
    let texts = hub.read(&asker, keys.collect()).await.unwrap();
    assert!(texts.values().all(Option::is_some) && texts.len() == MANY);
    let kept = hub.cache.bytes(&kind, None);
    assert!((TEXTS_PER_NAMESPACE / 2..=TEXTS_PER_NAMESPACE).contains(&kept), "{kept}");
}
