//! The editor that git uses.

use crate::process::Spec;

use super::context::Context;
use super::error::Failure;

/// Lets the user change a text in their editor, in a file of this name.
pub fn edited(ctx: &Context, name: &str, draft: &[u8]) -> Result<Vec<u8>, Failure> {
    let named = ["GIT_EDITOR", "VISUAL", "EDITOR"].iter().find_map(|v| ctx.vars.get(*v).filter(|e| !e.is_empty()));
    let editor = named.map_or("vi", String::as_str);
    let home = ctx.home.clone().ok_or_else(|| Failure::user("neither HOME nor RT_HOME is set"))?;
    let file = home.join(name);
    let io = |e: std::io::Error| Failure::user(format!("{}: {e}", file.display()));
    std::fs::create_dir_all(&home).map_err(io)?;
    std::fs::write(&file, draft).map_err(io)?;
    let line = format!("{editor} \"$1\"");
    let code = Spec::new("sh").args(["-c", &line, "sh"]).arg(&file).directory(&ctx.directory).run_attached();
    let code = code.map_err(|e| Failure::user(format!("the editor {editor:?} cannot be started: {e}")))?;
    if code != Some(0) {
        return Err(Failure::user(format!("the editor {editor:?} failed")));
    }
    let text = std::fs::read(&file).map_err(io)?;
    let _ = std::fs::remove_file(&file);
    Ok(text)
}
