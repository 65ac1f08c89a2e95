//! Under which names the page is visited.
//!
//! A stranger's page can give its own name the address of ours, and so let the browser of somebody who may reach ours read it
//! there. The browser then sends the stranger's name in `Host`: names that nobody has given to the page are refused.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::HOST;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;
use std::sync::Arc;

/// The names of the page.
#[derive(Clone, Debug)]
pub struct Hosts(Arc<[String]>);

impl Hosts {
    /// These, beside `localhost` and all addresses: an address is nobody's to redirect.
    pub fn new(names: Vec<String>) -> Self {
        Self(names.into_iter().map(|name| name.to_ascii_lowercase()).collect())
    }

    /// Whether the page is known as what stands in `Host`.
    fn know(&self, host: &str) -> bool {
        let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, _)) => address,
            None => host.rsplit_once(':').map_or(host, |(name, _)| name),
        };
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        name == "localhost" || name.parse::<IpAddr>().is_ok() || self.0.contains(&name)
    }
}

/// Lets only requests through that name the page as it is known.
pub async fn check(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    match host {
        Some(host) if hosts.know(host) => next.run(request).await,
        _ => {
            let told = "this page is not known by that name; opstack run --page-host NAME makes one known\n";
            (StatusCode::MISDIRECTED_REQUEST, told).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server;
    use axum::Router;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio_util::sync::CancellationToken;

    #[tokio::test]
    async fn a_name_that_a_stranger_gave_the_page_leads_to_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let hosts = Hosts::new(vec!["Opstack.example".into()]);
        let router = Router::new().route("/", get(|| async { "well" })).layer(from_fn_with_state(hosts, check));
        tokio::spawn(server::serve(listener, router, CancellationToken::new()));
        for (host, code) in [
            ("localhost:8081", 200),
            ("LOCALHOST", 200),
            ("127.0.0.1:8081", 200),
            ("[::1]:8081", 200),
            ("10.0.0.7", 200),
            ("opstack.example.", 200),
            ("rebinds.example:8081", 421),
            ("localhost.rebinds.example", 421),
            ("127.0.0.1.rebinds.example:8081", 421),
            ("", 421),
        ] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with(&format!("HTTP/1.1 {code} ")), "{host:?}: {answer}");
        }
    }
}
