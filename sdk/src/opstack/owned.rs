//! Which settings of a program are the operator's: whether it makes blocks, where it listens, its keys and its paths.
//!
//! A user's arguments, environment and pod template reach the program as they are. None of them may change one of these, for
//! what the operator does rests on them: it starts a sequencer only where it knows that none is active. So they are looked for in
//! every spelling (`--flag=value`, `--flag value`, `-flag`, alias, variable), first in what the user adds, then in the container as it
//! is after the pod template was merged, which must have them as they were rendered.

use k8s_openapi::api::core::v1::{Container, EnvVar, PodSpec, PodTemplateSpec, Volume};
use serde::{Deserialize, Serialize};

use super::argument::{check_blank, flag_name, flags};
use super::overrides::is_secret;
use crate::answer::{Failure, FieldError};

mod tables;

pub use tables::{KEYS, METRICS, RPC};

/// A setting of a program as its plugin's table has it.
#[derive(Clone, Copy, Debug)]
pub struct Owned {
    /// The flag, without dashes.
    pub flag: &'static str,
    /// Its other names.
    pub aliases: &'static [&'static str],
    /// Its variable, where that is not the flag in capitals behind the program's prefix.
    pub variable: Option<&'static str>,
    /// What sets it: a field of the spec, or the operator.
    pub set_by: &'static str,
}

impl Owned {
    /// A setting whose variable is the flag in capitals.
    pub const fn new(flag: &'static str, set_by: &'static str) -> Self {
        Self { flag, aliases: &[], variable: None, set_by }
    }

    /// Names its variable.
    #[must_use]
    pub const fn variable(self, variable: &'static str) -> Self {
        Self { variable: Some(variable), ..self }
    }

    /// Names its aliases.
    #[must_use]
    pub const fn aliases(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }
}

/// Whether an argument is neither a flag nor the value of the one before it.
fn is_stray(args: &[String], index: usize) -> bool {
    let is_flag = |arg: &String| arg.trim_start().starts_with('-');
    let before = index.checked_sub(1).and_then(|before| args.get(before));
    let takes_value = before.is_some_and(|before| is_flag(before) && !before.contains('='));
    !takes_value && args.get(index).is_some_and(|arg| !is_flag(arg))
}

/// The operator's settings of one program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnedSettings(pub Vec<OwnedSetting>);

/// A setting of a program that is the operator's, in all spellings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OwnedSetting {
    /// Flag and aliases, without dashes.
    pub flags: Vec<String>,
    /// Variables.
    pub variables: Vec<String>,
    /// What sets it.
    pub set_by: String,
}

impl OwnedSettings {
    /// The settings of these tables; `prefix` begins the variables of the program, or is empty where it reads none.
    pub fn of(prefix: &str, tables: &[&[Owned]]) -> Self {
        let setting = |owned: &Owned| {
            let flags: Vec<String> =
                std::iter::once(&owned.flag).chain(owned.aliases).map(ToString::to_string).collect();
            let derived = flags.iter().filter(|_| !prefix.is_empty());
            let derived = derived.map(|flag| format!("{prefix}_{}", flag.to_uppercase().replace(['.', '-'], "_")));
            let variables = derived.chain(owned.variable.map(ToString::to_string)).collect();
            OwnedSetting { flags, variables, set_by: owned.set_by.into() }
        };
        Self(tables.iter().copied().flatten().map(setting).collect())
    }

    /// With variables that stand in rendered arguments, as `$(POD_NAME)`.
    #[must_use]
    pub fn with_variables(mut self, variables: &[&str]) -> Self {
        self.0.push(OwnedSetting {
            flags: vec![],
            variables: variables.iter().map(ToString::to_string).collect(),
            set_by: "the operator, whose arguments it stands in".into(),
        });
        self
    }

    fn of_flag(&self, arg: &str) -> Option<(usize, &OwnedSetting)> {
        self.of_name(flag_name(arg)?)
    }

    fn of_name(&self, name: &str) -> Option<(usize, &OwnedSetting)> {
        self.0.iter().enumerate().find(|(_, setting)| setting.flags.iter().any(|flag| flag == name))
    }

    fn of_variable(&self, name: &str) -> Option<&OwnedSetting> {
        self.0.iter().find(|setting| setting.variables.iter().any(|variable| variable == name))
    }

    /// What is wrong with a user's arguments; `path` is their field.
    pub fn check_args(&self, path: &str, args: &[String]) -> Vec<FieldError> {
        let judge = |(index, arg): (usize, &String)| {
            let refuse = |message: String| Some(FieldError::new(format!("{path}[{index}]"), message));
            if hides_name(arg) {
                return refuse(hidden(arg));
            }
            if is_stray(args, index) {
                // It may be a secret, so it is not quoted.
                let message = "follows no flag whose value it could be, and a program ends at a word that it does not know; write --<flag>=<value>";
                return refuse(message.into());
            }
            let name = flag_name(arg)?;
            if is_secret(name) {
                // Told by `overrides::check_extra_args`.
                return None;
            }
            let Some((_, setting)) = self.of_flag(arg) else { return check_blank(&format!("{path}[{index}]"), arg) };
            refuse(format!("--{name} is set by {}; leave it out", setting.set_by))
        };
        args.iter().enumerate().filter_map(judge).collect()
    }

    /// Names and variables of the operator's flags that it would not notice, as the program's table has them.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn unknown_spellings(&self, flags: &super::flags::Flags) -> Vec<String> {
        let mut missed = vec![];
        for setting in &self.0 {
            for flag in setting.flags.iter().filter_map(|name| flags.find(name)) {
                let names = flag.names.iter().filter(|name| setting.flags.iter().all(|known| known != *name));
                let variables =
                    flag.variables.iter().filter(|name| setting.variables.iter().all(|known| known != *name));
                missed.extend(
                    names.chain(variables).map(|name| format!("{name} sets what {} is to set", setting.set_by)),
                );
            }
        }
        missed
    }

    /// Refuses arguments for an execution client that are the operator's.
    ///
    /// # Errors
    /// `invalid`, with the place of each.
    pub fn check_client_args(&self, args: &[String]) -> Result<(), Failure> {
        let errors = self.check_args("spec.executionClient.extraArgs", args);
        Failure::check(errors)
    }

    /// What is wrong with a user's variables; `path` is their field.
    pub fn check_env(&self, path: &str, env: &[EnvVar]) -> Vec<FieldError> {
        let judge = |(index, entry): (usize, &EnvVar)| {
            let setting = self.of_variable(&entry.name)?;
            let message = format!("{} is set by {}; leave it out", entry.name, setting.set_by);
            Some(FieldError::new(format!("{path}[{index}].name"), message))
        };
        env.iter().enumerate().filter_map(judge).collect()
    }

    /// The settings that arguments hold: which, and the value.
    fn given<'a>(&self, args: &'a [String]) -> Vec<(usize, Option<&'a str>)> {
        flags(args).filter_map(|(name, value)| Some((self.of_name(name)?.0, value))).collect()
    }

    /// What a pod template made of the program's container.
    fn check_container(&self, rendered: &Container, merged: &Container, errors: &mut Vec<FieldError>) {
        let path = |part: &str| format!("spec.podTemplate.spec.containers[{}].{part}", rendered.name);
        if !is_same_command(rendered, merged) {
            let program = rendered.command.as_ref().and_then(|command| command.first()).cloned().unwrap_or_default();
            let message = format!("is {:?}; only {program} with another path before it is possible", merged.command);
            errors.push(FieldError::new(path("command"), message));
        }
        self.check_merged_args(rendered, merged, &path("args"), errors);
        let before = rendered.env.as_deref().unwrap_or_default();
        let after = merged.env.as_deref().unwrap_or_default();
        for setting in &self.0 {
            for name in &setting.variables {
                let entries =
                    |env: &[EnvVar]| env.iter().filter(|entry| entry.name == *name).cloned().collect::<Vec<_>>();
                if entries(before) != entries(after) {
                    let message = format!("{name} is set by {}; leave it out", setting.set_by);
                    errors.push(FieldError::new(path("env"), message));
                }
            }
        }
        if merged.env_from.as_ref().is_some_and(|from| !from.is_empty()) && merged.env_from != rendered.env_from {
            let message = "may hold any variable, those of the operator too; name each one in extraEnv, with valueFrom";
            errors.push(FieldError::new(path("envFrom"), message));
        }
    }

    fn check_merged_args(&self, rendered: &Container, merged: &Container, path: &str, errors: &mut Vec<FieldError>) {
        let before = rendered.args.as_deref().unwrap_or_default();
        let after = merged.args.as_deref().unwrap_or_default();
        for arg in after.iter().filter(|arg| hides_name(arg) && !before.contains(arg)) {
            errors.push(FieldError::new(path, hidden(arg)));
        }
        errors.extend(after.iter().filter(|arg| !before.contains(arg)).filter_map(|arg| check_blank(path, arg)));
        let (wanted, found) = (self.given(before), self.given(after));
        for (index, setting) in self.0.iter().enumerate() {
            let of = |all: &[(usize, Option<&str>)]| {
                all.iter().filter(|(which, _)| *which == index).map(|(_, value)| value.map(Into::into)).collect()
            };
            let (wanted, found): (Vec<Option<String>>, Vec<Option<String>>) = (of(&wanted), of(&found));
            if wanted != found {
                let name = setting.flags.first().map_or("", String::as_str);
                let what = if found.is_empty() { "lack" } else { "change" };
                let message =
                    format!("{what} --{name}, which is set by {}; leave it as it is rendered", setting.set_by);
                errors.push(FieldError::new(path, message));
            }
        }
        // A program's flags end at the first argument that is none: what stands behind it is not read.
        let last = after.iter().rposition(|arg| self.of_flag(arg).is_some()).unwrap_or_default();
        let ends = |arg: &&String| (!arg.starts_with('-') || *arg == "--" || *arg == "-") && !before.contains(arg);
        if let Some(arg) = after.iter().take(last).find(ends) {
            let message = format!(
                "have {arg:?} before arguments of the operator, which would not be read; write --flag=value, behind them"
            );
            errors.push(FieldError::new(path, message));
        }
    }
}

/// What a pod template made of what is the operator's; `programs` are the containers that it runs.
pub fn errors(
    rendered: &PodTemplateSpec,
    merged: &PodTemplateSpec,
    programs: &[(&str, &OwnedSettings)],
) -> Vec<FieldError> {
    let (Some(rendered), Some(merged)) = (&rendered.spec, &merged.spec) else { return vec![] };
    let mut errors = vec![];
    for (name, settings) in programs {
        let find = |pod: &PodSpec| pod.containers.iter().find(|container| container.name == *name).cloned();
        match (find(rendered), find(merged)) {
            (Some(before), Some(after)) => settings.check_container(&before, &after, &mut errors),
            (Some(_), None) => {
                let message = format!("lacks {name}, which the operator runs; leave it in");
                errors.push(FieldError::new("spec.podTemplate.spec.containers", message));
            }
            (None, _) => {}
        }
    }
    errors.extend(keys(rendered, merged));
    errors
}

/// The volumes that hold keys are as they were, and nothing covers them.
fn keys(rendered: &PodSpec, merged: &PodSpec) -> Vec<FieldError> {
    let mut errors = vec![];
    for volume in rendered.volumes.iter().flatten().filter(|volume| holds_keys(volume)) {
        let refuse = |what: &str| {
            let path = format!("spec.podTemplate.spec.{what}");
            FieldError::new(path, format!("changes the volume {}, which holds a key; leave it out", volume.name))
        };
        if !merged.volumes.iter().flatten().any(|other| other == volume) {
            errors.push(refuse("volumes"));
        }
        for before in &rendered.containers {
            let Some(after) = merged.containers.iter().find(|after| after.name == before.name) else { continue };
            for mount in before.volume_mounts.iter().flatten().filter(|mount| mount.name == volume.name) {
                let below = format!("{}/", mount.mount_path.trim_end_matches('/'));
                let covers = |other: &str| other == mount.mount_path || other.starts_with(&below);
                let all = || after.volume_mounts.iter().flatten();
                let kept = all().any(|other| other == mount);
                if !kept || all().any(|other| other != mount && covers(&other.mount_path)) {
                    errors.push(refuse(&format!("containers[{}].volumeMounts", before.name)));
                }
            }
        }
    }
    errors
}

fn holds_keys(volume: &Volume) -> bool {
    let in_memory = volume.empty_dir.as_ref().is_some_and(|dir| dir.medium.as_deref() == Some("Memory"));
    volume.secret.is_some() || volume.projected.is_some() || in_memory
}

/// Whether Kubernetes puts the name of the flag together when the pod starts.
fn hides_name(arg: &str) -> bool {
    arg.split('=').next().is_some_and(|name| name.contains("$("))
}

fn hidden(arg: &str) -> String {
    format!("{arg:?} names its flag by a variable, so nobody knows which one it is; write the flag itself")
}

/// The program may be elsewhere in an image, and is the same program.
fn is_same_command(rendered: &Container, merged: &Container) -> bool {
    match (rendered.command.as_deref(), merged.command.as_deref()) {
        (Some([program]), Some([other])) => other.rsplit('/').next() == program.rsplit('/').next(),
        (before, after) => before == after,
    }
}

#[cfg(test)]
mod tests;
