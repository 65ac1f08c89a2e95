//! Which flags a program has, and since and until when: a table for each program, in the folder `flags` of its plugin.
//!
//! A line holds, divided by tabs: the flag's names (the first one is the usual one), its variables, `value` or `switch`, the release
//! that brought it, the release that took it away, and `hidden` where `--help` does not tell it. A release with `≤` before it is
//! the first of the tested ones for which that is known: a release between it and the one tested before may be of either kind.
//! `BLESS=1 cargo test -p oracle --test flags` writes what the programs of the tested releases tell.

use super::argument::flag_name;
use super::release::{NEWEST, OLDEST, Version, in_text, of, title};
use crate::answer::FieldError;

/// The flags of one program.
#[derive(Clone, Copy, Debug)]
pub struct Flags {
    /// The program.
    pub program: &'static str,
    /// The table.
    pub table: &'static str,
}

/// One flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag<'a> {
    /// All names, the usual one first.
    pub names: Vec<&'a str>,
    /// Variables that set it.
    pub variables: Vec<&'a str>,
    /// Whether a value belongs to it.
    pub takes_value: bool,
    /// When it came; nothing for those that the oldest tested release has.
    pub since: Option<Bound>,
    /// When it went; nothing for those that the newest tested release has.
    pub until: Option<Bound>,
    /// Whether `--help` keeps silent about it.
    pub hidden: bool,
}

/// The release with which something changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// This one.
    At(Version),
    /// This one, or one after the release that was tested before.
    UpTo(Version),
}

/// Whether a release has a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It has.
    Present,
    /// It had, until this release.
    Gone(Bound),
    /// It has not.
    Absent,
    /// Nobody knows.
    Unknown,
}

impl Flags {
    /// All of them; what is no line of a table is left out.
    pub fn all(&self) -> impl Iterator<Item = Flag<'static>> + use<> {
        self.table.lines().filter_map(Flag::parse)
    }

    /// The flag of this name.
    pub fn find(&self, name: &str) -> Option<Flag<'static>> {
        self.all().find(|flag| flag.names.contains(&name))
    }

    /// The flag that this variable sets.
    pub fn of_variable(&self, variable: &str) -> Option<Flag<'static>> {
        self.all().find(|flag| flag.variables.contains(&variable))
    }

    /// Whether a release has a flag.
    pub fn presence(&self, name: &str, release: Version) -> Presence {
        // A name of before may be another name of what took its place.
        let all: Vec<_> =
            self.all().filter(|flag| flag.names.contains(&name)).map(|flag| flag.presence(release)).collect();
        let known = [Presence::Present, Presence::Unknown].into_iter().find(|one| all.contains(one));
        match known.or(all.first().copied()) {
            Some(presence) => presence,
            // Patches of the oldest one before it had no flag that it lacks.
            None if ((OLDEST.0, OLDEST.1, 0)..=NEWEST).contains(&release) => Presence::Absent,
            None => Presence::Unknown,
        }
    }

    /// Refuses arguments that the release in an image lacks: the program would end at each start. `path` is their field.
    pub fn check_args(&self, path: &str, args: &[String], image: &str) -> Vec<FieldError> {
        let Some(release) = of(image, self.program) else { return vec![] };
        let judge = |(index, arg): (usize, &String)| {
            let name = flag_name(arg)?;
            let why = match self.presence(name, release) {
                Presence::Present | Presence::Unknown => return None,
                Presence::Gone(Bound::At(until)) => format!(", it is gone since {}", title(until)),
                Presence::Gone(Bound::UpTo(_)) | Presence::Absent => String::new(),
            };
            let message = format!(
                "--{name} is no flag of {} {}{why}; leave it out, or write one that `{} --help` tells",
                self.program,
                title(release),
                self.program
            );
            Some(FieldError::new(format!("{path}[{index}]"), message))
        };
        args.iter().enumerate().filter_map(judge).collect()
    }

    /// Why a flag is left out for an image that holds the program; nothing where its release is known to have the flag. Where no
    /// image is chosen, it is that of the release for which the arguments were written.
    pub fn why_left_out(&self, name: &str, image: Option<&str>) -> Option<String> {
        let (image, program) = (image?, self.program);
        let Some(found) = of(image, program) else {
            return Some(format!("the tag of {image:?} names no release of {program}, and later ones lack --{name}"));
        };
        match self.presence(name, found) {
            Presence::Present => None,
            // The arguments as a whole are written for the tested releases and those before.
            Presence::Unknown if found < OLDEST => None,
            Presence::Gone(Bound::At(until) | Bound::UpTo(until)) => {
                Some(format!("{program} has no --{name} since {}, and this is {}", title(until), title(found)))
            }
            Presence::Absent => Some(format!("{program} {} has no --{name}", title(found))),
            Presence::Unknown => Some(format!("nobody knows whether {program} {} has --{name}", title(found))),
        }
    }
}

impl<'a> Flag<'a> {
    /// Reads a line of a table.
    pub fn parse(line: &'a str) -> Option<Self> {
        let mut columns = line.split('\t');
        let mut next = || columns.next();
        let list = |text: &'a str| text.split(',').filter(|word| !word.is_empty()).collect::<Vec<_>>();
        let names = list(next().filter(|names| !names.starts_with('#'))?);
        (!names.is_empty()).then_some(())?;
        let (variables, takes_value) = (list(next()?), next()? == "value");
        let (since, until) = (Bound::parse(next()?), Bound::parse(next()?));
        Some(Self { names, variables, takes_value, since, until, hidden: next() == Some("hidden") })
    }

    /// Whether a release has it.
    pub fn presence(&self, release: Version) -> Presence {
        match (self.since, self.until) {
            (_, Some(Bound::At(until) | Bound::UpTo(until))) if release >= until => {
                self.until.map_or(Presence::Absent, Presence::Gone)
            }
            (_, Some(Bound::UpTo(_))) if release > OLDEST => Presence::Unknown,
            (Some(Bound::At(since)), _) if release < since => Presence::Absent,
            (Some(Bound::UpTo(since)), _) if release < since => match release {
                OLDEST => Presence::Absent,
                _ => Presence::Unknown,
            },
            (None, _) if release < OLDEST => Presence::Unknown,
            (_, None) if release > NEWEST => Presence::Unknown,
            _ => Presence::Present,
        }
    }
}

impl Bound {
    fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix('≤') {
            Some(version) => in_text(version).map(Self::UpTo),
            None => in_text(text).map(Self::At),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "# names\tvariables\ttakes\tsince\tuntil\n\
        always\tP_ALWAYS\tvalue\t\t\n\
        came,alias\tP_CAME\tswitch\t≤v1.19.6\t\n\
        came-at\t\tswitch\tv1.18.0\t\n\
        went\tP_WENT,P_OLD\tvalue\t\t≤v1.19.6\n\
        went-at\t\tvalue\t\tv1.18.0\thidden\n\
        will-go\t\tvalue\t\tv1.20.1\n\
        was\t\tvalue\t\tv1.18.0\n\
        is,was\t\tvalue\tv1.18.0\t\n";
    const FLAGS: Flags = Flags { program: "p", table: TABLE };

    #[test]
    fn lines_of_a_table() {
        assert_eq!(FLAGS.all().count(), 8);
        let came = FLAGS.find("alias").unwrap();
        assert_eq!((came.names, came.takes_value), (vec!["came", "alias"], false));
        assert_eq!(FLAGS.of_variable("P_OLD").unwrap().names, ["went"]);
        assert!(FLAGS.find("went-at").unwrap().hidden);
        assert_eq!(FLAGS.find("# names"), None);
    }

    #[test]
    fn what_each_release_has() {
        use Presence::{Absent, Gone, Present, Unknown};
        let (at, up_to) = (Gone(Bound::At((1, 18, 0))), Gone(Bound::UpTo(NEWEST)));
        for (name, present) in [
            //            v1.16.12 v1.16.13 v1.17.9  v1.18.0  v1.19.6  v1.20.0
            ("always", [Unknown, Present, Present, Present, Present, Unknown]),
            ("came", [Unknown, Absent, Unknown, Unknown, Present, Unknown]),
            ("came-at", [Absent, Absent, Absent, Present, Present, Unknown]),
            ("went", [Unknown, Present, Unknown, Unknown, up_to, up_to]),
            ("went-at", [Unknown, Present, Present, at, at, at]),
            ("will-go", [Unknown, Present, Present, Present, Present, Present]),
            ("was", [Unknown, Present, Present, Present, Present, Unknown]),
            ("never", [Absent, Absent, Absent, Absent, Absent, Unknown]),
        ] {
            let releases = [(1, 16, 12), OLDEST, (1, 17, 9), (1, 18, 0), NEWEST, (1, 20, 0)];
            assert_eq!(releases.map(|release| FLAGS.presence(name, release)), present, "{name}");
        }
    }

    #[test]
    fn arguments_that_a_release_lacks_are_refused_by_their_place() {
        let args: Vec<String> = ["--always=1", "x", "--went-at=major", "-nevr"].map(Into::into).into();
        let told = |image: &str| {
            let errors = FLAGS.check_args("spec.extraArgs", &args, image);
            errors.into_iter().map(|error| format!("{}: {}", error.path, error.message)).collect::<Vec<_>>()
        };
        let errors = told("r/p:v1.18.2");
        let [went, never] = errors.as_slice() else { panic!("{errors:?}") };
        assert!(
            went.starts_with("spec.extraArgs[2]: --went-at is no flag of p v1.18.2, it is gone since v1.18.0;"),
            "{went}"
        );
        assert!(never.starts_with("spec.extraArgs[3]: --nevr is no flag of p v1.18.2;"), "{never}");
        assert_eq!(told("r/p:v1.17.0").len(), 1, "only what neither has");
        assert_eq!(
            told("r/p:v1.20.0"),
            [
                "spec.extraArgs[2]: --went-at is no flag of p v1.20.0, it is gone since v1.18.0; leave it out, or write one that `p --help` tells"
            ]
        );
        assert_eq!(told("r/p:v1.16.11").len(), 1, "only what no release has");
        for image in ["r/p:latest", "r/p:v1.9.4", "r/other:v1.18.2"] {
            assert_eq!(told(image), [""; 0], "{image}");
        }
    }

    #[test]
    fn a_flag_is_left_out_where_a_release_is_not_known_to_have_it() {
        for (image, why) in [
            (None, None),
            (Some("r/p:v1.16.13"), None),
            (Some("r/p:v1.20.0"), None),
            (Some("r/p:v1.20.1"), Some("since v1.20.1")),
            (Some("r/p:v1.16.0"), None),
            (Some("r/p@sha256:00"), Some("names no release")),
            (Some("r/p:latest"), Some("names no release")),
        ] {
            let found = FLAGS.why_left_out("will-go", image);
            assert_eq!(found.is_some(), why.is_some(), "{image:?}: {found:?}");
            assert!(why.is_none_or(|why| found.is_some_and(|found| found.contains(why))), "{image:?}");
        }
    }
}
