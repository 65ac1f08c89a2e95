//! The alerts of the chart, judged by Prometheus: `alerts` has series of an operator and of chains, in order and in trouble, and
//! which alerts they come to. `promtool test rules tests/chart/tests/alerts/*.yaml` does the same by hand.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result, ensure};
use chart::alerts::{self, Promtool};

#[test]
fn prometheus_takes_the_rules() -> Result<()> {
    let (promtool, count) = (Promtool::find()?, alerts::all()?.len());
    let verdict = promtool.check(&alerts::file())?;
    ensure!(verdict.contains(&format!("{count} rules found")), "{verdict}");

    let rules = fs::read_to_string(alerts::file())?;
    for (right, wrong) in [("sum by (network)", "sum bye (network)"), ("{{ $labels.kind }}", "{{ $labels.kind }")] {
        let spoilt = tempfile::NamedTempFile::new()?;
        fs::write(spoilt.path(), rules.replace(right, wrong))?;
        promtool.check(spoilt.path()).err().with_context(|| format!("{wrong} was taken"))?;
    }
    Ok(())
}

#[test]
fn each_alert_is_raised_when_it_should_be() -> Result<()> {
    let promtool = Promtool::find()?;
    let files = files()?;
    promtool.test(&files)?;

    let texts = files.iter().map(fs::read_to_string).collect::<Result<Vec<_>, _>>()?;
    for (name, _) in alerts::all()? {
        let raised = format!("ALERTS{{alertname=\"{name}\",alertstate=\"firing\"");
        ensure!(texts.iter().any(|text| text.contains(&raised)), "no series raise {name}");
    }
    Ok(())
}

/// The test of the test: a threshold that is moved is noticed.
#[test]
fn a_moved_threshold_is_noticed() -> Result<()> {
    let promtool = Promtool::find()?;
    let rules = fs::read_to_string(alerts::file())?;
    for (right, wrong) in [("> 3600", "> 36000"), ("_balance < 0.1", "_balance < 0.2"), ("for: 2m", "for: 20m")] {
        ensure!(rules.contains(right), "no rule has {right}");
        let directory = tempfile::tempdir()?;
        fs::write(directory.path().join("alerts.yaml"), rules.replace(right, wrong))?;
        let moved = files()?.into_iter().map(|file| {
            let text =
                fs::read_to_string(&file)?.replace("../../../../charts/opstack/files/alerts.yaml", "alerts.yaml");
            let copy = directory.path().join(file.file_name().context("a file")?).with_extension("test");
            fs::write(&copy, text)?;
            Ok(copy)
        });
        let moved = moved.collect::<Result<Vec<_>>>()?;
        promtool.test(moved).err().with_context(|| format!("{wrong} instead of {right} made no difference"))?;
    }
    Ok(())
}

fn files() -> Result<Vec<PathBuf>> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/alerts");
    let mut files = fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.sort();
    ensure!(!files.is_empty(), "there are no series");
    Ok(files)
}
