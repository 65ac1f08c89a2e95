//! A browser without a window, for tests of the operator's page: what it shows, what it complains about, and a picture of it.
//!
//! It is Chromium, spoken to by the DevTools protocol through a pipe. Where there is none, a test says `skipped: why`.
//!
//! ```no_run
//! let Ok(program) = page::browser() else { return };
//! let seen = page::look(&program, "http://127.0.0.1:8081/", "target/page.png".as_ref()).unwrap();
//! assert_eq!(seen.complaints, [""; 0]);
//! ```

mod browser;
mod pipe;

use std::{env, path::Path, path::PathBuf, time::Duration};

use anyhow::Result;

pub use browser::{Browser, Page, Theme};

/// Names of the program, the first that is there counts.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// A busy machine takes its time.
const SHOWN_WITHIN: Duration = Duration::from_secs(60);
/// The page says by this that it has drawn what the operator told.
const SHOWN: &str = "document.body?.dataset.state === 'shown'";

/// What a browser made of the page.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Errors and warnings of the console, requests that failed, scripts that threw.
    pub complaints: Vec<String>,
    /// All text of the page.
    pub text: String,
}

/// The browser of this machine: `OPSTACK_BROWSER`, or what is on the `PATH`.
///
/// # Errors
/// Says that there is none, and how to get one.
pub fn browser() -> Result<PathBuf, String> {
    if let Some(path) = env::var_os("OPSTACK_BROWSER") {
        return Ok(path.into());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let candidates = NAMES.iter().flat_map(|name| env::split_paths(&path).map(move |directory| directory.join(name)));
    let found = candidates.into_iter().find(|candidate| candidate.is_file());
    found.ok_or_else(|| "there is no Chromium on the PATH: apt-get install chromium".into())
}

/// Opens the operator's page, waits until it shows something, and keeps a picture of all of it.
///
/// # Errors
/// When the browser can't be started, or the page shows nothing within a minute.
pub fn look(program: &Path, url: &str, picture: &Path) -> Result<Seen> {
    let mut browser = Browser::start(program)?;
    let mut page = browser.open(url, Theme::Light)?;
    page.wait(SHOWN, SHOWN_WITHIN)?;
    page.picture(picture)?;
    let text = page.evaluate("document.body.innerText + document.getElementById('picture').textContent")?;
    Ok(Seen { text: text.as_str().unwrap_or_default().into(), complaints: page.complaints()? })
}
