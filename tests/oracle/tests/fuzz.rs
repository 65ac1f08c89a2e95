//! Random specs: what a plugin renders and calls honored, the real programs of both releases take.

use std::{env, path::Path, sync::Arc};

use anyhow::{Context as _, Result, anyhow, ensure};
use faults::{
    renderer::{Outcome, Rendered},
    specs::{Specs, runner},
};
use op_programs::Release;
use opstack_core::answer::Truth;
use opstack_operator::{plugins::Serving, schema::Schema};
use oracle::{Case, Judge, Refusal};
use proptest::strategy::{Strategy as _, ValueTree as _};
use serde_json::{Value, json};
use suite::plugins::root;

/// How many specs of each kind, where `OPSTACK_FUZZ` does not say.
const SPECS: usize = 100;
/// Of so many specs at least one is taken.
const SPARSE: usize = 40;

/// What the older release has not got: where, and with which words it refuses that.
const LATER: [(&str, &str); 1] = [
    // Permissioned games wanted op-program and a prestate, which they never use.
    ("op-challenger", "flag cannon-server is required"),
];

#[test]
fn the_programs_take_what_is_called_honored() -> Result<()> {
    let specs = Specs::load(&root())?;
    let workloads = specs.renderer.workloads();
    if workloads.is_empty() {
        println!("skipped: no plugin was built; run `cargo xtask build`");
        return Ok(());
    }
    let wanted = env::var("OPSTACK_FUZZ").ok().and_then(|text| text.parse().ok()).unwrap_or(SPECS);
    let mut cases = vec![];
    for serving in workloads.iter().filter(|serving| has_pods(serving)) {
        cases.extend(honored(&specs, serving, wanted)?);
    }
    let report = Judge::new(Path::new(env!("CARGO_BIN_EXE_sandbox")))?.judge(&cases, &Release::ALL);
    if report.is_skipped() {
        return Ok(());
    }
    println!("{report}");
    let refused: Vec<_> = report.refused.iter().filter(|one| !is_right(one)).map(|one| one.report.as_str()).collect();
    ensure!(refused.is_empty(), "{} refused:\n\n{}", refused.len(), refused.join("\n\n"));
    Ok(())
}

/// A network has no pods of its own.
fn has_pods(serving: &Serving) -> bool {
    serving.kind().is_some_and(|kind| kind.group_kind.kind.as_ref() != "OptimismNetwork")
}

/// So many specs of a kind that the plugin renders and calls honored, with what it renders.
fn honored(specs: &Specs, serving: &Arc<Serving>, wanted: usize) -> Result<Vec<Case>> {
    let (mut runner, objects) = (runner(), specs.objects(serving)?);
    let manifest = serving.manifest().context("a plugin without a manifest")?;
    let schema = Schema::of(&manifest.crd, &manifest.served_version).map_err(|why| anyhow!(why))?;
    let schema = schema.context("a kind that is not served")?;
    // What the examples refer to.
    let fees = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "fees"}, "data": {"tip": "1"}});
    let mut cases = vec![];
    for _ in 0..wanted * SPARSE {
        if cases.len() == wanted {
            break;
        }
        let mut object = objects.new_tree(&mut runner).map_err(|why| anyhow!("no case: {why}"))?.current();
        // Whoever merges into a pod may put another program into it.
        object["spec"].as_object_mut().context("an object without a spec")?.remove("podTemplate");
        schema.complete(&mut object);
        if !schema.refusals(&object).is_empty() {
            continue;
        }
        let Ok(Outcome::Rendered(rendered)) = specs.renderer.render(serving, &object) else { continue };
        if is_honored(&rendered) {
            let objects = rendered.objects.into_iter().chain([fees.clone()]).collect();
            cases.push(Case { name: format!("{} {}", serving.name, object["spec"]), objects });
        }
    }
    ensure!(cases.len() == wanted, "{}: only {} of {wanted} specs were rendered", serving.name, cases.len());
    Ok(cases)
}

fn is_honored(rendered: &Rendered) -> bool {
    let is_so = |name: &str| rendered.conditions.iter().any(|one| one.name == name && one.status == Truth::True);
    let has_pod = |object: &Value| object["spec"]["template"]["spec"].is_object();
    is_so("FieldsHonored") && rendered.objects.iter().any(has_pod)
}

fn is_right(refusal: &Refusal) -> bool {
    let lacks = |(case, words): &(&str, &str)| refusal.case.starts_with(case) && refusal.output.contains(words);
    refusal.release == Release::V1_16_13.version() && LATER.iter().any(lacks)
}
