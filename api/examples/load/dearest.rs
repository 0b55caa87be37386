//! Measures the most expensive documents and callers that the default limits allow. Prints the memory that the server
//! takes, and the time that other callers wait meanwhile.

use std::{
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::{
    Server,
    memory::{forget_peak, peak, resident},
    sockets::{self, Socket, Subscription},
};

/// The number of messages of the visitor, and of characters in each. Each character has four bytes.
const MESSAGES: usize = 5_000;
const LETTERS: usize = 1_000;
/// The number of Markdown messages that expand when they are rendered, and of large contacts.
const BOMBS: usize = 100;
const CONTACTS: usize = 60;
/// The number of simultaneous requests of the attacker.
const AT_ONCE: usize = 4;
/// Ordinary callers, and their pause between two requests.
const OTHERS: [&str; 4] = ["ann", "ben", "sue", "ada"];
const PAUSE: Duration = Duration::from_millis(50);

const FOLLOW: &str = "subscription { incomingRequests { __typename ... on SubscriptionStarted { cursor } } }";

/// A caller of the API.
#[derive(Clone)]
struct Client {
    url: String,
    token: String,
    http: reqwest::Client,
}

impl Client {
    fn new(server: &Server, token: &str) -> Self {
        let url = format!("http://{}/graphql", server.address);
        Self { url, token: token.to_owned(), http: reqwest::Client::new() }
    }

    /// Returns the answer and its length.
    async fn ask(&self, query: &str, variables: &Value) -> anyhow::Result<(Value, usize)> {
        let request = self.http.post(&self.url).json(&json!({ "query": query, "variables": variables }));
        let request = if self.token.is_empty() { request } else { request.bearer_auth(&self.token) };
        let bytes = request.send().await?.bytes().await?;
        Ok((serde_json::from_slice(&bytes)?, bytes.len()))
    }

    async fn done(&self, query: &str, variables: &Value) -> anyhow::Result<Value> {
        let (answer, _) = self.ask(query, variables).await?;
        ensure!(answer.get("errors").is_none(), "{answer:.500}");
        Ok(answer["data"].clone())
    }
}

/// The tokens of the attackers, and their conversations.
struct Attackers {
    visitor: String,
    chat: String,
    jane: String,
    direct_conversation: String,
}

/// An attack: a request that is repeated.
struct Attack {
    name: &'static str,
    token: String,
    query: String,
    variables: Value,
}

fn aliases(field: &str, count: usize) -> String {
    (0..count).map(|n| format!("a{n}: {field} ")).collect::<Vec<_>>().concat()
}

/// Fills a database without limits, restarts the server with the default limits, and runs the attacks.
pub async fn measure(binary: &Path, time: Duration) -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let database = format!("sqlite://{}", directory.path().join("dearest.db").display());
    let start = |unlimited: &[&'static str]| {
        let mut command = Command::new(binary);
        command.envs(unlimited.iter().map(|name| (*name, "0")));
        Server::start(command.envs([
            ("RAPPORT_DATABASE_URL", database.as_str()),
            ("RAPPORT_LISTEN", "127.0.0.1:0"),
            ("RAPPORT_LOG", "error"),
        ]))
    };
    let filling = start(&[
        "RAPPORT_RATE_COST",
        "RAPPORT_RATE_REQUESTS",
        "RAPPORT_WRITTEN_BYTES_PER_HOUR",
        "RAPPORT_VISITOR_MESSAGES_PER_MINUTE",
        "RAPPORT_MESSAGES_PER_MINUTE",
    ])?;
    let attackers = fill(&filling).await?;
    drop(filling);
    let server = start(&[])?;
    // The warm-up takes the memory that the server needs only once. Ann makes it, because reading Jane's large contacts
    // would use up her rate limit.
    let warm = Client::new(&server, &sign_in(&server, OTHERS[0]).await?.0);
    for _ in 0..100 {
        ordinary(&warm).await?;
    }
    println!(
        "{:<44} {:>8} {:>8} {:>9} {:>9} {:>9} {:>9}",
        "", "requests", "refused", "answer MB", "growth MB", "p50 ms", "p99 ms"
    );
    for attack in attacks(&attackers) {
        let client = Client::new(&server, &attack.token);
        let work = || flood(&client, &attack, time);
        observed(&server, attack.name, work).await?;
        refill_rate_limit().await;
    }
    observed(&server, "64 sockets with 32 subscriptions each", || sockets_of(&server, &attackers, 64, time)).await?;
    Ok(())
}

/// Lets the attacker's bucket fill again, so that each attack is as strong as the first.
async fn refill_rate_limit() {
    tokio::time::sleep(Duration::from_secs(10)).await;
}

fn attacks(attackers: &Attackers) -> Vec<Attack> {
    let chat = |name, selection: String| Attack {
        name,
        token: attackers.visitor.clone(),
        query: format!("query($id: ID!) {{ conversation(id: $id) {{ {selection} }} }}"),
        variables: json!({ "id": attackers.chat }),
    };
    let jane = |name, query: String, variables: Value| Attack { name, token: attackers.jane.clone(), query, variables };
    let direct_conversation = json!({ "id": attackers.direct_conversation });
    let book = |selection: String| {
        format!("{{ contacts(first: 100) {{ nodes {{ ... on PersonalContact {{ {selection} }} }} }} }}")
    };
    vec![
        chat("20 aliases of a transcript", aliases("transcript", 20)),
        chat("one transcript", "transcript".to_owned()),
        chat("a page of 100 long messages", "items(last: 100) { nodes { ... on Message { body } } }".to_owned()),
        chat("the same text 20 times", format!("items(last: 100) {{ nodes {{ ... on Message {{ {} }} }} }}", aliases("body", 20))),
        chat("30 pages of 100", aliases("items(last: 100) { nodes { ... on Message { body } } }", 28)),
        jane(
            "HTML of 100 bombs, 10 times",
            format!("query($id: ID!) {{ conversation(id: $id) {{ items(last: 100) {{ nodes {{ ... on Message {{ {} }} }} }} }} }}", aliases("html", 10)),
            direct_conversation.clone(),
        ),
        jane(
            "writing bombs",
            "mutation($id: ID!, $b: String!) { sendMessage(input: { conversationId: $id, clientMessageId: \"NUMBER\", body: $b, format: MARKDOWN }) { message { html } } }".to_owned(),
            json!({ "id": attackers.direct_conversation, "b": bomb(0) }),
        ),
        jane("cards of 60 large contacts, 10 times", book(aliases("vCard", 10)), Value::Null),
        jane("addresses of 60 large contacts, 10 times", book(aliases("addresses { street city region }", 10)), Value::Null),
        jane(
            "as many short fields as are allowed",
            format!("{{ contacts(first: 100) {{ nodes {{ ... on User {{ id handle displayName followers: relationship {{ connection availableActions }} {} }} }} }} }}", aliases("displayName", 27)),
            Value::Null,
        ),
        jane(
            "pages in pages to the highest cost",
            format!("{{ {} }}", aliases("contacts(first: 100) { totalCount edges { cursor node { ... on User { id displayName title sortHeading emails { address } relationship { connection availableActions } } } } }", 20)),
            Value::Null,
        ),
        jane("all of the introspection", include_str!("introspection.graphql").to_owned(), Value::Null),
    ]
}

/// Returns Markdown in which each reference would expand to a long address.
fn bomb(number: usize) -> String {
    let head = format!("[a]: https://example.com/{number}/{}\n\n", "&".repeat(500));
    let times = (4_096 - head.len()) / 3;
    head + &"[a]".repeat(times)
}

fn text(value: &Value) -> anyhow::Result<String> {
    value.as_str().map(str::to_owned).with_context(|| format!("no text: {value}"))
}

/// Returns the token and the id of a demo user.
async fn sign_in(server: &Server, handle: &str) -> anyhow::Result<(String, String)> {
    let query =
        "mutation($h: String!) { signIn(input: { handle: $h, password: \"rapport\" }) { accessToken user { id } } }";
    let answer = Client::new(server, "").done(query, &json!({ "h": handle })).await?;
    Ok((text(&answer["signIn"]["accessToken"])?, text(&answer["signIn"]["user"]["id"])?))
}

async fn fill(server: &Server) -> anyhow::Result<Attackers> {
    let anonymous = Client::new(server, "");
    let (jane, jane_id) = sign_in(server, "jane").await?;
    let (richard, richard_id) = sign_in(server, "richard").await?;
    let (by_jane, by_richard) = (Client::new(server, &jane), Client::new(server, &richard));
    let connect = "mutation($id: ID!) { requestConnection(input: { userId: $id }) { outcome } }";
    by_jane.done(connect, &json!({ "id": richard_id })).await?;
    by_richard.done(connect, &json!({ "id": jane_id })).await?;
    let start = "mutation($id: ID!) { startDirectConversation(input: { userId: $id }) { conversation { id } } }";
    let direct_conversation = by_jane.done(start, &json!({ "id": richard_id })).await?;
    let direct_conversation = text(&direct_conversation["startDirectConversation"]["conversation"]["id"])?;
    send(&by_jane, &direct_conversation, "MARKDOWN", BOMBS, bomb).await?;
    let letter = "\u{1f600}";
    let save = "mutation($input: SavePersonalContactInput!) { savePersonalContact(input: $input) { outcome } }";
    for number in 0..CONTACTS {
        let ten = |make: &dyn Fn(usize) -> Value| (0..10).map(make).collect::<Vec<_>>();
        let input = json!({
            "displayName": format!("{number}{}", letter.repeat(190)), "note": letter.repeat(2_000),
            "addresses": ten(&|n| json!({ "street": format!("{n}{}", letter.repeat(490)), "city": letter.repeat(100) })),
        });
        by_jane.done(save, &json!({ "input": input })).await?;
    }
    let by_ann = Client::new(server, &sign_in(server, "ann").await?.0);
    let entry_point = by_ann.done("{ entryPoints(channel: WEBCHAT) { id } }", &Value::Null).await?;
    let begin = "mutation($id: ID!) { startWebChat(input: { entryPointId: $id, fields: [{ name: \"name\", value: \"Kim\" }], message: { clientMessageId: \"0\", body: \"Hello\" } }) \
                 { visitorToken conversation { id } userErrors { code message } } }";
    let begun = anonymous.done(begin, &json!({ "id": entry_point["entryPoints"][0]["id"] })).await?;
    let chat = text(&begun["startWebChat"]["conversation"]["id"]).with_context(|| begun.to_string())?;
    let visitor = text(&begun["startWebChat"]["visitorToken"])?;
    send(&Client::new(server, &visitor), &chat, "PLAIN", MESSAGES, |_| letter.repeat(LETTERS)).await?;
    Ok(Attackers { visitor, chat, jane, direct_conversation })
}

/// Sends messages, ten in each request.
async fn send(
    client: &Client,
    conversation: &str,
    format: &str,
    count: usize,
    body: impl Fn(usize) -> String,
) -> anyhow::Result<()> {
    for first in (0..count).step_by(10) {
        let fields = (0..10)
            .map(|n| {
                format!(
                    "a{n}: sendMessage(input: {{ conversationId: $c, clientMessageId: \"{}\", body: $b, format: {format} }}) {{ message {{ id }} userErrors {{ code }} }} ",
                    first + n + 1
                )
            })
            .collect::<Vec<_>>()
            .concat();
        let query = format!("mutation($c: ID!, $b: String!) {{ {fields} }}");
        let sent = client.done(&query, &json!({ "c": conversation, "b": body(first) })).await?;
        ensure!(sent["a0"]["message"]["id"].is_string(), "{sent}");
    }
    Ok(())
}

/// The requests of ordinary callers.
async fn ordinary(client: &Client) -> anyhow::Result<()> {
    let query = "{ viewer { user { id displayName } unread { notifications } } contacts(first: 20) { nodes { id displayName } } }";
    client.done(query, &Value::Null).await.map(drop)
}

/// The figures of one attack.
#[derive(Default)]
struct Outcome {
    requests: usize,
    refused: usize,
    largest: usize,
}

/// Runs an attack beside ordinary callers, and prints the results.
async fn observed<F>(server: &Server, name: &str, work: impl FnOnce() -> F) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<Outcome>>,
{
    let pid = server.child.id();
    let ended = Arc::new(AtomicBool::new(false));
    let mut others = Vec::new();
    for handle in OTHERS {
        let (client, ended) = (Client::new(server, &sign_in(server, handle).await?.0), Arc::clone(&ended));
        others.push(tokio::spawn(async move {
            let mut latencies = Vec::new();
            while !ended.load(Ordering::Relaxed) {
                let started = Instant::now();
                ordinary(&client).await?;
                latencies.push(started.elapsed());
                tokio::time::sleep(PAUSE).await;
            }
            anyhow::Ok(latencies)
        }));
    }
    forget_peak(pid)?;
    let before = resident(pid)?;
    let outcome = work().await?;
    let grown = peak(pid)? - before;
    ended.store(true, Ordering::Relaxed);
    let mut latencies = Vec::new();
    for other in others {
        latencies.extend(other.await??);
    }
    latencies.sort_unstable();
    let at = |part: usize| latencies.get(latencies.len() * part / 100).map_or(0.0, |each| each.as_secs_f64() * 1e3);
    let Outcome { requests, refused, largest } = outcome;
    println!(
        "{name:<44} {requests:>8} {refused:>8} {:>9.2} {:>9.1} {:>9.1} {:>9.1}",
        largest as f64 / 1e6,
        grown / 1e6,
        at(50),
        at(99)
    );
    Ok(())
}

/// Repeats a request, several times at once. A refused caller waits a moment before the next request.
async fn flood(client: &Client, attack: &Attack, time: Duration) -> anyhow::Result<Outcome> {
    let end = Instant::now() + time;
    let tasks: Vec<_> = (0..AT_ONCE)
        .map(|number| {
            let (client, query, variables) = (client.clone(), attack.query.clone(), attack.variables.clone());
            tokio::spawn(async move {
                let mut outcome = Outcome::default();
                while Instant::now() < end {
                    let query = query.replace("NUMBER", &format!("{number}-{}-{:?}", outcome.requests, end));
                    let (answer, length) = client.ask(&query, &variables).await?;
                    outcome.requests += 1;
                    outcome.largest = outcome.largest.max(length);
                    if answer.get("errors").is_some() {
                        outcome.refused += 1;
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                }
                anyhow::Ok(outcome)
            })
        })
        .collect();
    let mut all = Outcome::default();
    for task in tasks {
        let one = task.await??;
        all.requests += one.requests;
        all.refused += one.refused;
        all.largest = all.largest.max(one.largest);
    }
    Ok(all)
}

/// Opens this number of sockets with 32 subscriptions each.
async fn sockets_of(server: &Server, attackers: &Attackers, sockets: usize, time: Duration) -> anyhow::Result<Outcome> {
    use futures_util::{SinkExt as _, StreamExt as _};
    let mut outcome = Outcome::default();
    let mut open: Vec<Socket> = Vec::new();
    for _ in 0..sockets {
        outcome.requests += 1;
        let asked = Subscription { token: &attackers.jane, query: FOLLOW, variables: json!({}) };
        let Ok(mut socket) = sockets::open(server, asked).await else {
            outcome.refused += 1;
            continue;
        };
        for number in 2..=32 {
            // A closed socket reports its end when it is read.
            drop(socket.send(sockets::subscribe(&number.to_string(), FOLLOW, &json!({}))).await);
        }
        for _ in 0..32 {
            outcome.requests += 1;
            let message = socket.next().await.and_then(Result::ok).filter(Message::is_text);
            let Some(message) = message else {
                outcome.refused += 1;
                break;
            };
            outcome.refused += usize::from(message.to_text()?.contains("LIMIT_EXCEEDED"));
        }
        open.push(socket);
    }
    tokio::time::sleep(time).await;
    Ok(outcome)
}
