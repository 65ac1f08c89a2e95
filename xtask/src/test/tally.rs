//! Counts of tests, read from the output of `cargo test -- --show-output`.

use std::fmt;

use anyhow::{Result, ensure};

/// How a test says that it has checked nothing.
pub const SKIPPED: &str = "skipped: ";
/// How a test tells what it has measured.
const FIGURE: &str = "figure ";

/// Counts, and where in the output of a test program we are.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: usize,
    pub failed: usize,
    pub skipped: usize,
    /// In the part that holds what passed tests wrote.
    in_successes: bool,
    /// The test whose output this is has said already that it was skipped.
    skip_counted: bool,
}

impl Tally {
    /// Takes a line in; tells whether a reader wants to see it. What passed tests write is of no interest, except why
    /// they were skipped, and figures.
    pub fn read(&mut self, line: &str) -> bool {
        if let Some(result) = line.strip_prefix("test result: ") {
            self.in_successes = false;
            self.add_result(result);
            return true;
        }
        match line {
            "successes:" => self.in_successes = true,
            "failures:" => self.in_successes = false,
            _ => {}
        }
        if !self.in_successes {
            return true;
        }
        if line.starts_with("---- ") {
            self.skip_counted = false;
        }
        let is_skip = line.starts_with(SKIPPED);
        if is_skip && !self.skip_counted {
            self.skip_counted = true;
            self.skipped += 1;
            // The harness knows only passed and failed, and counts it among the former, further down.
            self.passed = self.passed.wrapping_sub(1);
        }
        is_skip || line.starts_with(FIGURE)
    }

    /// `ok. 12 passed; 0 failed; 1 ignored; 0 measured; …`
    fn add_result(&mut self, result: &str) {
        let words: Vec<_> = result.split([' ', ';']).collect();
        for pair in words.windows(2) {
            let Ok(count) = pair[0].parse::<usize>() else { continue };
            match pair[1] {
                "passed" => self.passed = self.passed.wrapping_add(count),
                "failed" => self.failed += count,
                "ignored" => self.skipped += count,
                _ => {}
            }
        }
    }

    /// Adds the counts of another run.
    pub fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// A run without any test checks nothing, however well it ends.
    pub fn require_any(&self) -> Result<()> {
        ensure!(self.passed + self.failed + self.skipped > 0, "there was no test");
        Ok(())
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "
running 4 tests
test a ... ok
test b ... ok
test c ... FAILED
test d ... ignored

successes:

---- a stdout ----
chatter
skipped: there is no such thing here
skipped: nor there

---- b stdout ----
more chatter, not skipped: at all
figure A: 3 s

successes:
    a
    b

failures:

---- c stdout ----
why

failures:
    c

test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.00s
";

    #[test]
    fn tests_are_counted_once() {
        let mut tally = Tally::default();
        let shown: Vec<_> = OUTPUT.lines().filter(|line| tally.read(line)).collect();
        assert_eq!(tally.to_string(), "1 passed, 1 failed, 2 skipped");
        let wanted = ["why", "skipped: nor there", "figure A: 3 s"];
        assert!(wanted.iter().all(|line| shown.contains(line)), "{shown:?}");
        assert!(!shown.iter().any(|line| line.contains("chatter")), "{shown:?}");
    }

    #[test]
    fn runs_add_up() {
        let mut sum = Tally::default();
        assert!(sum.require_any().is_err());
        for _ in 0..2 {
            let mut tally = Tally::default();
            let _shown = OUTPUT.lines().filter(|line| tally.read(line)).count();
            sum.add(&tally);
        }
        assert_eq!((sum.passed, sum.failed, sum.skipped), (2, 2, 4));
    }
}
