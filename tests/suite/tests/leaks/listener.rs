//! An HTTP server that remembers what it hears and, if it is asked to, repeats it: as servers do in error pages.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use serde_json::json;

/// Serves until the process ends.
pub struct Listener {
    address: SocketAddr,
    heard: Arc<Mutex<String>>,
}

impl Listener {
    /// Starts one.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let heard = Arc::<Mutex<String>>::default();
        let remembered = heard.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let heard = remembered.clone();
                // A client that goes away is no failure.
                thread::spawn(move || drop(serve(&stream, &heard)));
            }
        });
        Self { address, heard }
    }

    /// `host:port`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// All that was sent to it.
    pub fn heard(&self) -> String {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn serve(stream: &TcpStream, heard: &Mutex<String>) -> std::io::Result<()> {
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let header =
            |name: &str| head.lines().find_map(|line| line.to_lowercase().strip_prefix(name).map(str::to_string));
        let length = header("content-length:").and_then(|length| length.trim().parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let body = String::from_utf8_lossy(&body);
        heard.lock().unwrap_or_else(PoisonError::into_inner).push_str(&format!("{head}{body}\n"));
        writer.write_all(answer(&head).as_bytes())?;
    }
}

/// Repeats the path and the credentials: as an error of JSON-RPC, or as a page that is none.
fn answer(head: &str) -> String {
    let path = head.split(' ').nth(1).unwrap_or_default();
    let credentials = head.lines().find(|line| line.to_lowercase().starts_with("authorization:")).unwrap_or_default();
    let said = format!("no project at {path} for {credentials}");
    let (status, body) = match path.split('/').nth(1) {
        Some("page") => ("404 Not Found", said),
        Some("result") => ("200 OK", json!({"jsonrpc": "2.0", "id": 0, "result": said}).to_string()),
        Some("error") => {
            ("200 OK", json!({"jsonrpc": "2.0", "id": 0, "error": {"code": -32000, "message": said}}).to_string())
        }
        _ => ("200 OK", String::new()),
    };
    format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}
