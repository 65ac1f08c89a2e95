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
pub fn is_harmless(event: &Metadata<'_>) -> bool {
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
