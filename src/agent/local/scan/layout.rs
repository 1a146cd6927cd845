//! How other programs lay out the models that they keep.
//!
//! Invariants
//! - A manifest is foreign: it is read up to a limit, and a name of a blob in it that is no hash leads nowhere.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Listed;
use super::places::Owner;
use super::walk::{File, Walk, digest};

/// The most bytes of a manifest or a reference.
const LONGEST: u64 = 1 << 20;

/// What lies in a place, by what it looks like: a place of the user's may be a copy of any of them.
pub(super) fn look(owner: Owner, path: &Path, walk: &mut Walk) -> Vec<Listed> {
    if path.join("manifests").is_dir() && path.join("blobs").is_dir() {
        return ollama(owner, path, walk);
    }
    let mut out = Vec::new();
    if owner == Owner::HuggingFace || owner == Owner::Configured || owner == Owner::LlamaCpp {
        for repo in walk.list(path) {
            let name = repo.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix("models--"));
            if let Some(name) = name.map(|name| name.replace("--", "/")) {
                out.extend(hugging_face(owner, &name, &repo, walk));
            }
        }
    }
    if owner != Owner::HuggingFace {
        out.extend(walk.files(path).into_iter().map(|file| Listed { owner, of: above(&file.relative), name: None, file }));
    }
    out
}

/// The directory of a file as a text: LM Studio keeps `maker/repository/file`.
fn above(relative: &Path) -> String {
    relative.parent().map(|parent| parent.display().to_string()).unwrap_or_default()
}

/// `snapshots/<revision>/…` of one repository: the revision that `refs/main` names, then the newest; a file that an earlier
/// one of these has is not named again.
fn hugging_face(owner: Owner, name: &str, repo: &Path, walk: &mut Walk) -> Vec<Listed> {
    let main = read(&repo.join("refs/main")).map(|text| text.trim().to_owned());
    let is_main = |path: &Path| path.file_name().and_then(|name| name.to_str()) == main.as_deref();
    let mut revisions = walk.list(&repo.join("snapshots"));
    let written = |path: &PathBuf| fs::metadata(path).and_then(|meta| meta.modified()).ok();
    revisions.sort_by_key(|path| (!is_main(path), std::cmp::Reverse(written(path))));
    let mut out: Vec<Listed> = Vec::new();
    for revision in revisions {
        let files = walk.files(&revision);
        let new: Vec<File> = files.into_iter().filter(|f| out.iter().all(|old| old.file.relative != f.relative)).collect();
        out.extend(new.into_iter().map(|file| Listed { owner, of: name.to_owned(), name: None, file }));
    }
    out
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
struct Layer {
    #[serde(rename = "mediaType", default)]
    media_type: String,
    #[serde(default)]
    digest: String,
}

/// `manifests/<registry>/<maker>/<model>/<tag>`, each naming a blob.
fn ollama(owner: Owner, path: &Path, walk: &mut Walk) -> Vec<Listed> {
    let start = path.join("manifests");
    let mut out = Vec::new();
    let mut level = vec![start.clone()];
    for _ in 0..3 {
        level = level.iter().flat_map(|directory| walk.list(directory)).filter(|path| path.is_dir()).collect();
    }
    for manifest in level.iter().flat_map(|directory| walk.list(directory)).collect::<Vec<_>>() {
        let Some(name) = manifest.strip_prefix(&start).ok().and_then(model_name) else { continue };
        let Some(text) = read(&manifest) else { continue };
        let Ok(parsed) = serde_json::from_str::<Manifest>(&text) else {
            walk.notices.push(format!("{}: it is no manifest of Ollama", manifest.display()));
            continue;
        };
        let model = parsed.layers.iter().find(|layer| layer.media_type == "application/vnd.ollama.image.model");
        let Some(hash) = model.and_then(|layer| digest(layer.digest.strip_prefix("sha256:")?)) else { continue };
        let blob = path.join("blobs").join(format!("sha256-{hash}"));
        if let Some(meta) = walk.meta(&blob) {
            out.push(Listed { owner, of: String::new(), name: Some(name), file: File::of(&blob, path, &meta) });
        }
    }
    out
}

/// `registry/maker/model/tag` as Ollama writes it, such as `qwen2.5-coder:7b`.
fn model_name(below: &Path) -> Option<String> {
    let parts: Vec<&str> = below.components().map(|part| part.as_os_str().to_str()).collect::<Option<_>>()?;
    Some(match parts[..] {
        ["registry.ollama.ai", "library", model, tag] => format!("{model}:{tag}"),
        ["registry.ollama.ai", maker, model, tag] => format!("{maker}/{model}:{tag}"),
        [registry, maker, model, tag] => format!("{registry}/{maker}/{model}:{tag}"),
        _ => return None,
    })
}

/// A short text file; nothing when it is not there, or is something else.
fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    fs::File::open(path).ok()?.take(LONGEST).read_to_string(&mut text).ok()?;
    Some(text)
}
