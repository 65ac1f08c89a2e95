//! What the tests ask of the API server that [`suite::Site`] does not: many requests, fast, and server-side apply.

use std::{sync::Once, time::Duration};

use anyhow::{Context as _, Result};
use control_plane::ControlPlane;
use opstack_operator::apply::document;
use reqwest::{Certificate, header};
use serde_json::Value;
use tokio::runtime::Runtime;

/// A client that trusts the plane's authority.
pub fn client(plane: &ControlPlane) -> Result<reqwest::Client> {
    static CRYPTO: Once = Once::new();
    // Fails only if it was chosen before, by the same choice.
    CRYPTO.call_once(|| _ = rustls::crypto::ring::default_provider().install_default());
    let authority = Certificate::from_pem(&std::fs::read(plane.authority_path())?)?;
    let builder = reqwest::Client::builder().tls_certs_only([authority]).http1_only().no_proxy();
    builder.build().context("failed to make a client")
}

/// A client of the user `admin` that waits for each answer.
pub struct Api {
    client: reqwest::Client,
    base: String,
    token: String,
    runtime: Runtime,
}

impl Api {
    /// A client of a plane.
    pub fn new(plane: &ControlPlane) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        Ok(Self { client: client(plane)?, base: plane.url(), token: plane.token().into(), runtime })
    }

    /// Applies an object on the server's side without keeping it. Gives what it would be, or why it is refused.
    pub fn dry_apply(&self, path: &str, object: &Value) -> Result<Result<Value, String>> {
        let request = self.client.patch(format!("{}{path}?dryRun=All&fieldManager=faults&force=true", self.base));
        // JSON is YAML.
        self.dry(request.header(header::CONTENT_TYPE, "application/apply-patch+yaml"), object)
    }

    /// Creates an object without keeping it. Gives what it would be, or why it is refused.
    pub fn dry_create(&self, path: &str, object: &Value) -> Result<Result<Value, String>> {
        let request = self.client.post(format!("{}{path}?dryRun=All", self.base));
        self.dry(request.header(header::CONTENT_TYPE, "application/json"), object)
    }

    /// The same where a field that the kind does not have is refused, as `kubectl` asks for it.
    pub fn strict_create(&self, path: &str, object: &Value) -> Result<Result<Value, String>> {
        let request = self.client.post(format!("{}{path}?dryRun=All&fieldValidation=Strict", self.base));
        self.dry(request.header(header::CONTENT_TYPE, "application/json"), object)
    }

    fn dry(&self, request: reqwest::RequestBuilder, object: &Value) -> Result<Result<Value, String>> {
        let request =
            request.bearer_auth(&self.token).timeout(Duration::from_secs(60)).body(document(object).get().to_owned());
        let answer = async {
            let answer = request.send().await?;
            Ok::<_, reqwest::Error>((answer.status(), answer.text().await?))
        };
        let (status, text) = self.runtime.block_on(answer)?;
        let answer: Value = serde_json::from_str(&text).with_context(|| format!("{status}: {text}"))?;
        let why = || format!("{}: {}", status.as_u16(), answer["message"].as_str().unwrap_or(&text));
        Ok(if status.is_success() { Ok(answer) } else { Err(why()) })
    }
}
