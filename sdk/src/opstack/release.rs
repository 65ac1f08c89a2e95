//! Which release of its program an image holds, as its tag says, and so which arguments it takes.
//!
//! A program ends at an argument that it does not know. An image whose tag names no release gets those of the release
//! for which they were written, and its object says so.

use crate::answer::Condition;

/// Condition: the images hold releases that fit each other and the arguments they get.
pub const VERSIONS_COMPATIBLE: &str = "VersionsCompatible";

/// Major, minor, patch.
pub type Version = (u64, u64, u64);

/// The oldest release of optimism whose flags were read.
pub const OLDEST: Version = (1, 16, 13);

/// The newest release of optimism whose flags were read. What later ones take is not known.
pub const NEWEST: Version = (1, 19, 6);

/// `v1.19.6`.
pub fn title((major, minor, patch): Version) -> String {
    format!("v{major}.{minor}.{patch}")
}

/// The version in the tag of an image: `…:v1.19.3`, with or without what follows it.
pub fn in_tag(image: &str) -> Option<Version> {
    in_text(split(image)?.1)
}

/// The version that a text begins with: `v1.19.3`, `1.19.3-rc.1`.
pub fn in_text(text: &str) -> Option<Version> {
    let mut numbers = text.strip_prefix('v').unwrap_or(text).splitn(3, '.');
    let mut next = || {
        let digits: String = numbers.next()?.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    Some((next()?, next()?, next()?))
}

/// The release of a program that an image of the program's name holds.
pub fn of(image: &str, program: &str) -> Option<Version> {
    let (name, _) = split(image)?;
    in_tag(image).filter(|_| name.rsplit('/').next() == Some(program))
}

/// Name and tag, without the digest.
fn split(image: &str) -> Option<(&str, &str)> {
    image.split('@').next()?.rsplit_once(':')
}

/// An image that the user chose.
#[derive(Clone, Copy, Debug)]
pub struct Chosen<'a> {
    /// The field that names it.
    pub field: &'a str,
    /// The image.
    pub image: &'a str,
    /// The program that it should hold.
    pub program: &'a str,
    /// An image of the release for which the arguments were written.
    pub written_for: &'a str,
}

impl Chosen<'_> {
    /// Says which arguments an image gets whose tag names no release, or one newer than the operator knows; nothing for others.
    pub fn condition(&self) -> Option<Condition> {
        let Self { field, image, program, written_for } = self;
        let (_, tag) = split(written_for)?;
        if let Some(found) = of(image, program) {
            let message = format!(
                "{field} is {image:?}, and the operator knows the arguments of {program} up to {}, so this release gets those of {tag}; it ends at its start where it lacks one of them. Write …/{program}:{tag}, or use a version of the operator that knows this release",
                title(NEWEST)
            );
            return (found > NEWEST).then(|| Condition::unknown(VERSIONS_COMPATIBLE, "ReleaseUnknown", message));
        }
        let message = format!(
            "{field} is {image:?}, whose tag names no release of {program}, so it gets the arguments of {tag}; a release that lacks one of them ends at its start. Write …/{program}:{tag} or another release, with a digest behind it where you pin one"
        );
        Some(Condition::unknown(VERSIONS_COMPATIBLE, "ReleaseUnknown", message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_in_tags() {
        for (image, found) in [
            ("example.org/images/op-node:v1.19.3", Some((1, 19, 3))),
            ("example.org:5000/op-node:1.18.0-rc.1@sha256:00", Some((1, 18, 0))),
            ("example.org:5000/op-node", None),
            ("example.org/op-node@sha256:00", None),
            ("op-node:latest", None),
            ("example.org/op-reth:v2.4.0", None),
        ] {
            assert_eq!(of(image, "op-node"), found, "{image}");
        }
    }

    #[test]
    fn an_image_without_a_release_is_told_which_arguments_it_gets() {
        let written_for = "example.org/op-node:v1.19.3";
        let chosen = |image| Chosen { field: "spec.image", image, program: "op-node", written_for }.condition();
        assert_eq!(chosen("example.org/op-node:v1.16.13"), None);
        let condition = chosen("mirror/op-node:latest").unwrap();
        assert_eq!(condition.reason, "ReleaseUnknown");
        assert!(condition.message.contains("the arguments of v1.19.3"), "{}", condition.message);
    }

    #[test]
    fn a_release_newer_than_the_known_ones_is_unknown() {
        let written_for = "example.org/op-node:v1.19.3";
        let chosen = |image| Chosen { field: "spec.image", image, program: "op-node", written_for }.condition();
        assert_eq!(chosen("example.org/op-node:v1.19.6"), None);
        for image in ["example.org/op-node:v1.19.7", "example.org/op-node:v1.20.1", "example.org/op-node:v2.0.0"] {
            let condition = chosen(image).unwrap();
            assert_eq!(condition.reason, "ReleaseUnknown", "{image}");
            assert!(condition.message.contains("up to v1.19.6"), "{}", condition.message);
        }
    }
}
