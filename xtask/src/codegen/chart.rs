//! `charts/opstack`: of the chart, what follows from the code.
//!
//! | file | what |
//! | --- | --- |
//! | `crds/plugins.optimism.io.yaml` | the operator's own kind, without which Helm can't send a `Plugin` |
//! | `files/cluster-rules.yaml`, `files/own-rules.yaml`, `files/object-rules.yaml` | rules of the roles in the cluster, in the operator's namespace, and where objects are served |
//! | `files/grants.yaml` | what each plugin asks for, by its name |
//!
//! No digest of a component is among them: another compiler makes another component of the same source.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::{Files, HEADER, crds};
use crate::{plugins, run};

const DIRECTORY: &str = "charts/opstack";

/// The operator's own kind.
const OWN: &str = "plugins.optimism.io.yaml";

/// A namespace for which rights are asked for, so that they stand apart from those in the cluster.
pub const NAMESPACE: &str = "somewhere";

/// The generated files, of the definitions and of the rights of an operator that serves [`NAMESPACE`].
pub fn files(definitions: &Files, rights: &str) -> Result<Files> {
    let own =
        definitions.get(&Path::new(crds::DIRECTORY).join(OWN)).context("`opstack crds` printed no kind Plugin")?;
    let texts = [
        (format!("crds/{OWN}"), own.clone()),
        ("files/cluster-rules.yaml".into(), rules(rights, "ClusterRole", "opstack")?),
        ("files/own-rules.yaml".into(), rules(rights, "Role", "opstack")?),
        ("files/object-rules.yaml".into(), rules(rights, "Role", "opstack-objects")?),
        ("files/grants.yaml".into(), grants()?),
    ];
    Ok(texts.into_iter().map(|(name, text)| (Path::new(DIRECTORY).join(name), text)).collect())
}

/// The rules of the role of a kind and name, which are the end of its document.
fn rules(rights: &str, kind: &str, name: &str) -> Result<String> {
    let lines = [format!("kind: {kind}"), format!("  name: {name}")];
    let has = |document: &&str| lines.iter().all(|line| document.lines().any(|found| found == line));
    let role = rights.split("---\n").find(has);
    let (_, rules) = role
        .and_then(|role| role.split_once("\nrules:\n"))
        .with_context(|| format!("`opstack rbac` printed no {kind} {name} with rules"))?;
    Ok(format!("{HEADER}{}\n", rules.trim_end()))
}

fn grants() -> Result<String> {
    let mut text = HEADER.to_string();
    for component in plugins::built()? {
        text += &granted(&run::output(super::opstack().args(["plugin", "inspect"]).arg(component))?)?;
    }
    Ok(text)
}

/// What `opstack plugin inspect` says that a plugin asks for, below its name.
fn granted(facts: &str) -> Result<String> {
    let name = facts.lines().find_map(|line| line.strip_prefix("name: "));
    let name = name.context("`opstack plugin inspect` names no plugin")?;
    let mut asked = facts.lines().skip_while(|line| *line != "asksFor:");
    if asked.next().is_none() {
        return Ok(format!("{name}: {{}}\n"));
    }
    let asked: Vec<_> = asked.take_while(|line| line.starts_with("  ")).collect();
    ensure!(!asked.is_empty(), "`opstack plugin inspect` does not say in lines what {name} asks for");
    Ok(format!("{name}:\n{}\n", asked.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_those_of_the_kind() -> Result<()> {
        let rights = "---\nkind: ClusterRole\nmetadata:\n  name: a\nrules:\n- verbs:\n  - list\n\
                      ---\nkind: Role\nmetadata:\n  name: a\nrules:\n- verbs:\n  - get\n\
                      ---\nkind: Role\nmetadata:\n  name: b\nrules:\n- verbs:\n  - patch\n---\nkind: RoleBinding\n";
        assert_eq!(rules(rights, "ClusterRole", "a")?, format!("{HEADER}- verbs:\n  - list\n"));
        assert_eq!(rules(rights, "Role", "a")?, format!("{HEADER}- verbs:\n  - get\n"));
        assert_eq!(rules(rights, "Role", "b")?, format!("{HEADER}- verbs:\n  - patch\n"));
        assert!(rules(rights, "RoleBinding", "a").is_err());
        Ok(())
    }

    #[test]
    fn grants_stand_below_the_name_of_their_plugin() -> Result<()> {
        let facts = "asksFor:\n  owns:\n  - group: ''\n    kind: Pod\ncontractVersion: 0.1.0\nname: some\n";
        assert_eq!(granted(facts)?, "some:\n  owns:\n  - group: ''\n    kind: Pod\n");
        assert_eq!(granted("name: some\nrole: ExecutionClient\n")?, "some: {}\n");
        assert!(granted("asksFor:\n  owns: []\n").is_err());
        Ok(())
    }
}
