//! Files made from the one definition of commands and settings: reference pages, the config schema, completions, man pages.
//!
//! Invariants
//! - The binary itself says what they contain; nothing about a command or a setting is written here.
//! - `rt` runs with an empty home, so no machine's configuration reaches a committed file.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::shell;

/// What to do with what the binary says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Write,
    Check,
}

const DOCS: [&str; 4] = ["cli.md", "config.md", "config.schema.json", "providers.md"];
const COMPLETIONS: [(&str, &str); 3] = [("bash", "rt.bash"), ("zsh", "_rt"), ("fish", "rt.fish")];
/// Directories that hold nothing but generated files, so a file that is no longer generated is stale.
const WHOLE: [&str; 2] = ["completions", "man"];

/// Writes the generated files, or names those that differ.
pub(crate) fn run(mode: Mode) -> Result<(), String> {
    let wanted = wanted()?;
    let root = shell::root();
    let mut stale: Vec<String> = Vec::new();
    for (path, bytes) in &wanted {
        if std::fs::read(root.join(path)).is_ok_and(|old| old == *bytes) {
            continue;
        }
        stale.push(path.clone());
        if mode == Mode::Write {
            shell::write(&root.join(path), bytes)?;
            println!("wrote {path}");
        }
    }
    for dir in WHOLE {
        for name in names(&root.join(dir)) {
            let path = format!("{dir}/{name}");
            if !wanted.contains_key(&path) {
                if mode == Mode::Write {
                    std::fs::remove_file(root.join(&path)).map_err(|e| format!("cannot remove {path}: {e}"))?;
                    println!("removed {path}");
                }
                stale.push(path);
            }
        }
    }
    match mode {
        Mode::Check if !stale.is_empty() => {
            Err(format!("stale: {}\nrun `cargo xtask gen` and commit what it writes", stale.join(", ")))
        }
        _ => Ok(()),
    }
}

/// Every generated file and its bytes.
fn wanted() -> Result<BTreeMap<String, Vec<u8>>, String> {
    let rt = shell::build_rt(&[])?;
    let scratch = shell::target().join("gen");
    shell::remove(&scratch)?;
    let (home, man) = (scratch.join("home"), scratch.join("man"));
    for dir in [&home, &man] {
        std::fs::create_dir_all(dir).map_err(|e| format!("cannot make {}: {e}", dir.display()))?;
    }
    let say = |args: &[&str]| {
        let mut command = Command::new(&rt);
        command.args(args).current_dir(&home).env_clear().env("HOME", &home).env("RT_HOME", home.join(".retort"));
        shell::output(&mut command)
    };
    let mut files = BTreeMap::new();
    for kind in DOCS {
        files.insert(format!("docs/{kind}"), say(&["debug", "gen", kind])?);
    }
    for (name, file) in COMPLETIONS {
        files.insert(format!("completions/{file}"), say(&["completions", name])?);
    }
    say(&["man", "--dir", &man.to_string_lossy()])?;
    for name in names(&man) {
        let page = std::fs::read(man.join(&name)).map_err(|e| format!("cannot read man page {name}: {e}"))?;
        files.insert(format!("man/{name}"), page);
    }
    if let Some((path, _)) = files.iter().find(|(_, bytes)| bytes.is_empty()) {
        return Err(format!("rt printed nothing for {path}"));
    }
    Ok(files)
}

/// The names in a directory, sorted; none if it is not there.
fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
