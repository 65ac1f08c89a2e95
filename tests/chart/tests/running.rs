//! The chart on a node: the operator is installed as users do it, goes and comes again, is brought to another image, and
//! nothing of that reaches a chain.
//!
//! The images of the chain's Pods are not there, so these are scheduled and wait: what counts is that they are the same Pods
//! afterwards.

mod support;

use anyhow::{Result, ensure};
use chart::Helm;
use cluster::{Cluster, Image, Life, images};
use serde_json::{Value, json};
use support::chain::{self, Chain, IN, SOON, beside_tests, components, looked_again, make_namespace};

/// Where the operator is.
const NAMESPACE: &str = "opstack-system";

#[test]
fn a_chain_does_not_notice_that_its_operator_goes_and_comes() -> Result<()> {
    if let Some(why) = cluster::why_not() {
        println!("skipped: {why}");
        return Ok(());
    }
    let helm = Helm::find()?;
    let cluster = Cluster::start(&beside_tests("cluster")?, Life::OfThisProcess)?;
    if cluster.is_found() {
        println!("skipped: the cluster was up before this test, and may have an operator already");
        return Ok(());
    }
    let [image, next] = operator_images()?;
    cluster.load(&[image.clone(), next.clone()])?;
    let kubectl = cluster.kubectl()?;
    let release = helm.release(&cluster.kubeconfig(), NAMESPACE);
    make_namespace(&kubectl, NAMESPACE)?;
    make_namespace(&kubectl, chain::NAMESPACE)?;

    release.apply(&values(&image))?;
    kubectl.run(["wait", "plugins", "--all", "--for=condition=Loaded", SOON])?;
    assert_eq!(kubectl.run(["get", "plugins", "--output=name"])?.lines().count(), 7);
    kubectl.apply(&chain::chain().to_string())?;
    kubectl.run([IN, "wait", "opnode/node", "--for=jsonpath={.status.applied}", SOON])?;
    kubectl.run([IN, "wait", "pod/node-0", "--for=condition=PodScheduled", SOON])?;
    looked_again(&kubectl)?;
    let before = Chain::of(&kubectl)?;
    ensure!(before.children.len() > 4, "hardly any children: {:?}", before.children);

    release.uninstall()?;
    assert_eq!(Chain::of(&kubectl)?, before, "after the operator went");
    release.apply(&values(&image))?;
    looked_again(&kubectl)?;
    assert_eq!(Chain::of(&kubectl)?, before, "after the operator came again");

    release.apply(&values(&next))?;
    looked_again(&kubectl)?;
    assert_eq!(Chain::of(&kubectl)?, before, "after the operator was replaced");
    Ok(())
}

/// The operator's image, and the same under the name of a next version.
fn operator_images() -> Result<[Image; 2]> {
    let image = images::of_opstack(beside_tests("opstack")?, &components())?;
    let next = Image { name: images::name("opstack", "next"), ..image.clone() };
    Ok([image, next])
}

fn values(image: &Image) -> Value {
    let (repository, tag) = image.name.rsplit_once(':').unwrap_or((&image.name, ""));
    json!({ "image": { "repository": repository, "tag": tag, "pullPolicy": "Never" } })
}
