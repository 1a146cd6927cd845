//! The client against servers on loopback.

use futures_util::stream::TryStreamExt as _;

use super::fake_model::{FakeModel, Reply};
use super::*;

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime").block_on(future)
}

async fn body(response: Response) -> Vec<u8> {
    let chunks: Vec<_> = response.body.try_collect().await.expect("body");
    chunks.concat()
}

#[test]
fn posts_and_streams() {
    let server = FakeModel::script(vec![
        Reply::stream(vec![b"a".to_vec(), b"b".to_vec()]).with_header("X-Two", "1").with_header("x-two", "2"),
    ]);
    let client = Client::new(Options::default());
    let (status, headers, bytes) = run(async {
        let response = client.post(&format!("{}/p?q=1", server.url()), &[("x-key", "k")], b"hello".to_vec()).await.expect("answer");
        (response.status, response.headers.clone(), body(response).await)
    });
    assert_eq!((status, &bytes[..]), (200, &b"ab"[..]));
    assert_eq!(headers["x-two"], "1, 2");
    let request = server.requests().remove(0);
    assert_eq!((request.method.as_str(), request.path.as_str(), &request.body[..]), ("POST", "/p?q=1", &b"hello"[..]));
    assert_eq!(request.headers["x-key"], "k");
    assert_eq!(request.headers["user-agent"], concat!("retort/", env!("CARGO_PKG_VERSION")));
}

#[test]
fn redirects_are_answers() {
    let server = FakeModel::script(vec![Reply::new(307, "text/plain", vec![]).with_header("location", "http://127.0.0.1:1/")]);
    let status = run(async { Client::new(Options::default()).post(&server.url(), &[], vec![]).await.expect("answer").status });
    assert_eq!((status, server.requests().len()), (307, 1));
}

#[test]
fn errors_show_no_secrets() {
    let server = FakeModel::script(vec![Reply::stream(vec![b"x".to_vec(), b"y".to_vec()]).cut_after(1)]);
    let dead = std::net::TcpListener::bind("127.0.0.1:0").expect("port").local_addr().expect("address");
    let client = Client::new(Options::default());
    let fail = |url: &str, header: &str| match run(client.post(url, &[("x-key", header)], vec![])) {
        Ok(_) => panic!("{url} answered"),
        Err(error) => error,
    };
    let refused = fail(&format!("http://{dead}/?key=SECRET"), "SECRET");
    assert!(matches!(&refused, NetError::Broken { host, .. } if *host == dead.to_string()), "{refused}");
    assert!(refused.to_string().ends_with("tcp connect error: Connection refused (os error 111)"), "{refused}");
    let cut = run(async {
        let response = client.post(&format!("{}/?key=SECRET", server.url()), &[("x-key", "SECRET")], vec![]).await.expect("head");
        response.body.try_collect::<Vec<_>>().await.expect_err("cut")
    });
    let header = fail("http://127.0.0.1:1/", "SECRET\n");
    let user = fail("http://me:SECRET@127.0.0.1/", "");
    let scheme = fail("ftp://127.0.0.1/?SECRET", "");
    let garbage = fail("SECRET", "");
    for error in [refused, cut, header, user, scheme, garbage] {
        assert!(!error.to_string().contains("SECRET"), "{error}");
    }
}

#[test]
fn proxies_are_used_but_not_for_this_machine() {
    let proxy = FakeModel::script(vec![Reply::stream(vec![b"via".to_vec()])]);
    let server = FakeModel::script(vec![Reply::stream(vec![b"direct".to_vec()])]);
    let client = Client::new(Options { http_proxy: Some(proxy.url()), ..Options::default() });
    let ask = |url: &str| run(async { body(client.post(url, &[], vec![]).await.expect("answer")).await });
    assert_eq!(ask("http://model.invalid/v1"), b"via");
    assert_eq!(proxy.requests()[0].path, "http://model.invalid/v1");
    assert_eq!(ask(&server.url()), b"direct");
}

#[test]
fn settings_that_cannot_be_used() {
    let setup = |options| match run(Client::new(options).post("https://model.invalid/", &[], vec![])) {
        Err(NetError::Setup(text)) => text,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("answered"),
    };
    assert!(setup(Options { ca_file: Some("/nonexistent/ca.pem".into()), ..Options::default() }).contains("/nonexistent/ca.pem"));
    let dir = tempfile::tempdir().expect("directory");
    let empty = dir.path().join("ca.pem");
    std::fs::write(&empty, "no pem").expect("file");
    assert!(setup(Options { ca_file: Some(empty), ..Options::default() }).contains("no certificate"));
    let proxy = setup(Options { https_proxy: Some("http://u:SECRET@[".into()), ..Options::default() });
    assert!(proxy.contains("proxy") && !proxy.contains("SECRET"), "{proxy}");
}

#[test]
fn tls_errors_are_errors() {
    // A server that does not speak TLS; with an empty trust store it would not get that far.
    let server = FakeModel::script(vec![]);
    let url = server.url().replace("http:", "https:");
    let result = run(Client::new(Options::default()).post(&url, &[], vec![]));
    assert!(matches!(result, Err(NetError::Broken { .. } | NetError::Setup(_))));
}

#[test]
fn questions_go_to_this_machine_only() {
    let server = FakeModel::script(vec![Reply::new(200, "application/json", vec![b"{}".to_vec()])]);
    let client = Client::new(Options::default());
    let bytes = run(async { body(client.get_local(&format!("{}/v1/models", server.url())).await.expect("answer")).await });
    let request = server.requests().remove(0);
    assert_eq!((&bytes[..], request.method.as_str(), request.path.as_str()), (&b"{}"[..], "GET", "/v1/models"));
    for url in ["http://192.0.2.1:9/v1/models", "http://localhost.example.com/", "https://example.com/v1/models"] {
        let failed = run(client.get_local(url)).err().expect("refused");
        assert!(matches!(&failed, NetError::Request(why) if why.ends_with("is not this machine")), "{failed}");
    }
}

/// A server behind TLS whose certificate nobody trusts, for one request.
fn server_with_tls() -> std::net::SocketAddr {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use std::io::{Read as _, Write as _};

    let certificate = CertificateDer::from_pem_slice(include_bytes!("../../tests/fixtures/tls/certificate.pem")).expect("one");
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("../../tests/fixtures/tls/key.pem")).expect("a key");
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let config = config.with_no_client_auth().with_single_cert(vec![certificate], key).expect("they fit");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let (mut tcp, _) = listener.accept().expect("somebody comes");
        let mut connection = rustls::ServerConnection::new(std::sync::Arc::new(config)).expect("a connection");
        let mut stream = rustls::Stream::new(&mut connection, &mut tcp);
        let mut request = [0; 4096];
        // Whoever does not trust it hangs up.
        if stream.read(&mut request).is_ok() {
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nsafe")
                .and_then(|()| stream.flush());
        }
    });
    address
}

#[test]
fn certificates_are_checked_and_ones_own_can_be_given() {
    let ask = |file: &str| {
        let ca_file = Some((concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tls/").to_owned() + file).into());
        let url = format!("https://{}/v1", server_with_tls());
        run(async { Ok(body(Client::new(Options { ca_file, ..Options::default() }).post(&url, &[], vec![]).await?).await) })
    };
    let refused: Result<Vec<u8>, NetError> = ask("other.pem");
    assert!(matches!(&refused, Err(NetError::Certificate { host, .. }) if host.starts_with("127.0.0.1:")), "{refused:?}");
    assert_eq!(ask("certificate.pem"), Ok(b"safe".to_vec()));
}

/// What a client was told: status, pieces, and why the body broke.
fn told(client: &Client, url: &str) -> (u16, Vec<Bytes>, Option<String>) {
    run(async {
        let mut response = client.post(url, &[], b"ask".to_vec()).await.expect("an answer");
        let (mut pieces, mut broken) = (Vec::new(), None);
        while let Some(piece) = response.body.next().await {
            match piece {
                Ok(bytes) => pieces.push(bytes),
                Err(error) => broken = Some(error.to_string()),
            }
        }
        (response.status, pieces, broken)
    })
}

#[test]
fn a_tape_plays_the_pieces_and_the_break() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = FakeModel::script(vec![
        Reply::stream(vec![b"one ".to_vec(), b"two".to_vec()]),
        Reply::stream(vec![b"half".to_vec(), b"never".to_vec()]).cut_after(1),
    ]);
    let client = |tape: Tape| Client::new(Options { tape: Some(Arc::new(tape)), ..Options::default() });
    let recorder = client(Tape::recording(dir.path().join("tape"), Box::new(|_| None)));
    let whole = told(&recorder, &server.url());
    let half = told(&recorder, &server.url());
    drop(server);
    let player = client(Tape::playing(dir.path().join("tape"), Box::new(|_| None)));
    assert_eq!(told(&player, "http://127.0.0.1:1/"), whole);
    let again = told(&player, "http://127.0.0.1:1/");
    assert_eq!((again.0, &again.1), (half.0, &half.1));
    assert!(again.2.expect("it broke").ends_with(&half.2.expect("it broke")));
    let over = run(player.post("http://127.0.0.1:1/", &[], b"ask".to_vec())).err();
    assert!(matches!(over, Some(NetError::NotRecorded(why)) if why.contains("2 times")));
}

#[test]
fn what_was_read_is_kept_when_nobody_reads_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let (reply, gate) = Reply::stream(vec![b"one".to_vec(), b"two".to_vec()]).gated(1);
    let server = FakeModel::script(vec![reply]);
    let tape = Tape::recording(dir.path().to_owned(), Box::new(|_| None));
    let client = Client::new(Options { tape: Some(Arc::new(tape)), ..Options::default() });
    run(async {
        let mut response =
            client.post(&format!("{}/p?key=k&alt=sse", server.url()), &[("x-key", "k")], vec![]).await.expect("an answer");
        assert_eq!(response.body.next().await.expect("a piece").expect("bytes").as_ref(), b"one");
    });
    drop(gate);
    let exchange = cassette::read(dir.path()).expect("reads").remove(0);
    assert_eq!(exchange.path(), "/p?key=[secret]&alt=sse");
    assert!(exchange.request.headers.is_empty());
    assert_eq!(exchange.response.as_ref().expect("a response").ended, "dropped");
    assert_eq!(cassette::response(dir.path(), &exchange).expect("reads"), b"one");
}
