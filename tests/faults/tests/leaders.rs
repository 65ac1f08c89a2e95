//! Two operators: one writes and the other waits. However the first one goes, no write of it comes after the first of the second.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use control_plane::{AuditLevel, Events, Mark, Options};
use faults::{
    call::Class,
    lab::{Subject, plugins},
    proxy::{Fault, Moment, Proxy},
};
use rustix::process::Signal;
use serde_json::{Value, json};
use suite::{MINUTE, Operator, Site, until};

/// What the operators of the suite are started with.
const LEASE: Duration = Duration::from_secs(5);
/// A change of the spec every so often.
const PACE: Duration = Duration::from_millis(20);

/// A cluster in which each operator is a user of its own, so that the audit log can tell them apart.
struct Pair {
    site: Site,
    plugins: String,
}

impl Pair {
    fn new() -> Result<Self> {
        let site = Site::start_with(Options { controllers: false, ..Options::audited(AuditLevel::Metadata) });
        let plugins = format!("--plugins={}", plugins(site.directory())?.display());
        Ok(Self { site, plugins })
    }

    fn user(&self, name: &str) -> Result<PathBuf> {
        self.site.plane.user_kubeconfig(name, Some("system:masters"))
    }

    /// A user with a token, whose requests can go through a proxy.
    fn token(&self, name: &str) -> Result<String> {
        let object = |kind: &str, version: &str, metadata: Value| json!({"apiVersion": version, "kind": kind, "metadata": metadata});
        self.site.create(&object("ServiceAccount", "v1", json!({"name": name, "namespace": "opstack-system"})));
        let mut binding = object("ClusterRoleBinding", "rbac.authorization.k8s.io/v1", json!({"name": name}));
        binding["roleRef"] =
            json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"});
        binding["subjects"] = json!([{"kind": "ServiceAccount", "name": name, "namespace": "opstack-system"}]);
        self.site.create(&binding);
        let kubeconfig = self.site.plane.service_account_kubeconfig("opstack-system", name)?;
        let config: Value = serde_json::from_slice(&std::fs::read(kubeconfig)?)?;
        Ok(config["users"][0]["user"]["token"].as_str().context("a kubeconfig without a token")?.to_owned())
    }

    fn operator(&self, kubeconfig: &Path) -> Operator {
        let operator = Operator::spawn_as(&self.site, kubeconfig, &[&self.plugins]);
        operator.wait_ready();
        operator
    }

    /// Starts an operator, waits until it leads, and then starts a second one beside it.
    fn start(&self, first: &Path, second: &Path) -> (Operator, Operator) {
        let first = self.operator(first);
        leads(&first);
        let second = self.operator(second);
        assert!(first.metric("opstack_leader", "") > 0.0 && second.metric("opstack_leader", "") < 1.0);
        (first, second)
    }

    /// Waits for the first write of a user since a mark.
    fn wait_for_write(&self, mark: Mark, user: &str) -> Result<()> {
        self.site.audit.wait_for(mark, MINUTE, |events| !writes(&events.by_user(user)).is_empty()).map(|_| ())
    }

    /// Who wrote, turn by turn: more turns than takeovers are writers that interleave.
    fn turns(&self, users: &[&str]) -> Result<Vec<(String, usize)>> {
        let mut events: Vec<_> = writes(&self.site.audit.events()?).into_iter().collect();
        events.retain(|event| users.contains(&event.user.as_str()));
        events.sort_by(|a, b| a.request_received_timestamp.cmp(&b.request_received_timestamp));
        let mut turns: Vec<(String, usize)> = Vec::new();
        for event in events {
            match turns.last_mut() {
                Some((user, count)) if *user == event.user => *count += 1,
                _ => turns.push((event.user, 1)),
            }
        }
        Ok(turns)
    }

    /// Changes an object again and again while `test` runs, and checks afterwards that the last change came through.
    fn under_change<T>(&self, test: impl FnOnce() -> Result<T>) -> Result<T> {
        let subject = Subject::new(&self.site, "stream");
        subject.create(3, "0");
        let stop = AtomicBool::new(false);
        let outcome = thread::scope(|scope| {
            let changes = scope.spawn(|| {
                let mut number = 0;
                while !stop.load(Ordering::Relaxed) {
                    number += 1;
                    subject.change(1 + number % 3, &number.to_string());
                    thread::sleep(PACE);
                }
                number
            });
            let outcome = test();
            stop.store(true, Ordering::Relaxed);
            Ok::<_, anyhow::Error>((
                outcome?,
                changes.join().map_err(|_| anyhow::anyhow!("the stream of changes failed"))?,
            ))
        });
        let (outcome, last) = outcome?;
        until("the last change", MINUTE, || {
            let state = subject.state();
            let maps = state.names("ConfigMap").len();
            let is_last =
                state.object("ConfigMap")["data"]["key"].as_str().and_then(|key| key.parse().ok()) == Some(last);
            if is_last && maps == (1 + last % 3) as usize {
                Ok(())
            } else {
                Err(format!("{state}{}", self.site.log_tail()))
            }
        });
        println!("{last} changes came through");
        Ok(outcome)
    }
}

/// All but the election itself.
fn writes(events: &Events) -> Events {
    events.writes().without_resource("leases")
}

fn leads(operator: &Operator) {
    until("the operator to lead", MINUTE, || match operator.metric("opstack_leader", "") {
        1.0 => Ok(()),
        other => Err(other.to_string()),
    });
}

fn names(turns: &[(String, usize)]) -> Vec<&str> {
    turns.iter().map(|(user, _)| user.as_str()).collect()
}

#[test]
fn when_the_leader_is_killed_another_takes_over_within_the_lease() -> Result<()> {
    let pair = Pair::new()?;
    let (first, second) = pair.start(&pair.user("first")?, &pair.user("second")?);
    let takeover = pair.under_change(|| {
        pair.wait_for_write(pair.site.audit.mark()?, "first")?;
        let mark = pair.site.audit.mark()?;
        first.signal(Signal::KILL);
        let killed = Instant::now();
        pair.wait_for_write(mark, "second")?;
        Ok(killed.elapsed())
    })?;
    let turns = pair.turns(&["first", "second"])?;
    println!("killed: takeover after {takeover:?} with a lease of {LEASE:?}; writes: {turns:?}");
    assert_eq!(names(&turns), ["first", "second"], "writers interleave");
    ensure!(takeover < LEASE + Duration::from_secs(3), "the takeover took {takeover:?}");
    ensure!(second.is_running(), "{}", second.log());
    Ok(())
}

#[test]
fn a_leader_that_is_told_to_stop_hands_over_at_once() -> Result<()> {
    let pair = Pair::new()?;
    let (first, second) = pair.start(&pair.user("first")?, &pair.user("second")?);
    let (takeover, stopped) = pair.under_change(|| {
        pair.wait_for_write(pair.site.audit.mark()?, "first")?;
        let mark = pair.site.audit.mark()?;
        let told = Instant::now();
        first.stop();
        let stopped = told.elapsed();
        pair.wait_for_write(mark, "second")?;
        Ok((told.elapsed(), stopped))
    })?;
    let turns = pair.turns(&["first", "second"])?;
    println!("stopped in {stopped:?}: takeover after {takeover:?} with a lease of {LEASE:?}; writes: {turns:?}");
    assert_eq!(names(&turns), ["first", "second"], "writers interleave");
    ensure!(takeover < LEASE / 2, "the takeover took {takeover:?}");
    ensure!(second.is_running(), "{}", second.log());
    Ok(())
}

/// Whoever held it stops, and nobody leads before it can have run out, be it the same one or the other.
#[test]
fn a_lease_that_is_deleted_gives_no_two_leaders() -> Result<()> {
    let pair = Pair::new()?;
    let (first, second) = pair.start(&pair.user("first")?, &pair.user("second")?);
    let without = pair.under_change(|| {
        pair.wait_for_write(pair.site.audit.mark()?, "first")?;
        pair.site.delete("/apis/coordination.k8s.io/v1/namespaces/opstack-system/leases/opstack-leader");
        let deleted = Instant::now();
        let leaders = || first.metric("opstack_leader", "") + second.metric("opstack_leader", "");
        until("the holder to stop", MINUTE, || if leaders() < 1.0 { Ok(()) } else { Err("it leads".to_string()) });
        until("one to lead", MINUTE, || if leaders() > 0.0 { Ok(()) } else { Err("none leads".to_string()) });
        Ok(deleted.elapsed())
    })?;
    let turns = pair.turns(&["first", "second"])?;
    println!("deleted: nobody led until {without:?} later, with a lease of {LEASE:?}; writes: {turns:?}");
    ensure!(turns.len() <= 2, "writers interleave: {turns:?}");
    // The deletion may have been known a moment before its answer was.
    ensure!(without + Duration::from_secs(1) >= LEASE, "one led {without:?} after the deletion");
    Ok(())
}

/// The leader can't renew its lease, and its writes are refused in a way that a client tries again after a while. When the way is
/// free again, the other has taken over: what the first still wanted to write must not come.
#[test]
fn a_leader_that_was_cut_off_writes_nothing_any_more() -> Result<()> {
    let pair = Pair::new()?;
    let proxy = Proxy::start(&pair.site.plane)?;
    let cut_off = proxy.kubeconfig(pair.site.directory(), &pair.token("first")?)?;
    let (first, second) = pair.start(&cut_off, &pair.user("second")?);
    let name = "system:serviceaccount:opstack-system:first";
    pair.under_change(|| {
        pair.wait_for_write(pair.site.audit.mark()?, name)?;
        let mark = pair.site.audit.mark()?;
        proxy.rule(|call| match call.class {
            Class::Lease => Fault::Cut(Moment::Before),
            Class::Work => Fault::Answer(503),
            _ => Fault::None,
        });
        pair.wait_for_write(mark, "second")?;
        let refused = proxy.calls(Class::Work).len();
        proxy.calm();
        ensure!(refused > 3, "the leader tried only {refused} writes while it was cut off");
        // Time enough for what was put off.
        pair.site.audit.wait_for(mark, MINUTE, |events| writes(&events.by_user("second")).len() > 300)?;
        Ok(())
    })?;
    let turns = pair.turns(&[name, "second"])?;
    println!("cut off; writes: {turns:?}");
    assert_eq!(names(&turns), [name, "second"], "writers interleave");
    ensure!(first.is_running() && second.is_running(), "{}\n{}", first.log(), second.log());
    Ok(())
}
