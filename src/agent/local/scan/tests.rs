//! Made places, as the programs that fill them leave them.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::super::gguf::made_gguf::Made;
use super::*;

/// A directory with files, links among them: `path -> target`.
fn tree(files: &[(&str, &[u8])], links: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let made = |path: &str| {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        path
    };
    for (path, bytes) in files {
        fs::write(made(path), bytes).expect("written");
    }
    for (path, target) in links {
        symlink(target, made(path)).expect("linked");
    }
    dir
}

fn look(dir: &tempfile::TempDir, places: &[(Owner, &str)]) -> Scan {
    let place = |(owner, path): &(Owner, &str)| Place { owner: *owner, path: dir.path().join(path) };
    let mut scan = scan(&places.iter().map(place).collect::<Vec<_>>(), Vec::new());
    // Names of temporary directories are of no interest.
    let top = dir.path().display().to_string();
    scan.notices.iter_mut().for_each(|notice| *notice = notice.replace(&top, ""));
    scan
}

fn names(scan: &Scan) -> Vec<String> {
    scan.models.iter().map(Found::full_name).collect()
}

fn model() -> Vec<u8> {
    Made::new("llama").seven().bytes()
}

const HASH: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn hugging_face_has_the_revision_of_main_and_a_file_once() {
    let (old, new) = ("models--a--b/snapshots/old", "models--a--b/snapshots/new");
    let main = Made::new("llama").text("general.name", "main").bytes();
    let dir = tree(
        &[
            ("models--a--b/refs/main", b"old\n"),
            (&format!("models--a--b/blobs/{HASH}"), &main),
            (&format!("{new}/x.gguf"), &model()),
            (&format!("{new}/Q8/y.GGUF"), &model()),
            (&format!("{new}/README.md"), b"words"),
            ("models--c/snapshots/1/z.gguf", &model()),
            ("datasets--d/snapshots/1/no.gguf", &model()),
        ],
        &[(&format!("{old}/x.gguf"), &format!("../../blobs/{HASH}")), (&format!("{old}/gone.gguf"), "../../blobs/gone")],
    );
    let scan = look(&dir, &[(Owner::HuggingFace, "")]);
    assert_eq!(names(&scan), ["a/b/x", "a/b/y", "c/z"]);
    assert_eq!(scan.models[0].facts.as_ref().map(|facts| facts.name.as_deref()), Ok(Some("main")));
    assert_eq!(scan.models[0].bytes, main.len() as u64);
    assert_eq!(scan.notices, [format!("/{old}/gone.gguf: it is a link to a file that is gone")]);
}

#[test]
fn one_content_is_one_row_wherever_it_is_seen() {
    let manifest = format!(
        "{{\"schemaVersion\":2,\"layers\":[{{\"mediaType\":\"application/vnd.ollama.image.template\",\"digest\":\"sha256:{HASH}\"}},\
         {{\"mediaType\":\"application/vnd.ollama.image.model\",\"digest\":\"sha256:{HASH}\",\"size\":5}}]}}"
    );
    let dir = tree(
        &[
            (&format!("hf/models--a--b/blobs/{HASH}"), &model()),
            (&format!("ollama/blobs/sha256-{HASH}"), &model()),
            ("ollama/manifests/registry.ollama.ai/library/m/7b", manifest.as_bytes()),
        ],
        &[
            ("hf/models--a--b/snapshots/1/m.gguf", &format!("../../blobs/{HASH}")),
            ("lm/a/b/other-name.gguf", &format!("../../../hf/models--a--b/blobs/{HASH}")),
        ],
    );
    let all = [(Owner::HuggingFace, "hf"), (Owner::LmStudio, "lm"), (Owner::Ollama, "ollama")];
    let scan = look(&dir, &all);
    assert_eq!((names(&scan), scan.notices), (vec!["a/b/m".to_owned()], vec![]));
    assert_eq!(scan.models[0].owners, [Owner::HuggingFace, Owner::LmStudio, Owner::Ollama]);
    assert_eq!(names(&look(&dir, &all[1..])), ["a/b/other-name"]);
}

#[test]
fn ollama_names_its_models_and_a_wrong_manifest_leads_nowhere() {
    let manifest =
        |digest: &str| format!("{{\"layers\":[{{\"mediaType\":\"application/vnd.ollama.image.model\",\"digest\":\"{digest}\"}}]}}");
    let sound = manifest(&format!("sha256:{HASH}"));
    let other = HASH.replace('0', "1");
    let dir = tree(
        &[
            (&format!("blobs/sha256-{HASH}"), &model()),
            (&format!("blobs/sha256-{other}"), &model()),
            ("secret", &model()),
            ("manifests/hf.co/maker/repo/Q4_0", sound.as_bytes()),
            ("manifests/registry.ollama.ai/me/m/latest", manifest(&format!("sha256:{other}")).as_bytes()),
            ("manifests/registry.ollama.ai/library/out/1", manifest("sha256:../../secret").as_bytes()),
            ("manifests/registry.ollama.ai/library/out/2", b"{"),
            ("manifests/registry.ollama.ai/library/out/3", b"{}"),
            ("manifests/registry.ollama.ai/library/gone/1", manifest(&format!("sha256:{}", "a".repeat(64))).as_bytes()),
        ],
        &[],
    );
    let scan = look(&dir, &[(Owner::Configured, "")]);
    assert_eq!(names(&scan), ["hf.co/maker/repo:Q4_0", "me/m:latest"]);
    let want = [
        format!("/blobs/sha256-{}: it is a link to a file that is gone", "a".repeat(64)),
        "/manifests/registry.ollama.ai/library/out/2: it is no manifest of Ollama".to_owned(),
    ];
    assert_eq!(scan.notices, want);
}

#[test]
fn parts_are_one_model_and_missing_ones_are_said() {
    let part = |name: &str, n: u32| format!("{name}-0000{n}-of-00003.gguf");
    let rest = Made::new("").bytes();
    let mut files = vec![(part("d/whole", 1), model()), (part("d/whole", 2), rest.clone()), (part("d/whole", 3), rest.clone())];
    files.extend([(part("d/half", 1), model()), (part("d/half", 3), rest), ("d/one-of-many.gguf".to_owned(), model())]);
    files.push(("d/mmproj-F16.gguf".to_owned(), model()));
    files.push(("d/broken.gguf".to_owned(), b"GGUF".to_vec()));
    let files: Vec<(&str, &[u8])> = files.iter().map(|(path, bytes)| (path.as_str(), &bytes[..])).collect();
    let dir = tree(&files, &[]);
    let scan = look(&dir, &[(Owner::LlamaCpp, "d")]);
    assert_eq!(names(&scan), ["broken", "half", "mmproj-F16", "one-of-many", "whole"]);
    let [broken, half, projector, one, whole] = &scan.models[..] else { panic!("{scan:?}") };
    assert!(broken.facts.as_ref().is_err_and(|why| why.contains("download is not complete")), "{broken:?}");
    assert_eq!(half.facts, Err("1 of its 3 files are missing".to_owned()));
    assert!(!projector.can_be_served() && one.can_be_served() && whole.can_be_served());
    assert_eq!((whole.parts, whole.bytes), (3, (model().len() + 2 * Made::new("").bytes().len()) as u64));
    // Whichever part is named, the first one is loaded.
    let named = super::one(&dir.path().join(part("d/whole", 3))).expect("it is there");
    assert_eq!((named.path, named.bytes, named.name), (dir.path().join(part("d/whole", 1)), whole.bytes, "whole".to_owned()));
    assert!(super::one(&dir.path().join("d/none.gguf")).is_err());
}

#[test]
fn loops_end_and_what_cannot_be_read_is_said() {
    let deep = format!("m/{}x.gguf", "d/".repeat(12));
    let dir = tree(&[("m/a/x.gguf", &model()), (&deep, &model())], &[("m/a/again", ".."), ("m/b", "a"), ("m/self", "self")]);
    let scan = look(&dir, &[(Owner::Configured, "m"), (Owner::Configured, "none"), (Owner::LmStudio, "none")]);
    assert_eq!(names(&scan), ["a/x"]);
    assert_eq!(scan.notices.len(), 2, "{scan:?}");
    assert_eq!(scan.notices[0], "/m: what lies more than 8 directories deep was not looked at (1 of them)");
    assert!(scan.notices[1].contains("no such directory"), "{scan:?}");
    let closed = dir.path().join("m/a");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).expect("set");
    // Who may do everything is kept out of nothing.
    let refused = fs::read_dir(&closed).is_err();
    let scan = look(&dir, &[(Owner::Configured, "m")]);
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).expect("set");
    assert_eq!(scan.notices.iter().any(|notice| notice.starts_with("/m/a: ")), refused, "{scan:?}");
}

#[test]
fn a_name_means_one_model_or_none() {
    let file = |name: &str| (format!("m/{name}.gguf"), model());
    let files = [file("a/coder-7b-Q4"), file("b/coder-7b-Q4"), file("b/coder-14b"), file("b/mmproj-coder")];
    let files: Vec<(&str, &[u8])> = files.iter().map(|(path, bytes)| (path.as_str(), &bytes[..])).collect();
    let dir = tree(&files, &[]);
    let scan = look(&dir, &[(Owner::LmStudio, "m")]);
    let said = |written: &str| match meant(&scan.models, written) {
        Meant::One(one) => one.full_name(),
        Meant::Several(names) => names.join("|"),
        Meant::Not(one) => format!("not {}", one.name),
        Meant::None => "none".to_owned(),
    };
    assert_eq!(said("b/coder-7b-Q4"), "b/coder-7b-Q4");
    assert_eq!(said("14B"), "b/coder-14b");
    assert_eq!(said("coder-7b-Q4"), "a/coder-7b-Q4|b/coder-7b-Q4");
    assert_eq!(said("7b"), "a/coder-7b-Q4|b/coder-7b-Q4");
    assert_eq!(said("mmproj-coder"), "not mmproj-coder");
    assert_eq!(said("b/"), "b/coder-14b|b/coder-7b-Q4");
    assert_eq!(said("llama"), "none");
}
