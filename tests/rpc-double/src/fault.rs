//! How an answer can be spoilt.

use std::time::Duration;

/// One way to misbehave. The work that was asked for is done and recorded before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Never answers; ends when the other side closes.
    Hang,
    /// Answers after [`Double::release`](crate::Double::release).
    Hold,
    /// Answers so much later, by tokio's clock.
    Slow(Duration),
    /// Another HTTP status, with the request's path in the body.
    Status(u16),
    /// Status 200 and this text.
    Text(String),
    /// Announces the whole answer, sends half of it and closes.
    Half,
    /// Closes without a word.
    Close,
    /// A well-formed answer of about so many bytes.
    Huge(usize),
    /// A batch's answers in the opposite order.
    Shuffled,
    /// A batch's last answer is missing.
    Missing,
    /// One error in place of a batch's answers.
    Refused(i64, String),
    /// Sends the client elsewhere.
    Redirect(String),
}
