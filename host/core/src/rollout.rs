//! Rollouts in turn: of the workloads of a group, the pods of one are replaced at a time, and of that one's a pod at a time.
//!
//! A plugin puts workloads into a group by an annotation, and may say by which labels their pods are settled: of a node of a
//! chain, those at its head. A workload whose pods are about to be replaced waits while another of its group rolls. One that
//! begins takes its turn, which is noted on it, and ends when it stands again as it stood before: settled, or ready where it was
//! not settled. One that is not even ready is changed at once, and takes no turn: mending must not wait.

use serde_json::json;
use std::fmt;
use std::str::FromStr;

use crate::blame::Fault;
use crate::document;
use crate::hash;
use crate::ids::{TEMPLATE_ANNOTATION, TURN_ANNOTATION};
use crate::policy::DesiredChild;

/// Annotation by which a plugin puts a workload into a group.
pub const GROUP_ANNOTATION: &str = "opstack.optimism.io/rollout-group";
/// Annotation with a selector of the labels of the workload's pods that are settled; where absent, those that are ready.
pub const SETTLED_ANNOTATION: &str = "opstack.optimism.io/rollout-settled";

/// How a workload, or a pod, stands. Each is more than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Not all of it is ready.
    Rolling,
    /// It is ready.
    Ready,
    /// It is ready and settled.
    Settled,
}

/// A turn: what ends it, and how far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// How the workload stood before, and will have to stand again.
    pub until: Standing,
    /// Ordinal of the first pod that may be replaced.
    pub partition: i64,
}

/// `settled/1`: how the annotation has it.
impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let until = if self.until == Standing::Settled { "settled" } else { "ready" };
        write!(f, "{until}/{}", self.partition)
    }
}

impl FromStr for Turn {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (until, partition) = text.split_once('/').ok_or(())?;
        let until = match until {
            "settled" => Standing::Settled,
            "ready" => Standing::Ready,
            _ => return Err(()),
        };
        Ok(Self { until, partition: partition.parse().map_err(|_| ())? })
    }
}

impl Turn {
    /// A turn begins with the last of so many pods.
    pub fn begin(until: Standing, pods: i64) -> Self {
        Self { until, partition: (pods - 1).max(0) }
    }
}

/// What a live workload says of its rollouts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollout {
    /// Its group.
    pub group: Box<str>,
    /// Selector of settled pods.
    pub settled: Option<Box<str>>,
    /// Hash of what its pods are made of.
    pub template: Box<str>,
    /// Its turn, while it has one.
    pub turn: Option<Turn>,
}

impl Rollout {
    /// Reads the annotations of a workload that are ours, by name; nothing if it is in no group.
    pub fn of<'a>(text: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        Some(Self {
            group: text(GROUP_ANNOTATION)?.into(),
            settled: text(SETTLED_ANNOTATION).map(Into::into),
            template: text(TEMPLATE_ANNOTATION).unwrap_or_default().into(),
            turn: text(TURN_ANNOTATION).and_then(|turn| turn.parse().ok()),
        })
    }
}

/// A live pod of a workload.
#[derive(Clone, Copy, Debug)]
pub struct Pod {
    /// The number at the end of its name.
    pub ordinal: i64,
    /// Whether it is of the newest revision.
    pub is_new: bool,
    /// How it stands.
    pub standing: Standing,
}

/// How a workload of so many pods stands, of which Kubernetes says whether it is ready.
pub fn standing(is_ready: bool, wanted: i64, pods: &[Pod]) -> Standing {
    let settled = || pods.iter().filter(|pod| pod.standing == Standing::Settled).count();
    match is_ready {
        false => Standing::Rolling,
        true if usize::try_from(wanted).is_ok_and(|wanted| settled() >= wanted) => Standing::Settled,
        true => Standing::Ready,
    }
}

/// How far a turn gets: from the last pod on, one more than those that are new and stand as they should. It never goes back.
#[must_use]
pub fn proceed(turn: Turn, wanted: i64, pods: &[Pod]) -> Turn {
    let is_done =
        |ordinal: i64| pods.iter().any(|pod| pod.ordinal == ordinal && pod.is_new && pod.standing >= turn.until);
    let first = (0..wanted).rev().take_while(|ordinal| is_done(*ordinal)).last().unwrap_or(wanted);
    Turn { partition: turn.partition.min((first - 1).max(0)), ..turn }
}

/// Notes on a workload of a group what its pods are made of, and gives the hash of it.
pub fn note_template(child: &mut DesiredChild) -> String {
    let spec = &child.object["spec"];
    let hash = hash::of_json(&json!([spec["template"], spec["volumeClaimTemplates"]]));
    child.annotate(TEMPLATE_ANNOTATION, &hash);
    hash
}

/// Gives a workload its turn.
///
/// # Errors
/// The plugin's fault, where the strategy of a StatefulSet is none.
pub fn give(child: &mut DesiredChild, turn: Turn) -> Result<(), Fault> {
    child.turn = Some(turn);
    child.annotate(TURN_ANNOTATION, &turn.to_string());
    let is_partitioned = child.key.kind.kind.as_ref() == "StatefulSet"
        && child.object["spec"]["updateStrategy"]["type"].as_str().is_none_or(|kind| kind == "RollingUpdate");
    if !is_partitioned {
        return Ok(());
    }
    let path = ["spec", "updateStrategy", "rollingUpdate"];
    match document::object_at(&mut child.object, &path) {
        Some(rolling) => {
            rolling.insert("partition".into(), turn.partition.into());
            Ok(())
        }
        None => {
            let message = format!("{} has something at {} that is no object", child.key, path.join("."));
            Err(Fault::plugin("InvalidAnswer", message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Policy;
    use crate::ids::{Gvk, ObjectKey};
    use serde_json::Value;

    fn pod(ordinal: i64, is_new: bool, standing: Standing) -> Pod {
        Pod { ordinal, is_new, standing }
    }

    #[test]
    fn a_turn_survives_its_text() {
        for turn in [Turn::begin(Standing::Settled, 3), Turn::begin(Standing::Ready, 0)] {
            assert_eq!(turn.to_string().parse(), Ok(turn));
        }
        for bad in ["", "settled", "soon/1", "ready/x"] {
            assert_eq!(bad.parse::<Turn>(), Err(()), "{bad}");
        }
    }

    #[test]
    fn a_workload_is_settled_when_all_its_pods_are() {
        let one = [pod(0, true, Standing::Settled), pod(1, true, Standing::Ready)];
        assert_eq!(standing(true, 2, &one), Standing::Ready);
        assert_eq!(standing(true, 1, &one), Standing::Settled);
        assert_eq!(standing(false, 1, &one), Standing::Rolling);
        assert_eq!(standing(true, 0, &[]), Standing::Settled, "one that is stopped keeps nobody waiting");
    }

    #[test]
    fn pods_follow_each_other_from_the_last_on() {
        let turn = Turn::begin(Standing::Settled, 3);
        assert_eq!(turn.partition, 2);
        let with = |last: Pod, middle: Pod| [pod(0, false, Standing::Settled), middle, last];
        let old = pod(1, false, Standing::Settled);
        for last in [pod(2, false, Standing::Settled), pod(2, true, Standing::Ready)] {
            assert_eq!(proceed(turn, 3, &with(last, old)), turn, "{last:?}");
        }
        let done = |ordinal| pod(ordinal, true, Standing::Settled);
        let second = proceed(turn, 3, &with(done(2), old));
        assert_eq!(second.partition, 1);
        assert_eq!(proceed(second, 3, &with(pod(2, true, Standing::Ready), old)), second, "it never goes back");
        assert_eq!(proceed(second, 3, &with(done(2), done(1))).partition, 0);
        assert_eq!(proceed(turn, 3, &[]), turn, "nobody knows");
    }

    fn child(kind: &str, spec: Value) -> DesiredChild {
        let gvk = Gvk::new("apps", "v1", kind);
        let key = ObjectKey::new(gvk.group_kind.clone(), "ns", "a");
        let object = json!({"metadata": {"name": "a"}, "spec": spec});
        DesiredChild { key, gvk, policy: Policy::Delete, object, hash: String::new(), turn: None, held: false }
    }

    #[test]
    fn a_turn_is_given_to_any_answer_without_a_panic() {
        let turn = Turn::begin(Standing::Ready, 3);
        for spec in
            [json!({}), json!(null), json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": null}})]
        {
            let mut set = child("StatefulSet", spec);
            give(&mut set, turn).unwrap();
            assert_eq!(set.object["spec"]["updateStrategy"]["rollingUpdate"]["partition"], 2);
        }
        let bad = [json!("x"), json!(1), json!([]), json!(true)];
        let strategies = bad.iter().map(|bad| json!({"updateStrategy": bad}));
        let rolling = bad.iter().map(|bad| json!({"updateStrategy": {"rollingUpdate": bad}}));
        for spec in bad.iter().cloned().chain(strategies).chain(rolling) {
            let fault = give(&mut child("StatefulSet", spec.clone()), turn).unwrap_err();
            assert_eq!((fault.blame, fault.reason), (crate::blame::Blame::Plugin, "InvalidAnswer"), "{spec}");
            assert_eq!(give(&mut child("Deployment", spec), turn), Ok(()), "nothing is to be noted in it");
        }
        let mut on_delete = child("StatefulSet", json!({"updateStrategy": {"type": "OnDelete"}}));
        give(&mut on_delete, turn).unwrap();
        assert!(on_delete.object["spec"]["updateStrategy"]["rollingUpdate"].is_null());
    }

    #[test]
    fn where_pods_were_not_settled_ready_is_enough() {
        let turn = Turn::begin(Standing::Ready, 2);
        assert_eq!(proceed(turn, 2, &[pod(1, true, Standing::Ready)]).partition, 0);
        assert_eq!(proceed(turn, 2, &[pod(1, true, Standing::Rolling)]), turn);
    }
}
