//! The official artifacts of the contracts, as their npm package has them.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use alloy_primitives::{Bytes, hex};
use anyhow::{Context as _, Result, bail, ensure};
use go_build::{Home, Voice, fingerprint};
use serde_json::Value;

/// The last release of the package.
pub const CONTRACTS_VERSION: &str = "0.17.3";
const PACKAGE: &str = "@eth-optimism/contracts-bedrock";
/// The environment variable that names a directory with ready artifacts: `SystemConfig.json`, ….
const VARIABLE: &str = "OPSTACK_CONTRACTS";
const VOICE: Voice = Voice("contracts");

/// What is deployed.
const CONTRACTS: [&str; 18] = [
    "AlphabetVM",
    "AnchorStateRegistry",
    "DelayedWETH",
    "DisputeGameFactory",
    "FaultDisputeGame",
    "L1CrossDomainMessenger",
    "L1StandardBridge",
    "L2CrossDomainMessenger",
    "L2OutputOracle",
    "L2StandardBridge",
    "L2ToL1MessagePasser",
    "OptimismPortal",
    "OptimismPortal2",
    "PermissionedDisputeGame",
    "PreimageOracle",
    "Proxy",
    "SuperchainConfig",
    "SystemConfig",
];

/// A directory with an artifact for each contract.
#[derive(Clone, Debug)]
pub struct Artifacts(PathBuf);

impl Artifacts {
    /// Those in the directory that `OPSTACK_CONTRACTS` names, else those in the cache, where they are put first.
    pub fn find() -> Result<Self> {
        if let Some(directory) = env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
            let directory = PathBuf::from(directory);
            let missing = CONTRACTS.into_iter().find(|name| !directory.join(file(name)).is_file());
            ensure!(
                missing.is_none(),
                "{VARIABLE} names {}, which lacks {}",
                directory.display(),
                file(missing.unwrap_or_default())
            );
            return Ok(Self(directory));
        }
        let parts = [PACKAGE, CONTRACTS_VERSION].into_iter().chain(CONTRACTS);
        let home =
            Home::in_cache("contracts", &format!("contracts-bedrock-v{CONTRACTS_VERSION}-{}", fingerprint(parts)))?;
        let files = CONTRACTS.map(file);
        let files = files.each_ref().map(String::as_str);
        home.ensure(VOICE, &files, || install(&home)).map(Self)
    }

    /// The code that deploys a contract, without the arguments of its constructor.
    pub fn creation(&self, name: &str) -> Result<Bytes> {
        self.code(name, "bytecode")
    }

    /// The code of a contract as it runs, where no constructor has written into it.
    pub fn deployed(&self, name: &str) -> Result<Bytes> {
        self.code(name, "deployedBytecode")
    }

    fn code(&self, name: &str, which: &str) -> Result<Bytes> {
        let path = self.0.join(file(name));
        let text = fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
        let artifact: Value = serde_json::from_str(&text).with_context(|| format!("{} is no JSON", path.display()))?;
        let code = artifact[which]["object"].as_str().with_context(|| format!("{} has no code", path.display()))?;
        Ok(hex::decode(code).with_context(|| format!("the code of {name} is not linked"))?.into())
    }
}

fn file(contract: &str) -> String {
    format!("{contract}.json")
}

fn install(home: &Home) -> Result<()> {
    let Ok(_) = Command::new("npm").arg("--version").output() else {
        bail!(
            "there is no `npm` command: the contracts come in an npm package; install Node.js with npm, or let {VARIABLE} name a directory with the artifacts"
        );
    };
    let directory = home.source("contracts");
    // npm believes in what an interrupted installation left.
    if directory.exists() {
        fs::remove_dir_all(&directory).with_context(|| format!("failed to empty {}", directory.display()))?;
    }
    fs::create_dir_all(&directory).with_context(|| format!("failed to create {}", directory.display()))?;
    VOICE.run(&format!("contracts-bedrock {CONTRACTS_VERSION}"), "lines", npm_install(&directory))?;
    let artifacts = directory.join("node_modules").join(PACKAGE).join("forge-artifacts");
    for name in CONTRACTS {
        let file = file(name);
        let from = artifacts.join(format!("{name}.sol")).join(&file);
        fs::rename(&from, home.partial(&file)).with_context(|| format!("the package has no {}", from.display()))?;
        home.finish(&file)?;
    }
    fs::remove_dir_all(&directory).with_context(|| format!("failed to remove {}", directory.display()))
}

fn npm_install(directory: &Path) -> Command {
    let mut command = Command::new("npm");
    command.current_dir(directory).args(["install", "--prefix"]).arg(directory);
    command.args(["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"]);
    command.arg(format!("{PACKAGE}@{CONTRACTS_VERSION}"));
    command
}
