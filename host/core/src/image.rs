//! The operator's own image in pods: their init containers run it.
//!
//! An operator that is brought to another image must not replace pods by that alone. A child that would change in nothing but
//! this image keeps the one it has, and gets the new one with its next change.

use serde_json::{Value, json};

use crate::hash;
use crate::ids::{DESIRED_ANNOTATION, IMAGE_ANNOTATION};
use crate::inventory::{Inventory, Live};
use crate::policy::{Desired, DesiredChild};

/// Lets children that are there keep the operator's image with which they were made, and notes on each that runs it which that
/// is. `image` is the one that plugins were told.
pub fn keep(desired: &mut Desired, live: &Inventory, image: &str) {
    for child in &mut desired.children {
        if !runs(&child.object, image) {
            continue;
        }
        let earlier = live.get(&child.key).and_then(|live| as_it_was(child, live, image));
        let used = earlier.map_or(image.to_owned(), |(earlier, used)| {
            *child = earlier;
            used
        });
        annotations(&mut child.object).map(|all| all.insert(IMAGE_ANNOTATION.into(), used.into()));
    }
}

/// The child with the image that it has, and that image, if it is otherwise what was applied.
fn as_it_was(child: &DesiredChild, live: &Live, image: &str) -> Option<(DesiredChild, String)> {
    let (used, applied) = (live.image.as_deref()?, live.desired.as_deref()?);
    let mut object = child.object.clone();
    swap(&mut object, image, used);
    annotations(&mut object)?.remove(DESIRED_ANNOTATION);
    let hash = hash::of_json(&object);
    if hash != applied {
        return None;
    }
    annotations(&mut object)?.insert(DESIRED_ANNOTATION.into(), hash.clone().into());
    Some((DesiredChild { object, hash, ..child.clone() }, used.into()))
}

/// Where the containers of a workload's pods are.
const CONTAINERS: [&str; 2] = ["/spec/template/spec/initContainers", "/spec/template/spec/containers"];

/// Whether a container runs the image.
fn runs(object: &Value, image: &str) -> bool {
    let lists = CONTAINERS.iter().filter_map(|path| object.pointer(path)?.as_array());
    lists.flatten().any(|container| container["image"] == image)
}

/// Gives the containers that run one image another.
fn swap(object: &mut Value, from: &str, to: &str) {
    for path in CONTAINERS {
        let containers = object.pointer_mut(path).and_then(Value::as_array_mut);
        let images = containers.into_iter().flatten().filter_map(|container| container.get_mut("image"));
        images.filter(|image| **image == from).for_each(|image| *image = to.into());
    }
}

fn annotations(object: &mut Value) -> Option<&mut serde_json::Map<String, Value>> {
    let metadata = object.get_mut("metadata")?.as_object_mut()?;
    metadata.entry("annotations").or_insert_with(|| json!({})).as_object_mut()
}
