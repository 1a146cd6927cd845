//! The suite over the memory backend, and where it is stricter than git.

use super::*;
use crate::vcs::conformance::{Fixture, suite};

impl Fixture for Memory {
    fn backend(&self) -> &dyn Backend {
        self
    }

    fn write(&self, path: &RepoPath, bytes: Option<&[u8]>) {
        self.edit(path, bytes.map(|b| FileState { mode: FileMode::Regular, bytes: b.to_vec() }));
    }

    fn stage(&self, path: &RepoPath) {
        Memory::stage(self, path);
    }

    fn commit(&self, message: &str) -> Oid {
        self.user_commit(message).expect("commits")
    }

    fn staged(&self, path: &RepoPath) -> Option<Vec<u8>> {
        Memory::staged(self, path).map(|f| f.bytes)
    }

    fn committed(&self, path: &RepoPath) -> Option<Vec<u8>> {
        Memory::committed(self, path).map(|f| f.bytes)
    }

    fn remote_has(&self, commit: Oid) {
        self.foreign_ref("refs/remotes/origin/main", Some(commit)).expect("the commit exists");
    }
}

#[test]
fn conforms() {
    suite(&mut || Box::new(Memory::new("suite")));
}

#[test]
fn stricter_than_git() {
    let repo = Memory::new("strict");
    let me = Signature::retort(1);
    let draft = |parents: Vec<Oid>, message: &str| CommitDraft {
        parents,
        files: BTreeMap::from([("a".to_owned(), b"1".to_vec())]),
        author: me.clone(),
        committer: me.clone(),
        message: message.as_bytes().to_vec(),
    };
    let a = repo.write_commit(&draft(vec![], "a")).expect("writes");
    let b = repo.write_commit(&draft(vec![a], "b")).expect("writes");
    let other = repo.write_commit(&draft(vec![a], "c")).expect("writes");
    let session = "refs/retort/sessions/x";
    repo.set_ref(session, b, Expected::Absent).expect("a new ref");
    assert!(repo.set_ref(session, other, Expected::Is(b)).is_err(), "a session moved sideways");
    assert!(repo.set_ref("refs/retort/sessions/x/y", b, Expected::Absent).is_err(), "a ref below a ref");
    assert!(repo.set_ref("refs/retort/sessions", b, Expected::Absent).is_err());
    repo.foreign_operation(Some("merge"));
    assert!(repo.check_idle().is_err());
}

#[test]
fn push_is_all_or_none_and_fetch_keeps_apart() {
    let (here, there) = (Memory::new("here"), Arc::new(Memory::new("there")));
    here.add_remote("origin", &there);
    let draft = |text: &str| CommitDraft {
        parents: vec![],
        files: BTreeMap::new(),
        author: Signature::retort(1),
        committer: Signature::retort(1),
        message: text.as_bytes().to_vec(),
    };
    let (a, b) = (here.write_commit(&draft("a")).expect("a"), there.write_commit(&draft("b")).expect("b"));
    let names = ["refs/retort/sessions/a".to_owned(), "refs/retort/sessions/b".to_owned()];
    here.set_ref(&names[0], a, Expected::Absent).expect("a ref");
    here.set_ref(&names[1], a, Expected::Absent).expect("a ref");
    there.set_ref(&names[1], b, Expected::Absent).expect("a ref");
    assert!(here.push("origin", &names).expect("runs").iter().any(|r| !r.ok));
    assert_eq!(there.refs("refs/retort/").expect("refs"), [(names[1].clone(), b)]);
    here.fetch("origin").expect("fetches");
    assert_eq!(here.refs("refs/retort/remotes/").expect("refs"), [("refs/retort/remotes/origin/sessions/b".to_owned(), b)]);
    assert!(here.push("nowhere", &names).is_err());
}
