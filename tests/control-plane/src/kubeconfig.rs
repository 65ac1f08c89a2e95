//! Kubeconfig files of the users of a control plane. They are written as JSON, which every reader of
//! YAML takes.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::{
    http::Client,
    pki::{self, Identity},
    plane::ControlPlane,
};

/// How a kubeconfig's user proves who it is.
pub(crate) enum Credentials<'a> {
    Token(&'a str),
    Certificate(&'a Identity),
}

impl ControlPlane {
    /// A kubeconfig of a user who is known by a client certificate. What the user may do is up to
    /// RBAC; at first that is nothing, unless the group brings something.
    pub fn user_kubeconfig(&self, user: &str, group: Option<&str>) -> Result<PathBuf> {
        let identity = self.pki.client(user, group)?;
        let path = identity.key.with_extension("kubeconfig");
        self.write_kubeconfig(&path, user, Credentials::Certificate(&identity))?;
        Ok(path)
    }

    /// A kubeconfig of an existing service account: what a program in the cluster would be.
    pub fn service_account_kubeconfig(&self, namespace: &str, name: &str) -> Result<PathBuf> {
        let token = self.service_account_token(namespace, name)?;
        let user = format!("system:serviceaccount:{namespace}:{name}");
        let path = self.directory().join(format!("kubeconfig-{}", pki::file_name(&user)));
        self.write_kubeconfig(&path, &user, Credentials::Token(&token))?;
        Ok(path)
    }

    /// Requests of an existing service account.
    pub fn service_account_client(&self, namespace: &str, name: &str) -> Result<Client> {
        self.client(self.service_account_token(namespace, name)?)
    }

    fn service_account_token(&self, namespace: &str, name: &str) -> Result<String> {
        let url = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
        let request = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": { "expirationSeconds": 24 * 60 * 60 },
        });
        let response = self.request("POST", &url, Some(&request))?;
        ensure!(response.is_success(), "no token for {namespace}/{name}: {}", response.text());
        let answer = response.json()?;
        Ok(answer["status"]["token"].as_str().context("an answer without a token")?.to_owned())
    }

    /// Writes a kubeconfig with one cluster, one user and one context.
    pub(crate) fn write_kubeconfig(&self, path: &Path, user: &str, credentials: Credentials<'_>) -> Result<()> {
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{
                "name": "control-plane",
                "cluster": {
                    "server": self.url(),
                    "certificate-authority": self.authority_path(),
                },
            }],
            "users": [{ "name": user, "user": user_entry(credentials) }],
            "contexts": [{
                "name": "control-plane",
                "context": { "cluster": "control-plane", "user": user, "namespace": "default" },
            }],
            "current-context": "control-plane",
        });
        fs::write(path, serde_json::to_vec_pretty(&config)?)
            .with_context(|| format!("failed to write {}", path.display()))
    }
}

fn user_entry(credentials: Credentials<'_>) -> Value {
    match credentials {
        Credentials::Token(token) => json!({ "token": token }),
        Credentials::Certificate(identity) => json!({
            "client-certificate": identity.certificate,
            "client-key": identity.key,
        }),
    }
}
