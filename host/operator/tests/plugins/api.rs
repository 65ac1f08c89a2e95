//! An API server of a few paths: what is applied is there afterwards, and tests can put objects there themselves.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use kube::{Client, Config};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};

#[derive(Default)]
struct Store {
    objects: BTreeMap<String, Value>,
    version: u64,
}

impl Store {
    fn put(&mut self, path: &str, mut object: Value) -> Value {
        self.version += 1;
        let known = self.objects.get(path).map(|known| known["metadata"]["uid"].clone());
        let uid = known.unwrap_or_else(|| format!("uid-{}", self.version).into());
        object["metadata"]["uid"] = uid;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        self.objects.insert(path.into(), object.clone());
        object
    }
}

/// The server.
#[derive(Clone)]
pub struct Api {
    store: Arc<Mutex<Store>>,
    /// A client of it.
    pub client: Client,
}

impl Api {
    /// Starts it.
    pub async fn start() -> Self {
        opstack_operator::run::install_crypto();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let store = Arc::new(Mutex::new(Store::default()));
        let uri = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let router = Router::new().fallback(answer).with_state(store.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { store, client: Client::try_from(Config::new(uri)).unwrap() }
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap()
    }

    /// Puts an object there as somebody else would, and gives it as it is then.
    pub fn put(&self, path: &str, object: Value) -> Value {
        self.lock().put(path, object)
    }

    /// What is there.
    pub fn get(&self, path: &str) -> Option<Value> {
        self.lock().objects.get(path).cloned()
    }
}

const COLLECTIONS: [&str; 5] =
    ["customresourcedefinitions", "persistentvolumeclaims", "statefulsets", "leases", "plugins"];

fn said(code: StatusCode, object: &Value) -> Response {
    (code, [("content-type", "application/json")], object.to_string()).into_response()
}

fn refused(code: StatusCode, reason: &str) -> Response {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": reason, "code": code.as_u16()});
    said(code, &status)
}

async fn answer(
    State(store): State<Arc<Mutex<Store>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut store = store.lock().unwrap();
    let (path, is_status) = uri.path().strip_suffix("/status").map_or((uri.path(), false), |path| (path, true));
    let is_collection = path.rsplit('/').next().is_some_and(|last| COLLECTIONS.contains(&last));
    let query = uri.query().unwrap_or_default();
    let sent = || serde_json::from_slice::<Value>(&body).unwrap();
    let known = store.objects.get(path).cloned();
    let changed = match (&method, known) {
        (&Method::GET, _) if is_collection && query.contains("watch=") => {
            return Body::from_stream(futures::stream::pending::<Result<Bytes, Infallible>>()).into_response();
        }
        (&Method::GET, _) if is_collection => return list(&store, path, query),
        (&Method::GET, Some(known)) => return said(StatusCode::OK, &known),
        (&Method::POST, _) => {
            let object = sent();
            let path = format!("{path}/{}", object["metadata"]["name"].as_str().unwrap());
            return said(StatusCode::CREATED, &store.put(&path, object));
        }
        (&Method::PUT, Some(known))
            if sent()["metadata"]["resourceVersion"] != known["metadata"]["resourceVersion"] =>
        {
            return refused(StatusCode::CONFLICT, "Conflict");
        }
        (&Method::PUT, Some(_)) => sent(),
        (&Method::PATCH, Some(mut known)) if is_status => {
            known["status"] = sent()["status"].clone();
            known
        }
        (&Method::PATCH, known) => {
            let kind = headers["content-type"].to_str().unwrap();
            match (kind, known) {
                ("application/apply-patch+yaml", known) => applied(known.unwrap_or_default(), sent()),
                (_, None) => return refused(StatusCode::NOT_FOUND, "NotFound"),
                ("application/strategic-merge-patch+json", Some(known)) => disowned(known, &sent()),
                (_, Some(mut known)) => {
                    merge(&mut known, sent());
                    known
                }
            }
        }
        (&Method::DELETE, Some(_)) => {
            store.objects.remove(path);
            return said(StatusCode::OK, &json!({"kind": "Status", "apiVersion": "v1", "status": "Success"}));
        }
        _ => return refused(StatusCode::NOT_FOUND, "NotFound"),
    };
    said(StatusCode::OK, &store.put(path, changed))
}

fn list(store: &Store, path: &str, query: &str) -> Response {
    let name = query.split('&').find_map(|part| part.strip_prefix("fieldSelector=metadata.name%3D"));
    let prefix = format!("{path}/");
    let below = store.objects.iter().filter_map(|(path, object)| Some((path.strip_prefix(&prefix)?, object)));
    let items: Vec<_> =
        below.filter(|(place, _)| name.is_none_or(|name| *place == name)).map(|(_, object)| object).collect();
    let metadata = json!({"resourceVersion": store.version.to_string()});
    said(StatusCode::OK, &json!({"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": items}))
}

/// What is applied stands beside the annotations of others and the status.
fn applied(known: Value, mut sent: Value) -> Value {
    let mut annotations = known["metadata"]["annotations"].clone();
    merge(&mut annotations, sent["metadata"]["annotations"].take());
    sent["metadata"]["annotations"] = annotations;
    sent["status"] = known["status"].clone();
    sent
}

fn merge(known: &mut Value, sent: Value) {
    match sent {
        Value::Object(fields) if known.is_object() || known.is_null() => {
            fields.into_iter().for_each(|(field, value)| merge(&mut known[field], value));
        }
        other => *known = other,
    }
}

/// The one strategic patch there is: an owner goes.
fn disowned(mut known: Value, sent: &Value) -> Value {
    let uid = &sent["metadata"]["ownerReferences"][0]["uid"];
    if let Some(owners) = known["metadata"]["ownerReferences"].as_array_mut() {
        owners.retain(|owner| owner["uid"] != *uid);
    }
    known
}
