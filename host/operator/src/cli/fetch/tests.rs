//! Servers that answer, lie, break and hang; and what is on the disk afterwards.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use super::*;

const FILE: &str = "{\"genesis\":{}}";
const KEY: &str = "an-api-key";
const SHORT: Patience = Patience { silence: Duration::from_millis(100), pause: Duration::ZERO, idle: 3 };

/// Answers each path with the same bytes; `/silent` with none.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let reply = move |mut stream: TcpStream| {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let request = lines.next().unwrap().unwrap();
        while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
        let answer = |status: &str, length: usize, more: &str| {
            format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{more}\r\n")
        };
        let text = match request.split([' ', '/', '?']).nth(2).unwrap() {
            "file" => answer("200 OK", FILE.len(), "") + FILE,
            "truncated" => answer("200 OK", FILE.len() + 1, "") + FILE,
            "moved" => answer("302 Found", 0, "Location: /file\r\n"),
            "round" => answer("302 Found", 0, "Location: /round\r\n"),
            "failing" => answer("503 Service Unavailable", 0, ""),
            "silent" => return drop(lines.next()),
            _ => answer("404 Not Found", 9, "") + "not found",
        };
        stream.write_all(text.as_bytes()).unwrap();
    };
    thread::spawn(move || listener.incoming().for_each(|stream| _ = thread::spawn(move || reply(stream.unwrap()))));
    format!("http://{address}")
}

fn args(url: String, sha256: String, to: PathBuf) -> Args {
    Args { url, sha256, to, max_mib: 1 }
}

/// Fetches into a fresh directory. Gives the error, if there is one, and what is in the directory afterwards.
fn fetched(url: String, digest: &str) -> (Option<String>, Vec<(String, String)>) {
    let directory = tempfile::tempdir().unwrap();
    let args = args(url, digest.into(), directory.path().join("rollup.json"));
    // Only who never answers is not worth waiting for.
    let patience = if args.url.contains("/silent") { SHORT } else { Patience { pause: Duration::ZERO, ..PATIENCE } };
    let error = args.run_within(patience).err().map(|error| format!("{error:#}"));
    let entries = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap());
    let files =
        entries.map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read_to_string(entry.path()).unwrap()));
    (error, files.collect())
}

#[test]
fn the_file_is_there_only_if_all_of_it_is_right() {
    let server = serve();
    let right = hex::encode(Sha256::digest(FILE));
    let there = vec![("rollup.json".to_string(), FILE.to_string())];
    assert_eq!(fetched(format!("{server}/file?{KEY}"), &right), (None, there.clone()));
    assert_eq!(fetched(format!("{server}/file?{KEY}"), &right.to_uppercase()), (None, there.clone()));
    assert_eq!(fetched(format!("{server}/moved?{KEY}"), &right), (None, there), "a redirection is followed");
    let wrong = "ab".repeat(32);
    for (path, digest, says) in [
        ("file", &wrong, format!("the file fetched has the SHA-256 {right}, not {wrong}")),
        ("none", &right, "404 Not Found".into()),
        ("failing", &right, "503 Service Unavailable".into()),
        ("truncated", &right, "end of file before message length reached".into()),
        ("round", &right, "too many redirects".into()),
        ("silent", &right, "timed out".into()),
    ] {
        let (error, files) = fetched(format!("{server}/{path}?{KEY}"), digest);
        let error = error.unwrap_or_else(|| panic!("{path}: no error"));
        assert!(error.contains(&says), "{path}: {error}");
        assert!(!error.contains(KEY), "{path}: {error}");
        assert!(files.is_empty(), "{path}: {files:?}");
    }
}

#[test]
fn a_file_that_is_right_is_not_fetched_again() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), FILE).unwrap();
    let sha256 = hex::encode(Sha256::digest(FILE));
    // Nobody listens on port 9.
    let args = |sha256: String| args("http://127.0.0.1:9".into(), sha256, file.path().into());
    args(sha256).run().unwrap();
    let error = format!("{:#}", args("ab".repeat(32)).run().unwrap_err());
    assert!(error.starts_with("failed to fetch the file: "), "{error}");
    assert_eq!(std::fs::read_to_string(file.path()).unwrap(), FILE);
}

/// A server of one file that closes each connection after so many bytes of a body, and says what it was asked.
struct Flaky {
    body: Vec<u8>,
    /// Bytes of a body; without a bound where absent.
    each: Option<usize>,
    /// Whether it knows ranges.
    ranges: bool,
    /// Whether it says how long a body is.
    length: bool,
}

impl Flaky {
    fn answer(&self, stream: &mut TcpStream, from: usize) -> std::io::Result<()> {
        let from = if self.ranges { from } else { 0 };
        let rest = &self.body[from..];
        let mut head = match from {
            0 => "HTTP/1.1 200 OK\r\nETag: \"one\"\r\n".to_string(),
            _ => {
                let (last, all) = (self.body.len() - 1, self.body.len());
                format!("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {from}-{last}/{all}\r\n")
            }
        };
        if self.length {
            head += &format!("Content-Length: {}\r\n", rest.len());
        }
        stream.write_all((head + "Connection: close\r\n\r\n").as_bytes())?;
        stream.write_all(&rest[..self.each.unwrap_or(rest.len()).min(rest.len())])
    }

    fn serve(self) -> (String, std::sync::mpsc::Receiver<Option<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, asks) = std::sync::mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
                let header = |name: &str| {
                    let mut lines = head.iter().filter_map(|line| line.split_once(": "));
                    lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_string())
                };
                let range = header("range");
                assert_eq!(header("if-range"), range.as_ref().map(|_| "\"one\"".to_string()), "of one version");
                let from =
                    range.as_deref().and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
                if asked.send(range).is_err() {
                    return;
                }
                // Whoever has enough closes the connection.
                let _ = self.answer(&mut stream, from.unwrap_or(0));
            }
        });
        (format!("http://{address}/file"), asks)
    }
}

fn body(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index % 251) as u8).collect()
}

/// Gives the error, the ranges asked for, and whether the file is there with all that it should hold.
fn fetched_from(server: Flaky) -> (Option<String>, Vec<Option<String>>, bool) {
    let directory = tempfile::tempdir().unwrap();
    let (to, body) = (directory.path().join("genesis"), server.body.clone());
    let (url, asks) = server.serve();
    let args = args(url, hex::encode(Sha256::digest(&body)), to.clone());
    let error = args.run_within(Patience { silence: PATIENCE.silence, ..SHORT }).err();
    let is_there = std::fs::read(&to).is_ok_and(|found| found == body);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), usize::from(is_there), "half a file is left");
    (error.map(|error| format!("{error:#}")), asks.try_iter().collect(), is_there)
}

#[test]
fn a_broken_connection_is_resumed_where_it_broke() {
    let (error, asks, is_there) =
        fetched_from(Flaky { body: body(250_000), each: Some(100_000), ranges: true, length: true });
    assert_eq!(error, None);
    assert!(is_there);
    assert_eq!(asks, [None, Some("bytes=100000-".to_string()), Some("bytes=200000-".to_string())]);
}

#[test]
fn a_server_without_ranges_that_always_breaks_is_given_up() {
    let (error, asks, is_there) =
        fetched_from(Flaky { body: body(2000), each: Some(1000), ranges: false, length: true });
    assert!(error.is_some_and(|error| error.contains("end of file before message length reached")));
    assert!(!is_there);
    assert_eq!(asks.len(), 4, "the first, and three that brought nothing new: {asks:?}");
}

#[test]
fn no_more_than_is_allowed_is_written_whatever_the_server_says() {
    for length in [true, false] {
        let (error, _, is_there) =
            fetched_from(Flaky { body: body(1024 * 1024 + 1), each: None, ranges: false, length });
        assert!(error.is_some_and(|error| error.contains("1 MiB that --max-mib allows")), "{length}");
        assert!(!is_there);
    }
    let (error, _, is_there) = fetched_from(Flaky { body: body(1024 * 1024), each: None, ranges: false, length: true });
    assert_eq!((error, is_there), (None, true), "what just fits");
}
