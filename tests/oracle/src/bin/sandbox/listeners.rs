//! Whoever a program talks to: connections are accepted, noted, and never answered.

use anyhow::{Context as _, Result};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{self, Receiver};
use std::thread;

/// Listens, and tells of each connection.
pub fn open(addresses: &[SocketAddr]) -> Result<Receiver<SocketAddr>> {
    let (sender, dialled) = mpsc::channel();
    for address in addresses.iter().copied() {
        let listener = TcpListener::bind(address).with_context(|| format!("nobody can listen at {address}"))?;
        let sender = sender.clone();
        thread::spawn(move || {
            let mut held = vec![];
            while let Ok((stream, _)) = listener.accept() {
                held.push(stream);
                if sender.send(address).is_err() {
                    return;
                }
            }
        });
    }
    Ok(dialled)
}
