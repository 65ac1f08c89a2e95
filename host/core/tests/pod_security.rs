//! Properties of pod security over thousands of pods: the levels include each other, and a pod is judged alike wherever it stands.

mod pods;

use opstack_core::grants::PodSecurity;
use pods::{Dice, NAMESPACE, pod, verdict};
use serde_json::{Value, json};

const PODS: u64 = 2_000;

/// A pod as kinds wrap it, those included that nobody has heard of.
fn wrapped(pod: &Value) -> [Value; 5] {
    let object = |api_version: &str, kind: &str, body: Value| {
        let mut object =
            json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "w", "namespace": NAMESPACE}});
        object.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        object
    };
    let template = json!({"metadata": {"annotations": pod["metadata"]["annotations"]}, "spec": pod["spec"]});
    [
        object("v1", "PodTemplate", json!({"template": template})),
        object("apps/v1", "Deployment", json!({"spec": {"template": template}})),
        object("batch/v1", "CronJob", json!({"spec": {"jobTemplate": {"spec": {"template": template}}}})),
        object(
            "jobset.x-k8s.io/v1alpha2",
            "JobSet",
            json!({"spec": {"replicatedJobs": [{"template": {"spec": {"template": template}}}]}}),
        ),
        object("example.org/v1", "Unheard", json!({"a": [[{"b": template}]]})),
    ]
}

#[test]
fn levels_include_each_other_and_place_makes_no_difference() {
    let mut dice = Dice::new(1);
    let (mut restricted, mut baseline) = (0, 0);
    for _ in 0..PODS {
        let pod = pod(&mut dice);
        let at = [PodSecurity::Restricted, PodSecurity::Baseline].map(|level| verdict(&pod, level).is_ok());
        assert!(at[1] || !at[0], "restricted allows what baseline does not: {pod}");
        assert_eq!(verdict(&pod, PodSecurity::Privileged), Ok(()));
        for object in wrapped(&pod) {
            assert_eq!(verdict(&object, PodSecurity::Restricted).is_ok(), at[0], "{object}");
            assert_eq!(verdict(&object, PodSecurity::Baseline).is_ok(), at[1], "{object}");
        }
        restricted += u64::from(at[0]);
        baseline += u64::from(at[1]);
    }
    println!("of {PODS} pods, {restricted} are restricted and {baseline} baseline");
    assert!(restricted > PODS / 5 && baseline > restricted && baseline < PODS, "{restricted} {baseline}");
}
