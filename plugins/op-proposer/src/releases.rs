//! What old releases of op-proposer take: they are for chains with an L2OutputOracle, which later ones have given up.

use opstack_sdk::opstack::release::{self, Version};
use opstack_sdk::opstack::signing::TlsSwitch;

/// The last release that is known to have `--l2oo-address`, of March 2025.
const LAST_WITH_ORACLES: Version = (1, 10, 0);

/// The first release with `--signer.tls.enabled`, of November 2024.
const FIRST_WITH_TLS_FLAG: Version = (1, 9, 5);

/// Whether the image is of a release that has `--l2oo-address`.
pub fn knows_oracles(image: Option<&str>) -> bool {
    image.and_then(release::in_tag).is_some_and(|version| version <= LAST_WITH_ORACLES)
}

/// How the release of the image is told whether it speaks TLS with a remote signer.
pub fn tls_switch(image: Option<&str>) -> TlsSwitch {
    match image.and_then(release::in_tag) {
        Some(version) if version < FIRST_WITH_TLS_FLAG => TlsSwitch::Paths,
        _ => TlsSwitch::Flag,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_releases_know_oracles() {
        for (image, knows) in [
            (Some("r/op-proposer:v1.10.0"), true),
            (Some("r/op-proposer:v1.9.4@sha256:00"), true),
            (Some("r/op-proposer:v1.10.2"), false),
            (Some("r/op-proposer:v1.16.3"), false),
            (Some("r/op-proposer@sha256:00"), false),
            (Some("localhost:5000/op-proposer"), false),
            (None, false),
        ] {
            assert_eq!(knows_oracles(image), knows, "{image:?}");
        }
    }

    #[test]
    fn the_oldest_releases_have_no_flag_for_tls() {
        for (image, switch) in [
            (Some("r/op-proposer:v1.9.3"), TlsSwitch::Paths),
            (Some("r/op-proposer:v1.9.4"), TlsSwitch::Paths),
            (Some("r/op-proposer:v1.9.5"), TlsSwitch::Flag),
            (Some("r/op-proposer:v1.16.3"), TlsSwitch::Flag),
            (Some("r/op-proposer:latest"), TlsSwitch::Flag),
            (None, TlsSwitch::Flag),
        ] {
            assert_eq!(tls_switch(image), switch, "{image:?}");
        }
    }
}
