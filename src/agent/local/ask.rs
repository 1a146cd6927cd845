//! Questions to servers of this machine.
//!
//! Invariants
//! - Each takes a bounded time, and reads a bounded answer; one that makes no sense is no answer.

use std::path::PathBuf;
use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::Value;

use crate::net::{Client, Options};

/// How long a server may take to be reached, and to answer.
const REACHED_WITHIN: Duration = Duration::from_millis(500);
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);

/// The most bytes of an answer.
const LONGEST: usize = 4 << 20;

/// A client for these questions.
pub fn client() -> Client {
    Client::new(Options { connect_timeout: REACHED_WITHIN, ..Options::default() })
}

/// What a server says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    Ready,
    Loading,
    /// Nobody answers.
    Silent,
}

/// A model that a server has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    pub name: String,
    pub bytes: Option<u64>,
    /// How large it is in its maker's words.
    pub size_label: Option<String>,
    pub quantisation: Option<String>,
    /// How many tokens of context it has now.
    pub context: Option<u64>,
}

/// The status and the JSON of an answer.
async fn get(client: &Client, url: &str) -> Option<(u16, Value)> {
    let ask = async {
        let mut response = client.get_local(url).await.ok()?;
        let mut raw = Vec::new();
        while let Some(bytes) = response.body.next().await {
            raw.extend(bytes.ok()?);
            if raw.len() > LONGEST {
                return None;
            }
        }
        Some((response.status, serde_json::from_slice(&raw).unwrap_or(Value::Null)))
    };
    tokio::time::timeout(ANSWERED_WITHIN, ask).await.ok().flatten()
}

/// Whether the server on a port can be asked. `llama-server` answers 503 while it loads.
pub async fn health(client: &Client, port: u16) -> Health {
    match get(client, &format!("http://127.0.0.1:{port}/health")).await {
        None => Health::Silent,
        Some((200, _)) => Health::Ready,
        Some((503, _)) => Health::Loading,
        // Others have no such page, but models.
        Some(_) if models(client, &format!("http://127.0.0.1:{port}/v1")).await.is_some() => Health::Ready,
        Some(_) => Health::Loading,
    }
}

/// The models of the server with OpenAI's protocol at an address; nothing when there is none.
pub async fn models(client: &Client, address: &str) -> Option<Vec<Served>> {
    let address = address.trim_end_matches('/');
    let (200, list) = get(client, &format!("{address}/models")).await? else { return None };
    let mut models: Vec<Served> = list["data"].as_array()?.iter().filter_map(listed).collect();
    // Only Ollama has this page, and it knows more.
    let root = address.strip_suffix("/v1").unwrap_or(address);
    if models.iter().all(|model| model.bytes.is_none())
        && let Some((200, tags)) = get(client, &format!("{root}/api/tags")).await
        && let Some(tags) = tags["models"].as_array()
    {
        models = tags.iter().filter_map(tagged).collect();
    }
    Some(models)
}

/// A name that can be shown and typed.
fn name(value: &Value) -> Option<String> {
    value.as_str().filter(|name| !name.is_empty() && !name.contains(char::is_control)).map(str::to_owned)
}

fn listed(value: &Value) -> Option<Served> {
    let meta = &value["meta"];
    Some(Served {
        name: name(&value["id"])?,
        bytes: meta["size"].as_u64(),
        size_label: None,
        quantisation: name(&meta["ftype"]),
        context: meta["n_ctx"].as_u64(),
    })
}

fn tagged(value: &Value) -> Option<Served> {
    Some(Served {
        name: name(&value["name"])?,
        bytes: value["size"].as_u64(),
        size_label: name(&value["details"]["parameter_size"]),
        quantisation: name(&value["details"]["quantization_level"]),
        context: None,
    })
}

/// The file that the `llama-server` on a port has loaded.
pub async fn loaded(client: &Client, port: u16) -> Option<PathBuf> {
    let (200, props) = get(client, &format!("http://127.0.0.1:{port}/props")).await? else { return None };
    props["model_path"].as_str().map(PathBuf::from)
}
