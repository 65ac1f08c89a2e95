//! `docs/cli.md`: the help of all commands, as the program prints it.

use std::fmt::Write as _;

use anyhow::Result;

use crate::run;

const HEAD: &str = "# The command line\n\nWritten by `cargo xtask codegen` from the program's own help.\n";

/// The whole document.
pub fn document() -> Result<String> {
    let mut text = HEAD.to_string();
    describe(&mut text, &[])?;
    Ok(text)
}

/// A command, then those below it.
fn describe(text: &mut String, command: &[String]) -> Result<()> {
    let help = run::output(super::opstack().args(command).arg("--help"))?;
    let title = [&["opstack".to_string()], command].concat().join(" ");
    let help: Vec<_> = help.lines().map(str::trim_end).collect();
    write!(text, "\n## `{title}`\n\n```text\n{}\n```\n", help.join("\n").trim_end())?;
    for name in commands(&help) {
        describe(text, &[command, &[name]].concat())?;
    }
    Ok(())
}

/// Names of the commands in a help text.
fn commands(help: &[&str]) -> Vec<String> {
    let lines = help.iter().skip_while(|line| **line != "Commands:").skip(1).take_while(|line| line.starts_with("  "));
    // A description that is wrapped goes on further to the right.
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| !name.is_empty() && *name != "help").map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_from_the_help() {
        let help = "Usage: x\n\nCommands:\n  run     Runs\n          on\n  plugin  Checks\n  help    Helps\n\nOptions:\n  -h  Help";
        let lines: Vec<_> = help.lines().collect();
        assert_eq!(commands(&lines), ["run", "plugin"]);
        assert_eq!(commands(&["Usage: x"]), [""; 0]);
    }
}
