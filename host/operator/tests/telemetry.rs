//! What is logged of answers that don't parse. A program of its own: what other tests log at the same time would decide which events
//! this one sees.

use axum::Router;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client, Config};
use opstack_operator::telemetry::is_harmless;
use std::io;
use std::sync::{Arc, Mutex};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is logged, at the most verbose level, of a list of Secrets that is cut off; and the error.
async fn told_of_half_an_answer(only_harmless: bool) -> (String, String) {
    let log = Log::default();
    let writer = log.clone();
    let lines = fmt::layer().with_writer(move || writer.clone());
    let harmless = filter_fn(move |event| !only_harmless || is_harmless(event));
    let _guard = tracing_subscriber::registry().with(EnvFilter::new("trace")).with(harmless).with(lines).set_default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let half = Router::new().fallback(|| async { r#"{"items": [{"data": {"key": "aHVudGVyMjI="}"# });
    let server = tokio::spawn(async move { axum::serve(listener, half).await });
    let client = Client::try_from(Config::new(url.parse().unwrap())).unwrap();
    let error = Api::<Secret>::all(client).list(&Default::default()).await.unwrap_err();
    server.abort();
    let text = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    (text, format!("{error} {error:?}"))
}

#[tokio::test]
async fn an_answer_that_does_not_parse_is_not_logged() {
    opstack_operator::run::install_crypto();
    let (log, error) = told_of_half_an_answer(true).await;
    assert!(log.contains("/api/v1/secrets"), "something is logged: {log}");
    assert!(!log.contains("aHVudGVyMjI") && !error.contains("aHVudGVyMjI"), "{log} {error}");
    let (log, _) = told_of_half_an_answer(false).await;
    assert!(log.contains("aHVudGVyMjI"), "the client no longer tells it, so nothing has to be left out: {log}");
}
