//! The control plane itself: it serves, records, fails on demand, and leaves nothing behind.

mod support;

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use control_plane::{AuditLevel, Component, ControlPlane, Options, Programs};
use serde_json::json;
use support::{create_config_map, eventually, get, is_running, watch_from};

/// Generous: the machine may be compiling something else.
const SOON: Duration = Duration::from_secs(60);

#[test]
fn requests_are_recorded_and_data_survive_the_api_server() -> Result<()> {
    let plane = ControlPlane::start(Options::audited(AuditLevel::RequestResponse))?;
    let audit = plane.audit().context("asked for")?;
    let kubectl = plane.kubectl().context("kubectl comes with the programs")?;
    create_config_map(&plane, "before", json!({}))?;

    let mark = audit.mark()?;
    kubectl.run(["create", "namespace", "a-namespace"])?;
    kubectl.apply(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: kept, namespace: a-namespace}, data: {key: value}}",
    )?;
    let writes = audit.events_since(mark)?.by_user_agent_prefix("kubectl").writes();
    let found: Vec<_> = writes
        .iter()
        .map(|event| (event.verb.as_str(), event.resource.as_str(), event.name.as_str(), event.code))
        .collect();
    let expected = [("create", "namespaces", "a-namespace", Some(201)), ("patch", "configmaps", "kept", Some(201))];
    assert_eq!(found, expected, "{writes}");
    assert!(writes.iter().all(|event| event.user == "admin"), "{writes}");
    let sent = writes[1].request_object.as_ref().context("the level asks for objects")?;
    assert_eq!(sent["data"]["key"], "value");
    assert!(writes[0].request_received_timestamp < writes[1].request_received_timestamp);

    let old = plane.process_ids()[&Component::ApiServer];
    plane.restart_apiserver()?;
    assert_ne!(plane.process_ids()[&Component::ApiServer], old);
    let kept = get(&plane, "/api/v1/namespaces/a-namespace/configmaps/kept")?.json()?;
    assert_eq!(kept["data"]["key"], "value");
    let earlier = audit.events()?.by_resource("configmaps").in_namespace("a-namespace");
    assert!(!earlier.is_empty(), "the log goes on where it was");
    Ok(())
}

#[test]
fn a_watch_of_the_past_expires_on_demand() -> Result<()> {
    // Two planes at the same time: with the watch cache, and without.
    let uncached = Options { watch_cache: false, controllers: false, ..Options::default() };
    let other = thread::spawn(|| ControlPlane::start(uncached));
    let cached = ControlPlane::start(Options { controllers: false, ..Options::default() })?;
    let uncached = other.join().expect("no panic")?;
    assert_ne!(cached.url(), uncached.url());

    for plane in [&cached, &uncached] {
        let past = create_config_map(plane, "first", json!({}))?;
        create_config_map(plane, "second", json!({}))?;
        // etcd goes on at the compacted revision itself, so one write is not enough.
        create_config_map(plane, "third", json!({}))?;
        let events = watch_from(plane, &past)?;
        assert!(events.contains("second") && !events.contains("Expired"), "{events}");

        plane.compact_etcd()?;
        plane.compact_etcd().context("nothing was written in between")?;
        let events = watch_from(plane, &past)?;
        let remembers = events.contains("second") && !events.contains("Expired");
        assert_eq!(remembers, std::ptr::eq(plane, &cached), "{events}");
    }

    // Nothing comes after it, and yet it expires.
    let past = create_config_map(&cached, "last", json!({}))?;
    cached.expire_watches()?;
    let events = watch_from(&cached, &past)?;
    assert!(events.contains("410") && events.contains("Expired"), "{events}");
    Ok(())
}

#[test]
fn a_paused_api_server_answers_when_it_goes_on() -> Result<()> {
    let plane = ControlPlane::start(Options { controllers: false, ..Options::default() })?;
    plane.pause(Component::ApiServer)?;
    let (sender, answer) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| sender.send(get(&plane, "/version")));
        let early = answer.recv_timeout(Duration::from_secs(1));
        assert!(early.is_err(), "a paused server has answered: {early:?}");
        plane.resume(Component::ApiServer)?;
        assert_eq!(answer.recv_timeout(SOON)??.status, 200);
        anyhow::Ok(())
    })?;

    plane.stop_apiserver()?;
    assert!(get(&plane, "/version").is_err(), "nobody is there to answer");
    assert!(plane.stop_apiserver().is_err(), "it can't be stopped twice");
    plane.start_apiserver()?;
    assert_eq!(get(&plane, "/version")?.status, 200);
    Ok(())
}

#[test]
fn controllers_do_their_work() -> Result<()> {
    let plane = ControlPlane::start(Options { scheduler: true, ..Options::default() })?;
    create_config_map(&plane, "owner", json!({}))?;
    let owner = get(&plane, "/api/v1/namespaces/default/configmaps/owner")?.json()?;
    let reference = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": "owner",
        "uid": owner["metadata"]["uid"],
    });
    create_config_map(&plane, "owned", json!({ "ownerReferences": [reference] }))?;
    create_config_map(&plane, "free", json!({}))?;
    plane.kubectl().context("kubectl comes with the programs")?.apply(support::DEPLOYMENT)?;

    let pods = "/api/v1/namespaces/default/pods";
    eventually(SOON, "a Pod that the scheduler has looked at", || {
        let list = get(&plane, pods)?.json()?;
        Ok(list["items"][0]["status"]["conditions"][0]["reason"] == "Unschedulable")
    })?;
    plane.request("DELETE", "/api/v1/namespaces/default/configmaps/owner", None)?;
    eventually(SOON, "the end of what the deleted object owned", || {
        Ok(get(&plane, "/api/v1/namespaces/default/configmaps/owned")?.status == 404)
    })?;
    assert_eq!(get(&plane, "/api/v1/namespaces/default/configmaps/free")?.status, 200);
    Ok(())
}

#[test]
fn users_may_do_what_their_roles_say() -> Result<()> {
    let plane = ControlPlane::start(Options::default())?;
    let admin = plane.kubectl().context("kubectl comes with the programs")?;
    let user = admin.clone().with_kubeconfig(plane.user_kubeconfig("someone", Some("some group"))?);
    let account = plane.service_account_kubeconfig("default", "default")?;
    let account = admin.clone().with_kubeconfig(account);

    let name = account.run(["auth", "whoami", "--output=jsonpath={.status.userInfo.username}"])?;
    assert_eq!(name, "system:serviceaccount:default:default");
    let read = ["get", "configmaps", "--output=name"];
    let refusal = user.run(read).expect_err("it has no role").to_string();
    assert!(refusal.contains("Forbidden") && refusal.contains("\"someone\""), "{refusal}");
    admin.run(["create", "clusterrolebinding", "readers", "--clusterrole=view", "--group=some group"])?;
    // The authorizer learns of the binding by a watch.
    eventually(SOON, "the right to read", || Ok(user.run(read).is_ok()))?;
    assert!(user.run(["create", "configmap", "mine"]).is_err(), "reading is all it may");
    assert!(account.run(read).is_err(), "the role is not for everybody");
    Ok(())
}

#[test]
fn a_dropped_plane_leaves_nothing() -> Result<()> {
    let programs = Programs::find()?;
    let options = || Options { scheduler: true, ..Options::default() };
    let plane = ControlPlane::start_with(&programs, options())?;
    let directory = plane.directory().to_owned();
    let ids: Vec<_> = plane.process_ids().into_values().collect();
    assert_eq!(ids.len(), 4);
    assert!(directory.is_dir() && ids.iter().all(|&id| is_running(id)));
    // SIGSTOP must not keep it from going.
    plane.pause(Component::Etcd)?;
    let started = Instant::now();
    drop(plane);
    assert!(!directory.exists() && !ids.iter().any(|&id| is_running(id)));
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    Ok(())
}

#[test]
fn a_start_that_fails_says_why() -> Result<()> {
    let options = Options { apiserver_arguments: vec!["--no-such-flag".to_owned()], ..Options::default() };
    let error = ControlPlane::start(options).err().context("there is no such flag")?.to_string();
    assert!(error.contains("kube-apiserver ended") && error.contains("no-such-flag"), "{error}");
    Ok(())
}

#[test]
#[cfg(target_os = "linux")]
fn a_killed_process_takes_its_plane_with_it() -> Result<()> {
    // A place of its own: the planes of other tests sweep the usual one.
    let place = tempfile::tempdir()?;
    let mut owner = support::Up::start(place.path())?;
    assert_eq!(owner.ids.len(), 4, "{:?}", owner.ids);
    assert!(owner.ids.iter().all(|&id| is_running(id)));
    owner.kill()?;
    eventually(SOON, "the end of the processes", || Ok(!owner.ids.iter().any(|&id| is_running(id))))?;
    assert!(owner.directory.is_dir(), "nobody was left to remove it");

    let mut next = support::Up::start(place.path())?;
    assert!(!owner.directory.exists(), "the next start removes it");
    assert!(next.directory.is_dir());
    assert!(next.end()?.success());
    assert!(!next.directory.exists() && !next.ids.iter().any(|&id| is_running(id)));
    Ok(())
}
