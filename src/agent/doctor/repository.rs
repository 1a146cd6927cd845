//! What kind of repository it is, and what the ways in and out of it would do to what is stored.

use crate::session::refs;
use crate::vcs::VcsError;
use crate::vcs::git::{Remote, Survey};

use super::{Check, Given};

pub(super) fn checks(given: &Given<'_>) -> Vec<Check> {
    let survey = match given.survey {
        Ok(survey) => survey,
        Err(VcsError::NotARepository(_)) => {
            let here = given.directory.display();
            return vec![
                Check::note("repository", format!("{here} is not inside one")).todo("go to your project's directory, or: git init"),
            ];
        }
        Err(error) => {
            return vec![Check::problem("repository", error.to_string()).todo("see what git says: git status")];
        }
    };
    let mut out = vec![kind(survey)];
    if !survey.features.is_empty() {
        let said: Vec<String> = survey
            .features
            .iter()
            .map(|f| if f.value.is_empty() { f.name.to_owned() } else { format!("{} ({})", f.name, f.value) })
            .collect();
        out.push(Check::ok("in use", said.join(", ")));
    }
    if let Some(what) = &survey.operation {
        out.push(Check::note("under way", format!("a {what}; nothing is committed until it is over")).todo("finish or abort it"));
    }
    if survey.refused.is_none() {
        out.push(if survey.identity {
            Check::ok("identity", "git knows who you are")
        } else {
            Check::problem("identity", "git does not know who you are, so nothing can be recorded")
                .todo("git config --global user.name \"Your Name\" · git config --global user.email you@example.com")
        });
    }
    let lock = survey.git_dir.join("index.lock");
    if lock.exists() {
        let check = Check::warning("index", format!("{} exists: a git is at work, or one was killed", lock.display()));
        out.push(check.todo("if no git is running, remove that file"));
    }
    out.extend(survey.remotes.iter().flat_map(remote));
    out.extend(gc(survey));
    out
}

fn kind(survey: &Survey) -> Check {
    if survey.private {
        let said = format!("none here; edits are not committed, and turns are kept in {}", survey.git_dir.display());
        return Check::note("repository", said).todo("to have commits: git init");
    }
    let at = survey.root.as_ref().unwrap_or(&survey.git_dir);
    let said = format!("git ({}) at {}", survey.object_format, at.display());
    match &survey.refused {
        None => Check::ok("repository", said),
        Some(why) => {
            Check::problem("repository", format!("{said}; rt does not work here: {why}")).todo("work in a clone without it")
        }
    }
}

/// What a ref of a session is called, for trying out patterns.
fn samples() -> [String; 2] {
    ["zzzz", "meta"].map(|id| format!("{}{id}", if id == "meta" { refs::META } else { refs::SESSIONS }))
}

/// What `name` becomes by a pattern on either side of a refspec.
fn mapped(from: &str, to: &str, name: &str) -> Option<String> {
    match from.split_once('*') {
        None => (from == name).then(|| to.to_owned()),
        Some((head, tail)) => {
            let middle = name.strip_prefix(head)?.strip_suffix(tail)?;
            Some(to.replacen('*', middle, 1))
        }
    }
}

/// The first of these refspecs by which one of our own refs goes, with where it goes, unless another one leaves it out.
fn carried(specs: &[String]) -> Option<(&str, String)> {
    let left_out = |name: &str| specs.iter().filter_map(|s| s.strip_prefix('^')).any(|from| mapped(from, "", name).is_some());
    let names: Vec<String> = samples().into_iter().filter(|name| !left_out(name)).collect();
    specs.iter().filter(|spec| !spec.starts_with('^')).find_map(|spec| {
        let plain = spec.strip_prefix('+').unwrap_or(spec);
        let (from, to) = plain.split_once(':').unwrap_or((plain, plain));
        names.iter().find_map(|name| Some((spec.as_str(), mapped(from, to, name)?)))
    })
}

fn remote(remote: &Remote) -> Vec<Check> {
    let name = &remote.name;
    let mut out = Vec::new();
    let published = "a plain `git push` there publishes every prompt and answer of this repository";
    if remote.mirror {
        let only = |what: &str| format!("git config --add remote.{name}.push '+refs/{what}/*:refs/{what}/*'");
        out.push(Check::warning("remote", format!("{name} is a mirror (remote.{name}.mirror): {published}")).todo(format!(
            "for branches and tags only: git config --unset-all remote.{name}.mirror && {} && {}",
            only("heads"),
            only("tags")
        )));
    } else if let Some((spec, _)) = carried(&remote.push) {
        out.push(
            Check::warning("remote", format!("{name} is pushed to by {spec}: {published}"))
                .todo(format!("leave them out: git config --add remote.{name}.push '^{}*'", refs::ALL)),
        );
    }
    let ours = |to: &str| to.starts_with(refs::SESSIONS) || to.starts_with(refs::META);
    if let Some((spec, _)) = carried(&remote.fetch).filter(|(_, to)| ours(to)) {
        let todo =
            format!("leave them out: git config --add remote.{name}.fetch '^{}*'; fetch sessions by: rt session fetch", refs::ALL);
        let check = if remote.prune {
            Check::problem(
                "remote",
                format!("a `git fetch` of {name} deletes your sessions that it does not have ({spec}, with prune)"),
            )
        } else if spec.starts_with('+') {
            Check::problem("remote", format!("a `git fetch` of {name} puts its sessions in the place of yours ({spec})"))
        } else {
            Check::warning("remote", format!("a `git fetch` of {name} writes into your sessions ({spec})"))
        };
        out.push(check.todo(todo));
    }
    out
}

/// Settings that let git drop what is needed.
fn gc(survey: &Survey) -> Vec<Check> {
    let at_once = |value: &str| {
        let value = value.to_ascii_lowercase();
        ["now", "all", "second", "minute"].iter().any(|word| value.contains(word))
    };
    let mut out = Vec::new();
    for (key, value) in &survey.settings {
        let check = match *key {
            "gc.pruneExpire" if at_once(value) => Check::warning(
                "git gc",
                format!("{key} is {value}: a `git gc` beside a running rt may drop what it is just writing"),
            )
            .todo(format!("keep it for a day at least: git config {key} 1.day.ago")),
            "gc.reflogExpire" | "gc.reflogExpireUnreachable" if at_once(value) => Check::note(
                "git gc",
                format!(
                    "{key} is {value}: commits that you amended or rebased away are dropped at once; turns keep their own edits"
                ),
            ),
            "core.logAllRefUpdates" if ["false", "no", "off", "0"].contains(&value.to_ascii_lowercase().as_str()) => Check::note(
                "reflog",
                "core.logAllRefUpdates is off: after a crash, a commit of rt is found only while it is on the branch",
            )
            .todo("git config core.logAllRefUpdates true"),
            _ => continue,
        };
        out.push(check);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn specs(list: &[&str]) -> Vec<String> {
        list.iter().map(|s| (*s).to_owned()).collect()
    }

    #[test]
    fn refspecs_that_carry_sessions_are_told_from_others() {
        for list in [
            &["refs/*:refs/*"][..],
            &["+refs/*"],
            &["refs/heads/*:refs/heads/*", "+refs/retort/*:refs/retort/*"],
            &["refs/retort/meta/*:refs/x/*"],
            &["refs/*/zzzz:refs/y/*"],
            &["refs/*:refs/*", "^refs/heads/*"],
        ] {
            assert!(carried(&specs(list)).is_some(), "{list:?}");
        }
        for list in [
            &["+refs/heads/*:refs/remotes/origin/*"][..],
            &["refs/tags/*"],
            &[":"],
            &["HEAD"],
            &["refs/*:refs/*", "^refs/retort/*"],
            &["refs/retort/remotes/*:refs/retort/remotes/*"],
            &[],
        ] {
            assert_eq!(carried(&specs(list)), None, "{list:?}");
        }
        let fetched = specs(&["+refs/retort/*:refs/retort/remotes/origin/*"]);
        assert_eq!(carried(&fetched).map(|(_, to)| to).as_deref(), Some("refs/retort/remotes/origin/sessions/zzzz"));
    }
}
