//! A browser, and a page in it.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::pipe::Pipe;

const POLL_INTERVAL: Duration = Duration::from_millis(50);
const SIZE: (u32, u32) = (1440, 900);

/// What the user's system is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// A browser without a window. It ends with the value.
pub struct Browser {
    pipe: Pipe,
    _profile: TempDir,
}

/// A page that is open.
pub struct Page<'a> {
    pipe: &'a mut Pipe,
    session: String,
    complaints: Vec<String>,
}

impl Browser {
    /// Starts one with a profile of its own, which asks nobody for anything.
    ///
    /// # Errors
    /// When the program can't be started.
    pub fn start(program: &Path) -> Result<Self> {
        let profile = tempfile::tempdir().context("failed to make a directory")?;
        let mut arguments: Vec<String> = [
            "--headless",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
            "--no-proxy-server",
            "--hide-scrollbars",
        ]
        .map(Into::into)
        .into();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        // Chromium refuses to run as root with its own sandbox. The page is ours.
        if rustix::process::geteuid().is_root() {
            arguments.push("--no-sandbox".into());
        }
        Ok(Self { pipe: Pipe::start(program, &arguments)?, _profile: profile })
    }

    /// Opens a page; it may still be loading.
    ///
    /// # Errors
    /// When the browser does not do as it is told.
    pub fn open(&mut self, url: &str, theme: Theme) -> Result<Page<'_>> {
        let target = self.pipe.call(None, "Target.createTarget", json!({"url": "about:blank"}))?;
        let attached =
            self.pipe.call(None, "Target.attachToTarget", json!({"targetId": target["targetId"], "flatten": true}))?;
        let session = attached["sessionId"].as_str().context("a session")?.to_string();
        let mut page = Page { pipe: &mut self.pipe, session, complaints: vec![] };
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            page.call(domain, json!({}))?;
        }
        page.theme(theme)?;
        page.resize(SIZE.0, SIZE.1)?;
        let navigated = page.call("Page.navigate", json!({"url": url}))?;
        if let Some(error) = navigated["errorText"].as_str() {
            bail!("{url}: {error}");
        }
        Ok(page)
    }
}

impl Page<'_> {
    fn call(&mut self, method: &str, parameters: Value) -> Result<Value> {
        self.pipe.call(Some(&self.session), method, parameters)
    }

    /// Sets what the user's system is set to.
    ///
    /// # Errors
    /// When the browser does not do as it is told.
    pub fn theme(&mut self, theme: Theme) -> Result<()> {
        let value = if theme == Theme::Dark { "dark" } else { "light" };
        let feature = json!({"name": "prefers-color-scheme", "value": value});
        self.call("Emulation.setEmulatedMedia", json!({"features": [feature]})).map(drop)
    }

    fn resize(&mut self, width: u32, height: u32) -> Result<()> {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", metrics).map(drop)
    }

    /// The value of an expression on the page.
    ///
    /// # Errors
    /// When it throws.
    pub fn evaluate(&mut self, expression: &str) -> Result<Value> {
        let parameters = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let mut answer = self.call("Runtime.evaluate", parameters)?;
        if !answer["exceptionDetails"].is_null() {
            bail!("{expression}: {}", thrown(&answer["exceptionDetails"]));
        }
        Ok(answer["result"]["value"].take())
    }

    /// Waits until an expression is true.
    ///
    /// # Errors
    /// When `within` is over; with the text of the page.
    pub fn wait(&mut self, expression: &str, within: Duration) -> Result<()> {
        let deadline = Instant::now() + within;
        while self.evaluate(expression)? != true {
            if Instant::now() >= deadline {
                let text = self.evaluate("document.body?.innerText ?? ''")?;
                bail!(
                    "waited {within:?} in vain for {expression}; the page: {text}; it complains: {:?}",
                    self.complaints()?
                );
            }
            thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }

    /// Presses a key, by its name in the DOM: `Tab`, `Enter`.
    ///
    /// # Errors
    /// When the browser does not do as it is told.
    pub fn press(&mut self, key: &str) -> Result<()> {
        let code = if key == "Tab" { 9 } else { 13 };
        let event = |kind| json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code});
        self.call("Input.dispatchKeyEvent", event("rawKeyDown"))?;
        self.call("Input.dispatchKeyEvent", event("keyUp")).map(drop)
    }

    /// Keeps a picture of the whole page as a PNG file.
    ///
    /// # Errors
    /// When the browser makes none, or the file can't be written.
    pub fn picture(&mut self, path: &Path) -> Result<()> {
        let tall = self.evaluate("document.documentElement.scrollHeight")?;
        let wide = self.evaluate(
            "Math.max(document.documentElement.scrollWidth, document.getElementById('picture')?.scrollWidth + 64 || 0)",
        )?;
        let pixels =
            |value: &Value, least: u32| value.as_u64().and_then(|v| u32::try_from(v).ok()).unwrap_or(least).max(least);
        self.resize(pixels(&wide, SIZE.0).min(8000), pixels(&tall, SIZE.1).min(8000))?;
        let shot = self.call("Page.captureScreenshot", json!({"format": "png"}))?;
        let png = STANDARD.decode(shot["data"].as_str().context("the browser made no picture")?)?;
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).with_context(|| format!("failed to create {}", directory.display()))?;
        }
        fs::write(path, png).with_context(|| format!("failed to write {}", path.display()))
    }

    /// Errors and warnings of the console so far, requests that failed, and scripts that threw.
    ///
    /// # Errors
    /// When the browser has ended.
    pub fn complaints(&mut self) -> Result<Vec<String>> {
        // Its answer comes after all that happened before.
        self.evaluate("0")?;
        let session = self.session.as_str();
        let events = self.pipe.events();
        let ours = events.iter().filter(|event| event["sessionId"] == session);
        self.complaints.extend(ours.filter_map(complaint));
        Ok(self.complaints.clone())
    }
}

/// What an event complains of, if it does.
fn complaint(event: &Value) -> Option<String> {
    let parameters = &event["params"];
    match event["method"].as_str()? {
        "Runtime.exceptionThrown" => Some(thrown(&parameters["exceptionDetails"])),
        "Runtime.consoleAPICalled" if ["error", "warning", "assert"].iter().any(|kind| parameters["type"] == *kind) => {
            let texts = parameters["args"].as_array().into_iter().flatten();
            let texts: Vec<_> =
                texts.map(|text| text["value"].as_str().map_or_else(|| text.to_string(), Into::into)).collect();
            Some(format!("console: {}", texts.join(" ")))
        }
        "Log.entryAdded" if ["error", "warning"].iter().any(|level| parameters["entry"]["level"] == *level) => {
            let entry = &parameters["entry"];
            Some(format!("{}: {} {}", text(&entry["source"]), text(&entry["text"]), text(&entry["url"])))
        }
        _ => None,
    }
}

fn thrown(details: &Value) -> String {
    let description = details["exception"]["description"].as_str();
    format!("threw: {}", description.unwrap_or_else(|| text(&details["text"])))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
