//! Names of Services where there is no DNS: the operator's process gets an `/etc/hosts` of its own.

use std::{
    fs::{self, File},
    io::Write as _,
    net::IpAddr,
    path::{Path, PathBuf},
    process::Command,
};

/// A file of names that stands in the place of `/etc/hosts` for one process. It is read anew for each name.
pub struct Hosts(PathBuf);

/// Runs what follows with its first argument in the place of `/etc/hosts`. The death signal of whoever started us is lost on
/// the way into a namespace, so it is asked for again.
const SCRIPT: &str = r#"mount --bind "$1" /etc/hosts && shift && exec setpriv --pdeathsig KILL -- "$@""#;

impl Hosts {
    /// An empty one in a directory; nothing where a process may not have namespaces of its own.
    pub fn new(directory: &Path) -> Option<Self> {
        let path = directory.join("hosts");
        fs::write(&path, "127.0.0.1 localhost\n").expect("a file");
        let hosts = Self(path);
        let tried = hosts.around(Path::new("true")).output();
        tried.is_ok_and(|output| output.status.success()).then_some(hosts)
    }

    /// Gives a name to an address.
    pub fn add(&self, name: &str, address: IpAddr) {
        let mut file = File::options().append(true).open(&self.0).expect("the file is there");
        writeln!(file, "{address} {name}").expect("the file can be written");
    }

    /// The program, with these names; without further arguments yet. It keeps the process id.
    pub(crate) fn around(&self, program: &Path) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", SCRIPT, "sh"]).arg(&self.0).arg(program);
        command
    }
}
