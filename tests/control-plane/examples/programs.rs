//! Builds the programs of the control plane, if they are not there yet, and prints where they are.
//!
//! For a step of its own before the tests: `cargo run --package control-plane --example programs`.

fn main() -> anyhow::Result<()> {
    let programs = control_plane::Programs::find()?;
    let optional = [programs.kube_controller_manager, programs.kube_scheduler, programs.kubectl];
    for path in [programs.etcd, programs.kube_apiserver].into_iter().chain(optional.into_iter().flatten()) {
        println!("{}", path.display());
    }
    Ok(())
}
