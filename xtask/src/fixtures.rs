//! Test repositories, made with real git and the same everywhere down to their commit ids.
//!
//! Invariants
//! - A repository is made under a temporary name and renamed when it is whole. The commit id of its HEAD stands here and is the version
//!   of its recipe: another id means that the recipe changed, and the repository is made anew.
//! - Nobody works in a fixture: what needs to change one takes a [`copy`].

use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::shell;

/// How a repository is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recipe {
    /// Three files, five commits.
    Small,
    /// 5,400 files of source-like text in 300 directories, about 25 MB, 200 commits in one pack.
    Large,
}

/// The file that benchmarks edit, present in every fixture.
pub(crate) const COUNTER: &str = "src/counter.rs";
const COUNTER_LINE: &str = "pub const COUNTER: u64 = ";

const DIRECTORIES: usize = 300;
const FILES_PER_DIRECTORY: usize = 18;
const LARGE_COMMITS: u32 = 200;

impl Recipe {
    pub(crate) const ALL: [Self; 2] = [Self::Small, Self::Large];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Large => "large",
        }
    }

    /// The commit that it ends in.
    const fn head(self) -> &'static str {
        match self {
            Self::Small => "8e51201dafeabcc4f922fe74e237ea064d94a061",
            Self::Large => "8001d025993c88d2b1b0bdaeb3d7deef1c845bfa",
        }
    }

    pub(crate) fn named(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|r| r.name() == name).ok_or_else(|| format!("no fixture {name:?}: small or large"))
    }
}

/// Makes what is missing or old, and says where it is.
pub(crate) fn run(recipes: &[Recipe]) -> Result<(), String> {
    for recipe in recipes {
        println!("{}  {}  {}", recipe.name(), recipe.head(), prepare(*recipe)?.display());
    }
    Ok(())
}

/// The repository of `recipe`, made if it is missing or another one.
pub(crate) fn prepare(recipe: Recipe) -> Result<PathBuf, String> {
    let dir = shell::target().join("fixtures");
    let (whole, new) = (dir.join(recipe.name()), dir.join(format!("{}.new", recipe.name())));
    let head = |dir: &Path| shell::text(shell::git(dir, 0).args(["rev-parse", "HEAD"])).map(|id| id.trim().to_owned());
    if whole.join(".git").is_dir() && head(&whole).is_ok_and(|id| id == recipe.head()) {
        return Ok(whole);
    }
    for old in [&whole, &new] {
        shell::remove(old)?;
    }
    make(recipe, &new)?;
    let made = head(&new)?;
    if made != recipe.head() {
        return Err(format!(
            "the recipe of `{}` now ends in {made}: if that is meant, write it to xtask/src/fixtures.rs",
            recipe.name()
        ));
    }
    std::fs::rename(&new, &whole).map_err(|e| format!("cannot rename {}: {e}", new.display()))?;
    Ok(whole)
}

/// A clone of `recipe` at `to`, with old file times: git takes a file that is as young as its index for possibly changed and
/// reads it again, which would make the first command after a copy dearer than every other.
pub(crate) fn copy(recipe: Recipe, to: &Path) -> Result<(), String> {
    let from = prepare(recipe)?;
    shell::remove(to)?;
    let parent = to.parent().unwrap_or(to);
    std::fs::create_dir_all(parent).map_err(|e| format!("cannot make {}: {e}", parent.display()))?;
    shell::output(shell::git(parent, 0).args(["clone", "--quiet", "--no-hardlinks", "--template="]).args([&from, to]))?;
    shell::output(shell::git(to, 0).args(["remote", "remove", "origin"]))?;
    let day = std::time::UNIX_EPOCH + std::time::Duration::from_secs(shell::FIRST_DAY);
    for path in shell::text(shell::git(to, 0).args(["ls-files", "-z"]))?.split_terminator('\0') {
        let aged = std::fs::File::options().write(true).open(to.join(path)).and_then(|file| file.set_modified(day));
        aged.map_err(|e| format!("cannot set the time of {path}: {e}"))?;
    }
    shell::output(shell::git(to, 0).args(["update-index", "-q", "--refresh"])).map(drop)
}

/// The counter file with another number.
pub(crate) fn counter(number: u64) -> String {
    format!("//! A number that goes up.\n\n/// How often it was counted.\n{COUNTER_LINE}{number};\n")
}

/// The line that holds the counter, and the same line with the next number.
pub(crate) fn next_line(text: &str) -> Option<(String, String)> {
    let line = text.lines().find(|line| line.starts_with(COUNTER_LINE))?;
    let number: u64 = line.strip_prefix(COUNTER_LINE)?.strip_suffix(';')?.parse().ok()?;
    Some((line.to_owned(), format!("{COUNTER_LINE}{};", number + 1)))
}

fn make(recipe: Recipe, dir: &Path) -> Result<(), String> {
    std::fs::create_dir_all(dir).map_err(|e| format!("cannot make {}: {e}", dir.display()))?;
    let init = ["init", "--quiet", "--template=", "--initial-branch=main", "--object-format=sha1", "--ref-format=files", "."];
    shell::output(shell::git(dir, 0).args(init))?;
    match recipe {
        Recipe::Small => small(dir),
        Recipe::Large => large(dir),
    }
}

fn small(dir: &Path) -> Result<(), String> {
    let lib = "//! A library for one number.\n\npub mod counter;\n";
    let readme = |n: u32| format!("# small\n\nA repository to try things in.\n\n{}", "It grew by a line.\n".repeat(n as usize));
    for day in 0..5 {
        shell::write(&dir.join("README.md"), readme(day).as_bytes())?;
        shell::write(&dir.join("src/lib.rs"), lib.as_bytes())?;
        shell::write(&dir.join(COUNTER), counter(0).as_bytes())?;
        shell::output(shell::git(dir, day).args(["add", "--all"]))?;
        shell::output(shell::git(dir, day).args(["commit", "--quiet", "--message", &format!("Day {day}")]))?;
    }
    Ok(())
}

fn large(dir: &Path) -> Result<(), String> {
    let mut import = shell::git(dir, 0);
    import.args(["fast-import", "--quiet", "--date-format=raw"]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = import.spawn().map_err(|e| format!("cannot run git fast-import: {e}"))?;
    let pipe = child.stdin.take().ok_or("git fast-import has no input")?;
    let fed = feed(std::io::BufWriter::new(pipe));
    let status = child.wait().map_err(|e| format!("git fast-import: {e}"))?;
    fed.map_err(|e| format!("git fast-import stopped reading: {e}"))?;
    if !status.success() {
        return Err(format!("git fast-import failed ({status})"));
    }
    shell::output(shell::git(dir, 0).args(["reset", "--quiet", "--hard", "refs/heads/main"])).map(drop)
}

/// Writes the history: all files in the first commit, then a few changed files in each of the others.
fn feed(mut out: impl std::io::Write) -> std::io::Result<()> {
    let mut dice = Dice(0x5eed);
    let total = DIRECTORIES * FILES_PER_DIRECTORY;
    for day in 0..LARGE_COMMITS {
        let date = shell::FIRST_DAY + u64::from(day) * 86_400;
        let subject = if day == 0 { "Import everything".to_owned() } else { format!("Change {} things", 1 + day % 7) };
        write!(out, "commit refs/heads/main\nmark :{}\n", day + 1)?;
        writeln!(out, "committer Ada Example <ada@example.invalid> {date} +0000\ndata {}\n{subject}", subject.len())?;
        if day == 0 {
            file(&mut out, COUNTER, &counter(0))?;
            file(&mut out, "README.md", &prose(&mut dice, 60))?;
        } else {
            writeln!(out, "from :{day}")?;
        }
        let changed: Vec<usize> = match day {
            0 => (0..total).collect(),
            _ => (0..=day % 7).map(|_| dice.below(total)).collect(),
        };
        for index in changed {
            let path = path(index);
            let text = source(&mut dice, &path);
            file(&mut out, &path, &text)?;
        }
        writeln!(out)?;
    }
    writeln!(out, "done")?;
    out.flush()
}

fn file(out: &mut impl std::io::Write, path: &str, text: &str) -> std::io::Result<()> {
    writeln!(out, "M 100644 inline {path}\ndata {}\n{text}", text.len())
}

const AREAS: [&str; 12] = ["api", "auth", "billing", "cache", "core", "graph", "jobs", "mail", "query", "render", "storage", "web"];
const WORDS: [&str; 24] = [
    "account", "batch", "buffer", "channel", "cursor", "entry", "event", "filter", "handle", "index", "invoice", "limit",
    "message", "node", "order", "page", "parser", "queue", "record", "session", "token", "user", "value", "window",
];

/// Where file number `index` lies: 300 directories of three depths and four kinds of file.
fn path(index: usize) -> String {
    let (directory, file) = (index / FILES_PER_DIRECTORY, index % FILES_PER_DIRECTORY);
    let area = AREAS[directory % AREAS.len()];
    let word = WORDS[(directory / AREAS.len()) % WORDS.len()];
    let deeper = if directory % 3 == 0 { "" } else { "internal/" };
    let extension = ["rs", "py", "ts", "md"][(file + directory) % 4];
    format!("{area}/{word}_{directory}/{deeper}{}_{file}.{extension}", WORDS[(file * 7 + directory) % WORDS.len()])
}

/// Text in the language of the path's extension, of about 1 to 18 KB, most of it short.
fn source(dice: &mut Dice, path: &str) -> String {
    let parts = 3 + dice.below(6) + if dice.below(4) == 0 { dice.below(40) } else { 0 };
    let extension = path.rsplit('.').next().unwrap_or_default();
    let mut text = String::new();
    for part in 0..parts {
        let (a, b, c) = (dice.word(), dice.word(), dice.word());
        let (start, most) = (dice.below(1000), dice.below(64));
        text += &match extension {
            "rs" => format!(
                "/// Takes the {a} of a {b} and keeps at most {most} of them.\npub fn {a}_{b}_{part}({c}: &[u64]) -> Option<u64> {{\n    \
                 let limit = {c}.len().min({most});\n    let mut total = {start};\n    for {a} in &{c}[..limit] {{\n        \
                 if *{a} % {} == 0 {{\n            total += *{a};\n        }}\n    }}\n    (total > {start}).then_some(total)\n}}\n\n",
                most + 2
            ),
            "py" => format!(
                "class {}{part}:\n    \"\"\"One {a} with its {b}.\"\"\"\n\n    def __init__(self, {c}, limit={start}):\n        \
                 self.{c} = {c}\n        self.limit = limit\n\n    def {b}_of(self, {a}):\n        if {a} is None:\n            \
                 raise ValueError(\"no {a}: expected one of {most}\")\n        return [item for item in self.{c} if item != {a}][:self.limit]\n\n\n",
                capital(a)
            ),
            "ts" => format!(
                "export interface {0}{part} {{\n  {a}: string;\n  {b}: number;\n}}\n\nexport function {b}{0}{part}({c}: {0}{part}[]): number {{\n  \
                 // The first {most} are enough.\n  return {c}.slice(0, {most}).reduce((sum, next) => sum + next.{b}, {start});\n}}\n\n",
                capital(a)
            ),
            _ => format!("## The {a} and its {b}\n\n{}\n", prose(dice, 8)),
        };
    }
    text
}

fn prose(dice: &mut Dice, sentences: usize) -> String {
    let mut text = String::new();
    for _ in 0..sentences {
        let (a, b, c) = (dice.word(), dice.word(), dice.word());
        text += &format!("Every {a} has a {b}, and the {c} is made from both when the first of them is asked for.\n");
    }
    text
}

fn capital(word: &str) -> String {
    word[..1].to_uppercase() + &word[1..]
}

/// A fixed sequence of numbers (Knuth's 64-bit multiplier), so that no crate's version can change a fixture.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    fn word(&mut self) -> &'static str {
        WORDS[self.below(WORDS.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_history_is_the_same_every_time_and_as_large_as_said() {
        let mut streams = [Vec::new(), Vec::new()];
        for stream in &mut streams {
            feed(stream).unwrap();
        }
        assert!(streams[0] == streams[1]);
        let paths: std::collections::BTreeSet<String> = (0..DIRECTORIES * FILES_PER_DIRECTORY).map(path).collect();
        assert_eq!(paths.len(), 5400);
        let directories: std::collections::BTreeSet<&str> =
            paths.iter().filter_map(|p| p.rsplit_once('/')).map(|(d, _)| d).collect();
        assert_eq!(directories.len(), DIRECTORIES);
        let megabytes = streams[0].len() / 1_000_000;
        assert!((20..35).contains(&megabytes), "{megabytes} MB");
    }

    #[test]
    fn real_git_makes_the_very_commit_that_the_recipe_names() {
        let dir = std::env::temp_dir().join(format!("xtask-small-{}", std::process::id()));
        make(Recipe::Small, &dir).unwrap();
        let head = shell::text(shell::git(&dir, 0).args(["rev-parse", "HEAD"])).unwrap();
        assert_eq!(head.trim(), Recipe::Small.head());
        shell::remove(&dir).unwrap();
    }

    #[test]
    fn the_counter_goes_up_by_one() {
        let (old, new) = next_line(&counter(41)).unwrap();
        assert_eq!(counter(41).replace(&old, &new), counter(42));
        assert_eq!(next_line("pub const OTHER: u64 = 1;\n"), None);
    }
}
