//! `rt debug stream`: an answer as it is read, shown and kept while it arrives, without the turn around it.
//!
//! Invariants
//! - What runs here is what runs in a turn: the client, the adapter, the decoder. `cargo xtask bench wire` measures it.
//! - Bytes are in the file before what they mean is shown.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::Args;
use futures_util::future::join_all;

use crate::agent::models::{self, Model, Special};
use crate::config::secret::Pieces;
use crate::llm::{AskError, Sink, TokioTimer, ask};
use crate::session::request::{ModelRequest, Part, Role};
use crate::session::stream::ModelEvent;
use crate::ui;

use super::super::super::context::Context;
use super::super::super::error::{Failure, INTERRUPTED};
use super::super::ask::{block_on, interrupted};
use super::super::model::Known;

/// Ask a model; the answer's text goes to standard output, its bytes to files
#[derive(Debug, Args)]
pub struct StreamArgs {
    /// The model
    #[arg(long)]
    pub model: String,
    /// Ask so many times at once; with more than one, no text is shown
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub streams: u16,
    /// The directory for the files, one for each answer: 1, 2 …
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// The message
    pub message: String,
}

pub(super) fn run(ctx: &Context, args: &StreamArgs) -> Result<(), Failure> {
    let mut known = Known::new(ctx)?;
    let id = known.named(Some(&args.model))?;
    known.unlock(&id.provider)?;
    let model = models::open_with(&known.setup(), id, Special::default())?;
    std::fs::create_dir_all(&args.to).map_err(|e| Failure::user(format!("cannot make {}: {e}", args.to.display())))?;
    let redactor = known.redactor();
    let mut keeps = (1..=args.streams)
        .map(|number| {
            let path = args.to.join(number.to_string());
            let file = File::create(&path).map_err(|e| Failure::user(format!("cannot write {}: {e}", path.display())))?;
            Ok(Keep { file, text: Pieces::new(&redactor), shown: (args.streams == 1).then(|| ctx.ui.stream()), broken: None })
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    let streams = keeps.iter_mut().map(|keep| one(&model, &known, &args.message, keep));
    let done = block_on(async {
        tokio::select! {
            done = join_all(streams) => Some(done),
            () = interrupted(&ctx.ui) => None,
        }
    })?;
    let ended: Vec<Result<(), Failure>> = keeps.into_iter().map(Keep::end).collect();
    let done = done.ok_or_else(|| Failure::user("interrupted").code(INTERRUPTED))?;
    done.into_iter().chain(ended).collect()
}

async fn one(model: &Model, known: &Known<'_>, message: &str, keep: &mut Keep<'_>) -> Result<(), Failure> {
    let request = ModelRequest::new(model.id.clone(), vec![Part::text(Role::User, "message", message)]);
    let call = model.provider.encode(&request)?;
    let asked = ask(&*model.provider, &call, &model.policy, &*known.entropy, &TokioTimer, keep).await;
    asked.map_err(|AskError { error, .. }| Failure::from(error))
}

/// Keeps the bytes, then shows the text.
struct Keep<'u> {
    file: File,
    text: Pieces<'u>,
    shown: Option<ui::Stream<'u>>,
    broken: Option<ui::OutputError>,
}

impl Sink for Keep<'_> {
    fn on_attempt(&mut self, number: u32) -> io::Result<()> {
        if number > 1 { self.file.set_len(0).and_then(|()| io::Seek::rewind(&mut self.file)) } else { Ok(()) }
    }

    fn on_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn on_event(&mut self, event: &ModelEvent) {
        if let ModelEvent::Text(text) = event {
            let text = self.text.push(text);
            self.show(&text);
        }
    }
}

impl Keep<'_> {
    fn end(mut self) -> Result<(), Failure> {
        let rest = self.text.finish();
        self.show(&rest);
        self.broken.map_or(Ok(()), Err)?;
        Ok(self.shown.map_or(Ok(()), ui::Stream::finish)?)
    }

    fn show(&mut self, text: &str) {
        if let (Some(shown), None) = (&mut self.shown, &self.broken) {
            self.broken = shown.write(text).err();
        }
    }
}
