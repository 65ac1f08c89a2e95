//! Logs and traces.

use anyhow::Context as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Metadata;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::cli::run::{LogArgs, LogFormat};

/// Sends the last spans when it is dropped.
pub struct Guard(Option<SdkTracerProvider>);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.0.as_ref().map(SdkTracerProvider::shutdown) {
            eprintln!("opstack: failed to send the last traces: {error}");
        }
    }
}

/// Starts logging to standard error, and tracing if there is somewhere to send traces.
///
/// # Errors
/// When the filter or the endpoint is no good.
pub fn start(args: &LogArgs) -> anyhow::Result<Guard> {
    let filter = EnvFilter::try_new(&args.log_filter).with_context(|| {
        format!("--log-filter {:?}: use LEVEL or TARGET=LEVEL, separated by commas", args.log_filter)
    })?;
    let lines = match args.log_format {
        LogFormat::Text => fmt::layer().with_writer(std::io::stderr).boxed(),
        LogFormat::Json => fmt::layer().json().flatten_event(true).with_writer(std::io::stderr).boxed(),
    };
    let provider = args.otlp_endpoint.as_deref().map(provider).transpose()?;
    let traces =
        provider.as_ref().map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer("opstack")));
    tracing_subscriber::registry()
        .with(filter)
        .with(filter_fn(is_harmless))
        .with(lines)
        .with(traces)
        .try_init()
        .context("failed to start logging")?;
    Ok(Guard(provider))
}

/// Whether an event holds no body of the API server. Its client tells those that don't parse and those that refuse, and a body may
/// be a list of Secrets. The errors that it returns hold none of it, and we tell those.
fn is_harmless(event: &Metadata<'_>) -> bool {
    event.is_span() || event.target() != "kube_client::client"
}

fn provider(endpoint: &str) -> anyhow::Result<SdkTracerProvider> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_endpoint(endpoint)
        .build()
        .with_context(|| format!("--otlp-endpoint {endpoint:?}"))?;
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).build())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use k8s_openapi::api::core::v1::Secret;
    use kube::{Api, Client, Config};
    use std::io;
    use std::sync::{Arc, Mutex};

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
        let _guard =
            tracing_subscriber::registry().with(EnvFilter::new("trace")).with(harmless).with(lines).set_default();
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
        crate::run::install_crypto();
        let (log, error) = told_of_half_an_answer(true).await;
        assert!(log.contains("/api/v1/secrets"), "something is logged: {log}");
        assert!(!log.contains("aHVudGVyMjI") && !error.contains("aHVudGVyMjI"), "{log} {error}");
        let (log, _) = told_of_half_an_answer(false).await;
        assert!(log.contains("aHVudGVyMjI"), "the client no longer tells it, so nothing has to be left out: {log}");
    }
}
