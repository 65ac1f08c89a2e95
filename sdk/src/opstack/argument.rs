//! How programs read an argument: `--flag=value`, `--flag` with the value behind it, `-flag`.

use crate::answer::FieldError;

/// `flag` of `--flag=value`, `--flag` and `-flag`; nothing for what begins with no dash. No name holds a blank: what stands
/// behind one is a value that its user wrote into the same argument.
pub fn flag_name(arg: &str) -> Option<&str> {
    let name = arg.trim_start().strip_prefix('-')?.trim_start_matches('-');
    name.split(|c: char| c == '=' || c.is_whitespace()).next().filter(|name| !name.is_empty())
}

/// The flags that arguments hold, in their order, and the value of each: behind `=`, or the next argument where that is no flag.
pub fn flags(args: &[String]) -> impl Iterator<Item = (&str, Option<&str>)> {
    args.iter().enumerate().filter_map(|(index, arg)| {
        let value = match arg.split_once('=') {
            Some((_, value)) => Some(value),
            None => args.get(index + 1).map(String::as_str).filter(|next| !next.starts_with('-')),
        };
        Some((flag_name(arg)?, value))
    })
}

/// What is wrong with an argument whose flag and value a blank divides, without the value: it may be a secret.
pub fn check_blank(path: &str, arg: &str) -> Option<FieldError> {
    let name = flag_name(arg)?;
    let before = arg.split('=').next().unwrap_or_default();
    before.contains(char::is_whitespace).then(|| {
        let message = format!(
            "begins with --{name} and has a blank before its value, which the program takes for a part of the flag's name; write --{name}=<value>, or make two arguments of it"
        );
        FieldError::new(path, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_flag() {
        for (arg, name) in [
            ("--a.b=c", Some("a.b")),
            ("--a.b", Some("a.b")),
            ("-a.b=--c", Some("a.b")),
            ("---a", Some("a")),
            ("--a c=d", Some("a")),
            ("--a\tc", Some("a")),
            (" --a", Some("a")),
            ("a=b", None),
            ("--", None),
            ("-=a", None),
            ("", None),
        ] {
            assert_eq!(flag_name(arg), name, "{arg:?}");
        }
    }

    #[test]
    fn flags_and_their_values() {
        let args: Vec<String> = ["--a=1", "b", "-c", "2", "--d", "--e=f=g"].map(Into::into).into();
        let found: Vec<_> = flags(&args).collect();
        assert_eq!(found, [("a", Some("1")), ("c", Some("2")), ("d", None), ("e", Some("f=g"))]);
    }

    #[test]
    fn a_blank_before_the_value_is_told_without_it() {
        for arg in ["--key 0x1234", "-key 0x1234=", "--key\t0x1234", " --key=0x1234", "--key =0x1234", "--key 0x1234 x"]
        {
            let error = check_blank("spec.extraArgs[0]", arg).unwrap();
            assert!(error.message.starts_with("begins with --key and"), "{}", error.message);
            assert!(!error.message.contains("0x1234"), "{}", error.message);
        }
        for arg in ["--key", "--key=a b", "0x12 34", "--", "a value"] {
            assert!(check_blank("spec.extraArgs[0]", arg).is_none(), "{arg:?}");
        }
    }
}
