//! Reads, finds and makes edits through the library alone; what `cargo xtask bench edits` measures.
//!
//! Each word is one piece of work, so that its cost is that of a process: `parse FILE`, `parse-pieces FILE`, `apply DIR ANSWER`,
//! and, to compare with, `copy DIR`. `read FILE` and `try DIR ANSWER` take what cannot be used, too, and write nothing.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use retort::base::change::{FileMode, FileState};
use retort::base::path::RepoPath;
use retort::base::tree::SourceTree;
use retort::edit::{EditFormat, ParseIssue, Parser, Reject, Rules, apply, parse};

/// The files of a directory.
struct Directory {
    root: PathBuf,
    paths: Vec<RepoPath>,
}

impl Directory {
    fn open(root: &Path) -> Result<Self, Box<dyn Error>> {
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(root)? {
            paths.push(RepoPath::new(&*entry?.file_name().to_string_lossy())?);
        }
        paths.sort();
        Ok(Self { root: root.to_owned(), paths })
    }

    fn place(&self, path: &RepoPath) -> PathBuf {
        self.root.join(path.to_string())
    }
}

impl SourceTree for Directory {
    fn paths(&self) -> &[RepoPath] {
        &self.paths
    }

    fn read(&self, path: &RepoPath) -> io::Result<Option<FileState>> {
        match std::fs::read(self.place(path)) {
            Ok(bytes) => Ok(Some(FileState { mode: FileMode::Regular, bytes })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["parse", file] => {
            let answer = std::fs::read_to_string(file)?;
            let plan = parse(EditFormat::Auto, &[], &answer, true);
            assert!(!plan.edits.is_empty() && plan.issues.is_empty());
        }
        ["parse-pieces", file] => {
            let answer = std::fs::read_to_string(file)?;
            let mut parser = Parser::new(EditFormat::Auto, &[]);
            let mut rest = answer.as_str();
            while !rest.is_empty() {
                let at = (4096..rest.len()).find(|at| rest.is_char_boundary(*at)).unwrap_or(rest.len());
                let (piece, next) = rest.split_at(at);
                parser.feed(piece);
                rest = next;
            }
            let plan = parser.finish(true);
            assert!(!plan.edits.is_empty() && plan.issues.is_empty());
        }
        ["read", file] => {
            let plan = parse(EditFormat::Auto, &[], &std::fs::read_to_string(file)?, true);
            std::hint::black_box(plan);
        }
        ["try", dir, answer] => {
            let tree = Directory::open(Path::new(dir))?;
            let plan = parse(EditFormat::Auto, &tree.paths, &std::fs::read_to_string(answer)?, true);
            std::hint::black_box(apply(&plan.edits, &tree, &Rules::default())?);
        }
        ["apply", dir, answer] => {
            let tree = Directory::open(Path::new(dir))?;
            let answer = std::fs::read_to_string(answer)?;
            let plan = parse(EditFormat::Auto, &tree.paths, &answer, true);
            let done = apply(&plan.edits, &tree, &Rules::default())?;
            if let Some(why) = plan.issues.iter().map(ParseIssue::line).chain(done.rejects.iter().map(Reject::line)).next() {
                return Err(why.into());
            }
            for (path, change) in done.changes.iter() {
                if let Some(file) = &change.after {
                    std::fs::write(tree.place(path), &file.bytes)?;
                }
            }
        }
        ["copy", dir] => {
            let tree = Directory::open(Path::new(dir))?;
            for path in &tree.paths {
                if let Some(file) = tree.read(path)? {
                    std::fs::write(tree.place(path), &file.bytes)?;
                }
            }
        }
        _ => return Err("parse FILE | parse-pieces FILE | read FILE | apply DIR ANSWER | try DIR ANSWER | copy DIR".into()),
    }
    Ok(())
}
