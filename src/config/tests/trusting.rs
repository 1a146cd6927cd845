//! What trust in a project covers, and what ends it.

use super::super::trust::{self, Status};
use super::{Place, put};

#[test]
fn trust_ends_with_any_change() {
    let place = Place::new().project("[hooks]\nedits = ['a']\n");
    let templates = place.root.join(".retort/templates");
    put(&templates.join("a.j2"), "a");
    assert_eq!(place.status(), Status::Untrusted);
    place.trust();
    assert_eq!(place.status(), Status::Trusted);
    for name in ["notes.md", "hooks/check"] {
        // Settings may run what lies there.
        put(&place.root.join(".retort").join(name), "may act");
        assert_eq!(place.status(), Status::Changed(vec![name.into()]));
        place.trust();
        assert_eq!(place.status(), Status::Trusted);
    }
    put(&place.root.join(".retort/hooks/check"), "other");
    assert_eq!(place.status(), Status::Changed(vec!["hooks/check".into()]));
    place.trust();

    put(&place.root.join(".retort/config.toml"), "[hooks]\nedits = ['b']\n");
    assert_eq!(place.status(), Status::Changed(vec!["config.toml".into()]));
    let config = place.load();
    assert_eq!(config.settings().hooks.edits, ["apply"]);
    assert!(config.warnings()[0].contains("changed since you trusted it (config.toml)"), "{:?}", config.warnings());
    place.trust();
    std::fs::create_dir(templates.join("edits")).expect("directory");
    put(&templates.join("edits/b.j2"), "b");
    assert_eq!(place.status(), Status::Changed(vec!["templates/edits/b.j2".into()]));
    place.trust();
    std::fs::remove_file(templates.join("a.j2")).expect("remove");
    assert_eq!(place.status(), Status::Changed(vec!["templates/a.j2".into()]));
    place.trust();
    assert!(trust::untrust(&place.home, &place.root).expect("untrust"));
    assert!(!trust::untrust(&place.home, &place.root).expect("untrust"));
    assert_eq!(place.status(), Status::Untrusted);

    put(&place.home.join("trust.toml"), "not = [toml");
    assert!(trust::status(&place.home, &place.root).is_err());
}

#[test]
fn what_trust_covers_is_bounded() {
    let place = Place::new().project("[hooks]\nedits = ['a']\n");
    let dir = place.root.join(".retort");
    place.trust();
    let refused = || trust::trust(&place.home, &place.root).expect_err("refused").to_string();
    for at in 0..1000 {
        put(&dir.join(format!("many/{at}")), "x");
    }
    assert_eq!(place.status(), Status::Changed(vec!["more than 1000 files".into()]));
    assert!(refused().contains("more than 1000 files"), "{}", refused());
    std::fs::remove_dir_all(dir.join("many")).expect("removed");
    assert_eq!(place.status(), Status::Trusted);
    for at in 0..17 {
        put(&dir.join(format!("large/{at}")), &"x".repeat(1 << 20));
    }
    assert_eq!(place.status(), Status::Changed(vec!["more than 16 MiB".into()]));
    assert!(refused().contains("more than 16 MiB"), "{}", refused());
    std::fs::remove_dir_all(dir.join("large")).expect("removed");
    put(&dir.join("one"), &"x".repeat((1 << 20) + 1));
    assert_eq!(place.status(), Status::Changed(vec!["one".into()]));
    assert!(refused().contains("one: it has 1048577 bytes"), "{}", refused());
    std::fs::remove_file(dir.join("one")).expect("removed");
    put(&dir.join("1/2/3/4/5/6/7/8/9/deep"), "x");
    assert!(refused().contains("more than 8 directories deep"), "{}", refused());
    std::fs::remove_dir_all(dir.join("1")).expect("removed");
    // A link is what it says, whatever it leads to.
    std::os::unix::fs::symlink("/dev/zero", dir.join("link")).expect("linked");
    assert_eq!(place.status(), Status::Changed(vec!["link".into()]));
    place.trust();
    assert_eq!(place.status(), Status::Trusted);
    std::fs::remove_file(dir.join("link")).expect("removed");
    std::os::unix::fs::symlink("/dev/null", dir.join("link")).expect("linked");
    assert_eq!(place.status(), Status::Changed(vec!["link".into()]));
}
