//! An HTTP client with little overhead. It keeps connections open, writes each request at once, and reads answers by
//! their length.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use api::clock::Clock;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::cpu;

/// The server to measure, and the load on it.
pub struct Target {
    pub address: String,
    pub pid: u32,
    /// The first process of PostgreSQL, or 0 if there is none on this machine.
    pub postmaster: u32,
    pub concurrency: usize,
    pub time: Duration,
}

/// The results of a measurement.
pub struct Figures {
    pub per_second: f64,
    /// Latencies in milliseconds.
    pub p50: f64,
    pub p99: f64,
    /// CPU time per request, in microseconds.
    pub server_micros: f64,
    pub database_micros: f64,
}

/// A placeholder in requests. It is replaced by a number with as many digits that no request of any run had before.
pub const NUMBER: &str = "################";

/// Returns the bytes of a GET request.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: load\r\n\r\n").into_bytes()
}

/// Returns the bytes of a GraphQL request with a token.
pub fn post(token: &str, query: &str) -> Vec<u8> {
    request(&bearer(token), &json!({ "query": query }))
}

/// Returns the bytes of a GraphQL request with a token and variables.
pub fn post_with(token: &str, query: &str, variables: &Value) -> Vec<u8> {
    request(&bearer(token), &json!({ "query": query, "variables": variables }))
}

/// Returns the bytes of a GraphQL request without a token.
pub fn post_anonymous(query: &str) -> Vec<u8> {
    request("", &json!({ "query": query }))
}

fn bearer(token: &str) -> String {
    format!("authorization: Bearer {token}\r\n")
}

fn request(header: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    format!(
        "POST /graphql HTTP/1.1\r\nhost: load\r\n{header}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Sends the requests one after another over each connection until the time is over, and returns the figures. Fails
/// unless every answer is 200 without errors.
pub async fn run(target: &Target, requests: &[Vec<u8>]) -> anyhow::Result<Figures> {
    let requests = Arc::new(requests.to_vec());
    // A warm-up opens the connections and prepares the statements.
    spend(target, &requests, target.time / 4).await?;
    let (server, database, started) = (cpu::process(target.pid), cpu::database(target.postmaster), Instant::now());
    let mut latencies = spend(target, &requests, target.time).await?;
    let elapsed = started.elapsed().as_secs_f64();
    let (server, database) = (cpu::process(target.pid) - server, cpu::database(target.postmaster) - database);
    latencies.sort_unstable();
    ensure!(!latencies.is_empty(), "nothing was answered");
    let count = latencies.len() as f64;
    let at = |part: usize| f64::from(latencies[(latencies.len() * part / 100).min(latencies.len() - 1)]) / 1_000.0;
    Ok(Figures {
        per_second: count / elapsed,
        p50: at(50),
        p99: at(99),
        server_micros: server / count * 1e6,
        database_micros: database / count * 1e6,
    })
}

/// Sends requests for a time and returns the latencies in microseconds.
async fn spend(target: &Target, requests: &Arc<Vec<Vec<u8>>>, time: Duration) -> anyhow::Result<Vec<u32>> {
    let end = Instant::now() + time;
    let tasks: Vec<_> = (0..target.concurrency)
        .map(|number| {
            let (requests, address, each) = (Arc::clone(requests), target.address.clone(), target.concurrency);
            tokio::spawn(async move {
                let mut connection = Connection::open(&address).await?;
                let mut latencies = Vec::new();
                // Each connection has its own requests, so that writers do not repeat each other's changes.
                let own = requests.iter().skip(number * requests.len() / each).cloned();
                let mut own: Vec<_> = own.map(Numbered::of).collect();
                for turn in 0.. {
                    let place = turn % own.len();
                    let request = own[place].next();
                    let sent = Instant::now();
                    if sent >= end {
                        break;
                    }
                    connection.exchange(request).await?;
                    latencies.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
                }
                anyhow::Ok(latencies)
            })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await??);
    }
    Ok(all)
}

/// A request, with the position of its number if it has one.
struct Numbered {
    request: Vec<u8>,
    place: Option<usize>,
}

impl Numbered {
    fn of(request: Vec<u8>) -> Self {
        let place = request.windows(NUMBER.len()).position(|window| window == NUMBER.as_bytes());
        Self { request, place }
    }

    /// Returns the request with its next number.
    fn next(&mut self) -> &[u8] {
        // Current times in microseconds have 16 digits and are larger than all numbers of earlier runs.
        static NEXT: LazyLock<AtomicU64> =
            LazyLock::new(|| AtomicU64::new(u64::try_from(Clock::System.now().timestamp_micros()).unwrap_or_default()));
        if let Some(place) = self.place {
            let number = NEXT.fetch_add(1, Ordering::Relaxed).to_string();
            self.request[place..place + NUMBER.len()].copy_from_slice(number.as_bytes());
        }
        &self.request
    }
}

/// A keep-alive connection to the server.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub async fn open(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(64 << 10) })
    }

    /// Sends a request and returns the body of its answer.
    pub async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<&[u8]> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let (head, length) = loop {
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the server hung up");
            if let Some(head) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                let text = std::str::from_utf8(&self.buffer[..head])?.to_ascii_lowercase();
                ensure!(text.starts_with("http/1.1 200"), "not 200: {}", String::from_utf8_lossy(&self.buffer));
                let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
                break (head + 4, length.context("no content-length")?.trim().parse::<usize>()?);
            }
        };
        while self.buffer.len() < head + length {
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the server hung up");
        }
        let body = &self.buffer[head..];
        ensure!(!body.starts_with(b"{\"errors\""), "{}", String::from_utf8_lossy(body));
        Ok(body)
    }
}
