//! An HTTP server for few clients that anybody may reach: bounded in connections, in headers and in time.
//!
//! Each client's address has its own share of connections, so that one that takes all it can get shuts out no other: the
//! kubelet's question whether the operator lives comes through the same door.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

/// Connections at once.
const CONNECTIONS: usize = 256;
/// Connections of one client's address.
const PER_CLIENT: usize = 16;
/// A request's line and headers, in bytes.
const HEADERS: usize = 16 * 1024;
/// Its headers.
const HEADER_COUNT: usize = 64;
/// They have to be there within this time, and the next request has to begin within it.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
/// A connection takes no further request after this time.
const LIFE: Duration = Duration::from_secs(120);
/// What is being answered at its end may take so long.
const GRACE: Duration = Duration::from_secs(10);

/// Serves until `stop`, and then until what was begun is answered.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let (places, connections) = (Places::default(), TaskTracker::new());
    loop {
        let accepted = tokio::select! { accepted = listener.accept() => accepted, () = stop.cancelled() => break };
        let (stream, client) = match accepted {
            Ok((stream, client)) => (stream, client.ip().to_canonical()),
            Err(error) => {
                pause(&error).await;
                continue;
            }
        };
        // Who gets no place finds the connection closed.
        if let Some(place) = places.take(client) {
            let (router, stop) = (router.clone(), stop.clone());
            connections.spawn(async move {
                connection(stream, router, stop).await;
                drop(place);
            });
        }
    }
    connections.close();
    connections.wait().await;
}

/// Where the client is at fault there is nothing to wait for; where files have run out there is.
async fn pause(error: &io::Error) {
    let is_clients = matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    );
    if !is_clients {
        warn!(%error, "failed to accept a connection");
        sleep(Duration::from_secs(1)).await;
    }
}

async fn connection(stream: TcpStream, router: Router, stop: CancellationToken) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADERS_WITHIN).max_buf_size(HEADERS).max_headers(HEADER_COUNT);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)));
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = sleep(LIFE) => end(connection).await,
        () = stop.cancelled() => end(connection).await,
    };
    if let Err(error) = served {
        debug!(%error, "a connection ended badly");
    }
}

/// Lets the request at hand be answered.
async fn end(mut connection: std::pin::Pin<&mut Connection>) -> hyper::Result<()> {
    connection.as_mut().graceful_shutdown();
    timeout(GRACE, connection).await.unwrap_or(Ok(()))
}

type Connection = http1::Connection<TokioIo<TcpStream>, TowerToHyperService<Router>>;

/// Places for connections.
#[derive(Clone, Default)]
struct Places(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One of them. Goes back when dropped.
struct Place {
    places: Places,
    client: IpAddr,
}

impl Places {
    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, client: IpAddr) -> Option<Place> {
        let mut taken = self.lock();
        let (all, own) = (taken.values().sum::<usize>(), taken.get(&client).copied().unwrap_or_default());
        if all >= CONNECTIONS || own >= PER_CLIENT {
            return None;
        }
        taken.insert(client, own + 1);
        Some(Place { places: self.clone(), client })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        let Some(own) = taken.get_mut(&self.client) else { return };
        *own = own.saturating_sub(1);
        if *own == 0 {
            taken.remove(&self.client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use std::net::SocketAddr;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpSocket;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

    async fn start() -> (SocketAddr, CancellationToken) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let router = Router::new().route("/", get(|| async { "well" }));
        tokio::spawn(serve(listener, router, stop.clone()));
        (address, stop)
    }

    async fn connect(from: &str, to: SocketAddr) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(from.parse().unwrap(), 0)).unwrap();
        socket.connect(to).await.unwrap()
    }

    /// What comes after these words, till the connection is closed.
    async fn said(stream: &mut TcpStream, words: &[u8]) -> String {
        let mut answer = vec![];
        // A connection that was closed before may be reset.
        let _ = stream.write_all(words).await;
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[tokio::test]
    async fn a_client_that_takes_all_connections_shuts_out_no_other() {
        let (address, _stop) = start().await;
        let mut held = vec![];
        for _ in 0..PER_CLIENT {
            held.push(connect("127.0.0.2", address).await);
        }
        assert_eq!(said(&mut connect("127.0.0.2", address).await, REQUEST).await, "");
        assert!(said(&mut connect("127.0.0.3", address).await, REQUEST).await.ends_with("well"));
        // All of them were served, and go on to be.
        assert!(said(&mut held.swap_remove(0), REQUEST).await.ends_with("well"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_does_not_come_to_its_end_is_given_up() {
        let (address, _stop) = start().await;
        for begun in ["", "GET / HTTP/1.1\r\nHost: local"] {
            let mut slow = connect("127.0.0.2", address).await;
            assert!(!said(&mut slow, begun.as_bytes()).await.contains("well"), "{begun:?}");
        }
    }

    #[tokio::test]
    async fn headers_without_end_are_refused() {
        let (address, _stop) = start().await;
        let long = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(2 * HEADERS));
        let many = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: x\r\n".repeat(2 * HEADER_COUNT));
        for request in [long, many] {
            let answer = said(&mut connect("127.0.0.2", address).await, request.as_bytes()).await;
            assert!(!answer.contains("well") && (answer.is_empty() || answer.contains(" 431 ")), "{answer}");
        }
    }

    #[tokio::test]
    async fn what_was_begun_is_answered_when_it_stops() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let slow = || async {
            sleep(Duration::from_millis(100)).await;
            "well"
        };
        let served = tokio::spawn(serve(listener, Router::new().route("/", get(slow)), stop.clone()));
        let mut stream = connect("127.0.0.2", address).await;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        sleep(Duration::from_millis(50)).await;
        stop.cancel();
        assert!(said(&mut stream, b"").await.ends_with("well"));
        served.await.unwrap();
    }
}
