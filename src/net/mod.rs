//! The only HTTP client: proxies, extra certificates, byte streams.
//!
//! Invariants
//! - Nothing is set up before the first request, and a plain `http://` request to a local server never reads root
//!   certificates: they cost more than the rest of a turn.
//! - Redirects are not followed, because a redirect could carry the key to another host.
//! - Error texts name the host, never a query, a header value or a proxy's address: all of those can hold secrets.
//! - Everything goes through one place, so that a [`Tape`] has all of it.
//! - Deliberately absent: time-outs on data. Only the reader knows which bytes are useful, so `llm` has that one.

mod accounts;
pub mod cassette;
mod tape;
mod together;

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt as _};
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

pub use tape::{Clean, Request, Take, Tape, is_kept};

/// Hosts of this machine; a proxy is never asked for them.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";

/// Where requests go through, and whom to believe. Values come from settings; no environment variable is read here.
#[derive(Clone)]
pub struct Options {
    /// Proxy for `http://` addresses.
    pub http_proxy: Option<String>,
    /// Proxy for `https://` addresses.
    pub https_proxy: Option<String>,
    /// Hosts that are reached directly, in the form of `NO_PROXY`.
    pub no_proxy: String,
    /// PEM file with certificates to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    pub connect_timeout: Duration,
    /// Records what is sent and comes back, or stands in for the network.
    pub tape: Option<Arc<Tape>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            http_proxy: None,
            https_proxy: None,
            no_proxy: String::new(),
            ca_file: None,
            connect_timeout: Duration::from_secs(20),
            tape: None,
        }
    }
}

/// What came back: head now, body as it arrives.
pub struct Response {
    pub status: u16,
    /// Names in lower case; values that are not text are left out, repeated ones are joined with `, `.
    pub headers: BTreeMap<String, String>,
    /// The body after content decoding.
    pub body: BoxStream<'static, Result<Bytes, NetError>>,
}

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetError {
    /// What is played back has no answer to it, and nothing was sent.
    #[error("{0}")]
    NotRecorded(String),
    /// The request itself cannot be sent; the same again will fail again.
    #[error("{0}")]
    Request(String),
    /// A setting (proxy, certificate file) cannot be used.
    #[error("{0}")]
    Setup(String),
    /// The host's certificate was not accepted.
    #[error("{host}: {detail}")]
    Certificate { host: String, detail: String },
    /// No connection, or it broke.
    #[error("{host}: {detail}")]
    Broken { host: String, detail: String },
}

/// Sends requests; connections are kept for the next one.
pub struct Client {
    options: Options,
    /// For `http://` without a proxy: no certificates, no proxies.
    plain: OnceLock<reqwest::Client>,
    full: OnceLock<reqwest::Client>,
}

impl Client {
    /// A client that is not set up before its first request.
    pub const fn new(options: Options) -> Self {
        Self { options, plain: OnceLock::new(), full: OnceLock::new() }
    }

    /// Sends one `POST` and waits for the response's head. The body streams; dropping the response closes the connection.
    pub async fn post(&self, url: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Result<Response, NetError> {
        let asked = Request { method: "POST", url, headers, body: &body };
        self.exchange(&asked, check_url(url)?).await
    }

    /// Sends one `GET` to a server of this machine; no other host is asked anything that the user did not start.
    pub async fn get_local(&self, url: &str) -> Result<Response, NetError> {
        let url = check_url(url)?;
        let host = host_of(&url);
        if !is_loopback(&url) {
            return Err(NetError::Request(format!("{host} is not this machine")));
        }
        self.exchange(&Request { method: "GET", url: url.as_str(), headers: &[], body: &[] }, url.clone()).await
    }

    /// The answer from the network, recorded if it is to be; or the recorded one.
    async fn exchange(&self, asked: &Request<'_>, url: Url) -> Result<Response, NetError> {
        let host = host_of(&url);
        let Some(tape) = &self.options.tape else { return self.send(host, asked, url).await };
        if let Some(answer) = tape.play(asked) {
            return answer;
        }
        let mut take = tape.begin(asked)?;
        match self.send(host, asked, url).await {
            Ok(response) => {
                take.head(response.status, &response.headers);
                Ok(Response { body: take.around(response.body, |error| error), ..response })
            }
            Err(error) => {
                // What cannot be sent says nothing about the other side.
                if matches!(error, NetError::Broken { .. } | NetError::Certificate { .. }) {
                    take.failed(&error.to_string())?;
                }
                Err(error)
            }
        }
    }

    async fn send(&self, host: String, asked: &Request<'_>, url: Url) -> Result<Response, NetError> {
        let client = self.client(&url)?;
        let request = match asked.method {
            "GET" => client.get(url),
            _ => client.post(url).body(asked.body.to_vec()),
        };
        let request = request.headers(header_map(asked.headers)?);
        let response = request.send().await.map_err(|e| translate(&host, e))?;
        let mut head = BTreeMap::<String, String>::new();
        for (name, value) in response.headers() {
            let Ok(value) = value.to_str() else { continue };
            head.entry(name.as_str().to_owned())
                .and_modify(|old| {
                    old.push_str(", ");
                    old.push_str(value);
                })
                .or_insert_with(|| value.to_owned());
        }
        let status = response.status().as_u16();
        let body = together::together(response.bytes_stream().map(move |item| item.map_err(|e| translate(&host, e))));
        Ok(Response { status, headers: head, body })
    }

    fn client(&self, url: &Url) -> Result<&reqwest::Client, NetError> {
        let plain = url.scheme() == "http" && (self.options.http_proxy.is_none() || is_loopback(url));
        let slot = if plain { &self.plain } else { &self.full };
        if let Some(ready) = slot.get() {
            return Ok(ready);
        }
        let built = if plain { self.build_plain() } else { self.build_full() }?;
        // When another thread was faster, its client is as good as ours.
        Ok(slot.get_or_init(|| built))
    }

    fn builder(&self) -> reqwest::ClientBuilder {
        // Another library of the process may have chosen a provider before us; both are fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        reqwest::Client::builder()
            .user_agent(concat!("retort/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .retry(reqwest::retry::never())
            .connect_timeout(self.options.connect_timeout)
    }

    fn build_plain(&self) -> Result<reqwest::Client, NetError> {
        // Servers of this machine close a connection after a stream without a word; a new one costs nothing here.
        self.builder()
            .tls_certs_only([])
            .pool_max_idle_per_host(0)
            .build()
            .map_err(|e| NetError::Setup(format!("HTTP client: {}", chain(&e))))
    }

    fn build_full(&self) -> Result<reqwest::Client, NetError> {
        let mut builder = self.builder();
        let direct = reqwest::NoProxy::from_string(&format!("{LOOPBACK},{}", self.options.no_proxy));
        let bad = |name| move |_| NetError::Setup(format!("{name} is not a proxy address such as http://proxy.example:3128"));
        if let Some(address) = &self.options.http_proxy {
            builder = builder.proxy(reqwest::Proxy::http(address).map_err(bad("the http proxy"))?.no_proxy(direct.clone()));
        }
        if let Some(address) = &self.options.https_proxy {
            builder = builder.proxy(reqwest::Proxy::https(address).map_err(bad("the https proxy"))?.no_proxy(direct));
        }
        if let Some(path) = &self.options.ca_file {
            let bad = |why: String| NetError::Setup(format!("certificate file {}: {why}", path.display()));
            let pem = std::fs::read(path).map_err(|e| bad(e.to_string()))?;
            let certificates = reqwest::Certificate::from_pem_bundle(&pem).map_err(|e| bad(chain(&e)))?;
            if certificates.is_empty() {
                return Err(bad("no certificate in it; expected PEM".to_owned()));
            }
            builder = builder.tls_certs_merge(certificates);
        }
        builder.build().map_err(|e| NetError::Setup(format!("HTTPS client: {}", chain(&e))))
    }
}

fn check_url(text: &str) -> Result<Url, NetError> {
    let bad = |why: &str| NetError::Request(format!("the address {why}"));
    let url = Url::parse(text).map_err(|e| bad(&format!("cannot be read: {e}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad(&format!("has the scheme {}; expected http or https", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("holds a user name or password; keys belong into the key setting"));
    }
    Ok(url)
}

fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|a| a.is_loopback())
}

fn header_map(headers: &[(&str, &str)]) -> Result<HeaderMap, NetError> {
    let mut map = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let bad = |what| NetError::Request(format!("the header {name} {what}"));
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad("has a name that HTTP does not allow"))?;
        let mut value = HeaderValue::from_str(value).map_err(|_| bad("has a value with characters that HTTP does not allow"))?;
        value.set_sensitive(true);
        map.insert(key, value);
    }
    Ok(map)
}

/// The address is dropped because of its query.
fn translate(host: &str, error: reqwest::Error) -> NetError {
    let error = error.without_url();
    let (host, detail) = (host.to_owned(), chain(&error));
    if is_certificate(&error) {
        return NetError::Certificate { host, detail };
    }
    if error.is_builder() {
        return NetError::Request(detail);
    }
    NetError::Broken { host, detail }
}

/// An error and its causes. An [`std::io::Error`] hides the error it wraps from `source`, so that is looked into.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&e: &&'a (dyn StdError + 'static)| {
        let wrapped = e.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        wrapped.map(|inner| inner as &'a (dyn StdError + 'static)).or_else(|| e.source())
    })
}

fn is_certificate(error: &(dyn StdError + 'static)) -> bool {
    causes(error)
        .filter_map(|e| e.downcast_ref::<rustls::Error>())
        .any(|e| matches!(e, rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented))
}

/// The two innermost messages; the outer ones only say that a request failed.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    for text in causes(error).map(ToString::to_string) {
        // Wrappers often repeat the text of what they wrap.
        if texts.last().is_none_or(|last| !last.contains(&text)) {
            texts.push(text);
        }
    }
    texts[texts.len().saturating_sub(2)..].join(": ")
}

/// The server that tests of this module and of those above it talk to.
#[cfg(test)]
#[path = "../../tests/it/support/fake_model.rs"]
pub(crate) mod fake_model;

#[cfg(test)]
mod tests;
