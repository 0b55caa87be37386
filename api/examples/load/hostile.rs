//! Measures the peak memory that hostile documents take. Each kind is measured alone, then all kinds together, one at a
//! time and eight at once. These documents are known to the server. The last measurement sends many unknown documents.

use std::sync::Arc;

use anyhow::ensure;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    Server, client,
    documents::documents,
    memory::{forget_peak, peak, resident},
};

const AT_ONCE: usize = 8;
/// The number of times that each document is sent.
const TIMES: usize = 20;
/// The number of different documents.
const DIFFERENT: usize = 600;
/// The number of kinds in the output.
const NAMED: usize = 5;

type Requests = Vec<(&'static str, Arc<Vec<u8>>)>;

/// Sends the documents and prints the results.
pub async fn measure(server: &Server) -> anyhow::Result<()> {
    let requests = documents().into_iter().map(|(name, document)| (name, Arc::new(client::post_anonymous(&document))));
    let requests: Requests = requests.collect();
    let known = repeated(&requests);
    send(server, &known, AT_ONCE).await?;
    let mut kinds = Vec::new();
    for request in &requests {
        kinds.push((growth(server, &repeated(std::slice::from_ref(request)), AT_ONCE).await?, request.0));
    }
    kinds.sort_by(|one, other| other.0.total_cmp(&one.0));
    for (bytes, name) in kinds.iter().take(NAMED) {
        println!("{name}, {AT_ONCE} at once: {:+.1} MB", bytes / 1e6);
    }
    for (what, requests) in [("of all kinds", &known), ("that differ", &different())] {
        for at_once in [1, AT_ONCE] {
            let grown = growth(server, requests, at_once).await?;
            println!("{} {what}, {at_once} at once: {:+.1} MB", requests.len(), grown / 1e6);
        }
    }
    Ok(())
}

/// Returns different documents. Each has the maximum length of a cached document, and its error appears only after
/// parsing.
fn different() -> Requests {
    let document = |number| format!("{{ x{number} {} }}", "a ".repeat(1_990));
    (0..DIFFERENT).map(|number| ("one that differs", Arc::new(client::post_anonymous(&document(number))))).collect()
}

fn repeated(requests: &[(&'static str, Arc<Vec<u8>>)]) -> Requests {
    std::iter::repeat_n(requests, TIMES).flatten().cloned().collect()
}

/// Returns the peak memory of the server while it answers the requests, minus its memory before.
async fn growth(server: &Server, requests: &Requests, at_once: usize) -> anyhow::Result<f64> {
    let pid = server.child.id();
    forget_peak(pid)?;
    let before = resident(pid)?;
    send(server, requests, at_once).await?;
    Ok(peak(pid)? - before)
}

async fn send(server: &Server, requests: &Requests, at_once: usize) -> anyhow::Result<()> {
    let all = requests.iter().map(|(name, request)| {
        let (name, request, address) = (*name, Arc::clone(request), server.address.clone());
        async move {
            let refused = exchange(&address, &request).await?;
            ensure!(refused.contains("\"errors\""), "{name} is answered: {refused}");
            Ok(())
        }
    });
    stream::iter(all).buffer_unordered(at_once).try_collect().await
}

/// Returns the answer to a request over a new connection. The server closes the connection when a request is too long.
async fn exchange(address: &str, request: &[u8]) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    // The server may stop reading a request that is too long.
    drop(stream.write_all(request).await);
    let mut answer = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&answer);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            if length.is_some_and(|length: usize| body.len() >= length) {
                return Ok(body.to_owned());
            }
        }
        ensure!(stream.read_buf(&mut answer).await? > 0, "the server hung up");
    }
}
