//! The operator's page of the living chain, in a browser.

use anyhow::{Context as _, Result, ensure};
use chain::{Site, operator};
use suite::plugins::root;

use crate::{figure, forward::Forward};

const PICTURE: &str = "target/page-living.png";

/// It shows every resource, as the documents say that one gets there, and the browser has nothing to complain of.
pub fn shows_the_chain(site: &Site) -> Result<()> {
    let program = match page::browser() {
        Ok(program) => program,
        Err(why) => {
            println!("skipped: {why}");
            return Ok(());
        }
    };
    let forward = Forward::start(site, operator::NAMESPACE, "deployment/opstack", operator::PAGE)?;
    let seen = page::look(&program, &format!("{}/", forward.url()), &root().join(PICTURE))?;
    ensure!(seen.complaints.is_empty(), "the browser complains: {:?}", seen.complaints);
    let objects = site.objects()?;
    for object in &objects {
        let name = object["metadata"]["name"].as_str().context("an object has a name")?;
        ensure!(seen.text.contains(name), "the page does not show {name}:\n{}", seen.text);
    }
    figure(
        'I',
        &format!("the page shows all {} resources without a complaint of the browser: {PICTURE}", objects.len()),
    );
    Ok(())
}
