//! The rules about a security context, of a pod or of a container: the two share most fields, and neither may hold what the
//! other must not.

use serde_json::{Map, Value};

use super::Level;
use super::rules::{given, is_set};

type Fields = Map<String, Value>;

/// Capabilities that the standard `baseline` lets a container add.
const BASELINE_CAPABILITIES: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];
/// The one that `restricted` lets it add.
const RESTRICTED_CAPABILITIES: [&str; 1] = ["NET_BIND_SERVICE"];
/// Kernel parameters that concern nobody but the pod.
const SYSCTLS: [&str; 12] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
];
/// Types of SELinux contexts for containers.
const SELINUX_TYPES: [&str; 5] = ["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];
/// Types of seccomp and AppArmor profiles that confine.
const PROFILES: [&str; 2] = ["RuntimeDefault", "Localhost"];

/// What a context must not say, beginning with the field: `.privileged is set`.
pub(super) fn problem(context: &Fields, level: Level) -> Option<String> {
    let found = privileged(context)
        .or_else(|| capabilities(context, level))
        .or_else(|| selinux(context))
        .or_else(|| profile(context, "seccompProfile"))
        .or_else(|| profile(context, "appArmorProfile"))
        .or_else(|| proc_mount(context))
        .or_else(|| sysctls(context));
    match level {
        Level::Baseline => found,
        Level::Restricted => found.or_else(|| root(context)),
    }
}

/// What a container must say, or its pod for it.
pub(super) fn lack(own: &Fields, pod: &Fields) -> Option<&'static str> {
    let effective = |field: &str| given(own, field).or_else(|| given(pod, field));
    let confined = effective("seccompProfile").and_then(|profile| profile.get("type")?.as_str());
    let dropped = own.get("capabilities").and_then(|all| all.get("drop")?.as_array());
    if own.get("allowPrivilegeEscalation") != Some(&Value::Bool(false)) {
        Some("does not set securityContext.allowPrivilegeEscalation to false")
    } else if !dropped.is_some_and(|dropped| dropped.iter().any(|capability| capability == "ALL")) {
        Some("does not drop the capability ALL")
    } else if effective("runAsNonRoot") != Some(&Value::Bool(true)) {
        Some("does not set securityContext.runAsNonRoot to true, nor does its pod")
    } else if !confined.is_some_and(|profile| PROFILES.contains(&profile)) {
        Some("has no seccomp profile; allowed are RuntimeDefault and Localhost")
    } else {
        None
    }
}

fn privileged(context: &Fields) -> Option<String> {
    if is_set(context, "privileged") {
        return Some(".privileged is set".into());
    }
    let windows = given(context, "windowsOptions")?;
    let is_host_process = windows.as_object().is_none_or(|options| is_set(options, "hostProcess"));
    is_host_process.then(|| ".windowsOptions.hostProcess is set".into())
}

fn capabilities(context: &Fields, level: Level) -> Option<String> {
    let allowed: &[&str] = match level {
        Level::Baseline => &BASELINE_CAPABILITIES,
        Level::Restricted => &RESTRICTED_CAPABILITIES,
    };
    let added = given(context, "capabilities")?.get("add").filter(|added| !added.is_null())?;
    let Some(added) = added.as_array() else { return Some(".capabilities.add is no list".into()) };
    let is_allowed = |capability: &Value| capability.as_str().is_some_and(|name| allowed.contains(&name));
    let other = added.iter().find(|capability| !is_allowed(capability))?;
    Some(format!(".capabilities.add holds {other}; allowed are {}", allowed.join(", ")))
}

fn selinux(context: &Fields) -> Option<String> {
    let options = given(context, "seLinuxOptions")?;
    let text = |field: &str| match options.get(field).unwrap_or(&Value::Null) {
        Value::Null => Some(""),
        value => value.as_str(),
    };
    if !text("type").is_some_and(|kind| SELINUX_TYPES.contains(&kind)) {
        let allowed = SELINUX_TYPES.get(1..).unwrap_or_default().join(", ");
        return Some(format!(".seLinuxOptions.type is another than {allowed}"));
    }
    let field = ["user", "role"].into_iter().find(|field| text(field) != Some(""))?;
    Some(format!(".seLinuxOptions.{field} is set"))
}

fn profile(context: &Fields, field: &str) -> Option<String> {
    let kind = given(context, field)?.get("type").unwrap_or(&Value::Null);
    let is_allowed = kind.as_str().is_some_and(|kind| PROFILES.contains(&kind));
    (!is_allowed).then(|| format!(".{field}.type is {kind}; allowed are {}", PROFILES.join(" and ")))
}

fn proc_mount(context: &Fields) -> Option<String> {
    let mount = given(context, "procMount").filter(|mount| *mount != "Default")?;
    Some(format!(".procMount is {mount}; allowed is Default"))
}

fn sysctls(context: &Fields) -> Option<String> {
    let sysctls = given(context, "sysctls")?;
    let Some(sysctls) = sysctls.as_array() else { return Some(".sysctls is no list".into()) };
    let name = |sysctl: &Value| sysctl.get("name").and_then(Value::as_str).unwrap_or_default().to_string();
    let other = sysctls.iter().map(name).find(|name| !SYSCTLS.contains(&name.as_str()))?;
    Some(format!(".sysctls holds {other:?}; allowed are {}", SYSCTLS.join(", ")))
}

/// Explicit words for root, which no default of the pod mends.
fn root(context: &Fields) -> Option<String> {
    if given(context, "runAsNonRoot").is_some_and(|value| *value != true) {
        return Some(".runAsNonRoot is not true".into());
    }
    if given(context, "runAsUser").is_some_and(|user| user.as_i64().is_none_or(|user| user == 0)) {
        return Some(".runAsUser is 0, or no number".into());
    }
    is_set(context, "allowPrivilegeEscalation").then(|| ".allowPrivilegeEscalation is set".into())
}
