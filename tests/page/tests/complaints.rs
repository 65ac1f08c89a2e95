//! Whatever goes wrong in a page is heard: a test that sees no complaint has seen that there was none.

use page::{Browser, Theme};
use std::time::Duration;

const WITHIN: Duration = Duration::from_secs(60);

#[test]
fn what_goes_wrong_in_a_page_is_heard() {
    let program = match page::browser() {
        Ok(program) => program,
        Err(why) => {
            println!("skipped: {why}");
            return;
        }
    };
    let mut browser = Browser::start(&program).unwrap_or_else(|error| panic!("{error:#}"));
    for (html, complaint) in [
        ("<p>all is well<script>console.log('fine')</script>", None),
        ("<script>console.error('wrong', 'here')</script>", Some("console: wrong here")),
        ("<script>setTimeout(() => nothing.at.all)</script>", Some("threw: ReferenceError")),
        ("<script>Promise.reject(new Error('no'))</script>", Some("threw: Error: no")),
        ("<script src='http://127.0.0.1:9/none.js'></script>", Some("network: ")),
        (
            "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'\"><p style='color: red'>x",
            Some("security: "),
        ),
    ] {
        let heard = complaints(&mut browser, html).unwrap_or_else(|error| panic!("{html}: {error:#}"));
        match complaint {
            None => assert_eq!(heard, [""; 0], "{html}"),
            Some(start) => assert!(heard.iter().any(|heard| heard.starts_with(start)), "{html}: {heard:?}"),
        }
    }
}

/// What a page complains of until it is loaded, and its timers have fired: those of equal delay fire in their order.
fn complaints(browser: &mut Browser, html: &str) -> anyhow::Result<Vec<String>> {
    let mut page = browser.open(&format!("data:text/html,<!doctype html>{html}"), Theme::Light)?;
    page.wait("document.readyState === 'complete'", WITHIN)?;
    page.evaluate("new Promise((done) => setTimeout(done))")?;
    page.complaints()
}
