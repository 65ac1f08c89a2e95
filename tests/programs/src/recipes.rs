//! How the Go programs are built: modules, versions, and what keeps a module from being compiled as it is published.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use go_build::{Go, Plan, Program, Unit};

use crate::{KIND, Legacy, OTHERWISE, Release, VOICE, superchain, tree};

/// The release of op-geth, which is also where the networks that v1.19.6 knows come from.
pub const OP_GETH_VERSION: &str = "1.101702.3";

/// The release of geth; in later ones a dependency is missing from the module proxy.
pub const GETH_VERSION: &str = "1.17.8";

const OPTIMISM: &str = "github.com/ethereum-optimism/optimism";
const OP_GETH: &str = "github.com/ethereum-optimism/op-geth";
const GETH: &str = "github.com/ethereum/go-ethereum";

/// [`crate::PROGRAMS`], with their packages.
const RELEASED: &[Program] = &[
    Program { name: "op-node", package: "github.com/ethereum-optimism/optimism/op-node/cmd" },
    Program { name: "op-batcher", package: "github.com/ethereum-optimism/optimism/op-batcher/cmd" },
    Program { name: "op-proposer", package: "github.com/ethereum-optimism/optimism/op-proposer/cmd" },
    Program { name: "op-challenger", package: "github.com/ethereum-optimism/optimism/op-challenger/cmd" },
    Program { name: "op-conductor", package: "github.com/ethereum-optimism/optimism/op-conductor/cmd" },
    Program { name: "op-deployer", package: "github.com/ethereum-optimism/optimism/op-deployer/cmd/op-deployer" },
];

/// What is built of a [`Legacy`] release.
const LEGACY: &[Program] =
    &[Program { name: "op-proposer", package: "github.com/ethereum-optimism/optimism/op-proposer/cmd" }];

/// Of the source tree: nothing that Go compiles, and most of its size.
const NOT_COPIED: [&str; 2] = ["docs", "rust"];

/// What v1.16.13 itself replaces geth by is not in the module proxy any more; this is the next version that is.
const V1_16_13_GETH: &str = "github.com/ethereum/go-ethereum => github.com/ethereum-optimism/op-geth v1.101702.3-rc.2";

/// What v1.12.2 replaces geth by.
const V1_12_2_GETH: &str = "github.com/ethereum/go-ethereum => github.com/ethereum-optimism/op-geth v1.101503.2-rc.1";

/// What v1.9.3 replaces geth by.
const V1_9_3_GETH: &str = "github.com/ethereum/go-ethereum => github.com/ethereum-optimism/op-geth v1.101408.0-rc.4.0.20240827042333-110c433a2469";

/// The current release.
///
/// It embeds a list of networks that is in no module of its own, so it can be compiled only in a copy of its source
/// tree to which the file was added.
pub fn v1_19_6() -> Plan {
    let also = &["networks of op-geth", OP_GETH_VERSION, superchain::EDITION];
    optimism(Release::V1_19_6.version(), RELEASED, prepare_source_tree, also)
}

/// The older release, whose only trouble is an execution client that is gone.
pub fn v1_16_13() -> Plan {
    optimism(Release::V1_16_13.version(), RELEASED, require_and_replace, &[V1_16_13_GETH])
}

/// op-proposer from before L2OutputOracles were given up, with the execution client of its time.
pub fn legacy(release: Legacy) -> Plan {
    let geth: &[&str] = match release {
        Legacy::V1_12_2 => &[V1_12_2_GETH],
        Legacy::V1_9_3 => &[V1_9_3_GETH],
    };
    optimism(release.version(), LEGACY, require_and_replace, geth)
}

/// Makes a main module that requires the unit's, in which modules are replaced as `also` lists them.
fn require_and_replace(go: Go, unit: &Unit, directory: &Path) -> Result<()> {
    let replaces: Vec<_> = unit.also.iter().map(ToString::to_string).collect();
    unit.write_tools_module(go, directory, &format!("{OPTIMISM} v{}", unit.version), &replaces)
}

type Prepare = fn(Go, &Unit, &Path) -> Result<()>;

/// Some programs of a release; its version has a leading `v`.
fn optimism(
    version: &'static str,
    programs: &'static [Program],
    prepare: Prepare,
    also: &'static [&'static str],
) -> Plan {
    let unit = Unit {
        name: "optimism",
        module: OPTIMISM,
        version: version.trim_start_matches('v'),
        programs,
        ldflags: optimism_ldflags(version),
        tags: "",
        prepare,
        also,
    };
    plan(version.into(), unit)
}

/// op-geth, whose module calls itself geth: it can be required under that name only.
pub fn op_geth() -> Plan {
    let unit = Unit {
        name: "op-geth",
        module: OP_GETH,
        version: OP_GETH_VERSION,
        programs: &[Program { name: "op-geth", package: "github.com/ethereum/go-ethereum/cmd/geth" }],
        ldflags: format!("-s -w -X {GETH}/version.gitTag=v{OP_GETH_VERSION}"),
        tags: "",
        prepare: |go, unit, directory| {
            let replace = format!("{GETH} => {OP_GETH} v{}", unit.version);
            // Any version will do, since all are replaced.
            unit.write_tools_module(go, directory, &format!("{GETH} v0.0.0"), &[replace])
        },
        also: &[],
    };
    plan(format!("op-geth-v{OP_GETH_VERSION}"), unit)
}

/// geth, which knows its version by itself.
pub fn geth() -> Plan {
    let unit = Unit {
        name: "geth",
        module: GETH,
        version: GETH_VERSION,
        programs: &[Program { name: "geth", package: "github.com/ethereum/go-ethereum/cmd/geth" }],
        ldflags: "-s -w".into(),
        tags: "",
        prepare: |go, unit, directory| {
            unit.write_tools_module(go, directory, &format!("{GETH} v{}", unit.version), &[])
        },
        also: &[],
    };
    plan(format!("geth-v{GETH_VERSION}"), unit)
}

fn plan(release: String, unit: Unit) -> Plan {
    Plan {
        voice: VOICE,
        kind: KIND,
        release,
        what: "the programs of the OP Stack",
        otherwise: OTHERWISE,
        // All plans together take five.
        needed_bytes: 6 << 30,
        units: vec![unit],
    }
}

/// Small binaries that know their own version, and call themselves no development build. Each program reads one of these
/// versions; the linker passes over variables that are not there.
fn optimism_ldflags(version: &str) -> String {
    let mut flags = format!("-s -w -X main.Version={version}");
    for package in ["op-node/version", "op-challenger/version", "op-deployer/pkg/deployer/version"] {
        flags += &format!(" -X {OPTIMISM}/{package}.Version={version} -X {OPTIMISM}/{package}.Meta=");
    }
    flags
}

fn prepare_source_tree(go: Go, unit: &Unit, directory: &Path) -> Result<()> {
    // What an interrupted build left here may be half of a file.
    fs::remove_dir_all(directory)
        .and_then(|()| fs::create_dir_all(directory))
        .with_context(|| format!("failed to empty {}", directory.display()))?;
    VOICE.say(&format!("{} {}: sources", unit.name, unit.version));
    let original = go.module_directory(directory, &unit.at_version())?;
    let op_geth = go.module_directory(directory, &format!("{OP_GETH}@v{OP_GETH_VERSION}"))?;
    tree::copy(&original, directory, &NOT_COPIED)?;
    superchain::add(&op_geth, directory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PROGRAMS;

    #[test]
    fn every_program_has_a_recipe() {
        for plan in [v1_19_6(), v1_16_13()] {
            let names: Vec<_> = plan.units.iter().flat_map(|unit| unit.programs).map(|program| program.name).collect();
            assert_eq!(names, PROGRAMS, "{}", plan.release);
        }
    }

    #[test]
    fn no_two_plans_share_a_directory() -> Result<()> {
        let legacy = Legacy::ALL.map(legacy);
        let plans: Vec<_> = [v1_19_6(), v1_16_13(), op_geth(), geth()].into_iter().chain(legacy).collect();
        let mut homes = plans.iter().map(|plan| Ok(plan.home()?.bin())).collect::<Result<Vec<_>>>()?;
        homes.sort();
        homes.dedup();
        assert_eq!(homes.len(), plans.len(), "{homes:?}");
        Ok(())
    }
}
