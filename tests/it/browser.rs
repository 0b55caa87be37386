//! Tests of the web chat page in a real browser. `tests/browser/webchat.mjs` drives the browser. Its output names the
//! actions of agents and the time that passes. The test runs only when `RAPPORT_TEST_BROWSER` names a directory with
//! the script and its dependencies, as in `tests/browser/run.sh`.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use api::{auth::viewer::Scopes, events::pruning};
use entity::{
    channel::Channel,
    entry_point,
    entry_point::{FormField, FormFieldKind},
    queue::BusinessHours,
    user::Role,
};
use serde_json::{Value, json};
use tokio::task::block_in_place;

use crate::support::{
    Expected as _,
    app::TestApp,
    eventually,
    files::{self, NewFile},
    person::Person,
    visitors::{EntryPointSetup, chat, field, leave, message, start},
};

const SCRIPT: &str = "webchat.mjs";
const SEND: &str = include_str!("operations/browser/send.graphql");
const TYPE: &str =
    "mutation($c: ID!, $t: Boolean!) { setTyping(input: { conversationId: $c, typing: $t }) { outcome } }";
const READ: &str = include_str!("operations/browser/read.graphql");
const ITEMS: &str = include_str!("operations/browser/items.graphql");

/// The browser script. It prints a line and waits for the answer.
struct Script {
    child: Child,
    says: BufReader<ChildStdout>,
    hears: ChildStdin,
}

impl Script {
    fn start(directory: &str, entry_setups: &Value) -> Self {
        let mut child = Command::new("node")
            .arg(SCRIPT)
            .arg(entry_setups.to_string())
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expected("node");
        let (says, hears) = (child.stdout.take().expected("an output"), child.stdin.take().expected("an input"));
        Self { child, says: BufReader::new(says), hears }
    }

    /// Reads the script's next line. Returns None at its end.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let length = block_in_place(|| self.says.read_line(&mut line)).expected("a line");
        (length > 0).then(|| line.trim_end().to_owned())
    }

    fn answer(&mut self, text: &str) {
        // A failed script does not read the answer. Its exit code shows the failure.
        drop(writeln!(self.hears, "done {text}"));
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The contact center behind the page.
struct Desk<'a> {
    app: &'a TestApp,
    agents: Vec<Person>,
    /// The entry point at which another customer waits ahead of the page's customer.
    shop: entry_point::Model,
    /// The conversation and the task that an agent accepted last.
    conversation: String,
    task: String,
    /// The conversation of the other customer who waits.
    other: String,
    said: usize,
}

impl Desk<'_> {
    fn agent(&self, handle: &str) -> &Person {
        self.agents.iter().find(|agent| agent.handle == handle).expected(handle)
    }

    /// Performs the action of a line. Returns the answer to it.
    async fn does(&mut self, line: &str) -> String {
        let mut words = line.splitn(3, ' ');
        let (verb, who, rest) = (words.next().unwrap_or(""), words.next().unwrap_or(""), words.next().unwrap_or(""));
        match verb {
            "advance" => self.app.pass(who.parse().expected("seconds")).await,
            // Prunes events that are older than two weeks from the log.
            "prune" => {
                let retention = Duration::from_secs(14 * 86_400);
                pruning::prune(&self.app.app().db, &self.app.clock, retention).await.expected("pruned");
            }
            "accept" => self.accept(who).await,
            "wrap" => {
                let agent = self.agent(who);
                self.app.settle().await;
                assert_eq!(agent.wraps_up(&self.task).await, "");
            }
            "say" => {
                self.said += 1;
                let input =
                    json!({ "c": self.conversation, "m": format!("s{}", self.said), "b": rest.replace("\\n", "\n") });
                let sent = self.agent(who).ask(SEND, input).await;
                assert_eq!(sent.at("sendMessage.userErrors"), &json!([]));
            }
            "type" => {
                let typing = json!({ "c": self.conversation, "t": rest == "on" });
                assert_eq!(self.agent(who).ask(TYPE, typing).await.text("setTyping.outcome"), "APPLIED");
            }
            "read" => {
                self.agent(who).ask(READ, json!({ "c": self.conversation })).await.at("markConversationRead");
            }
            "attach" | "files" => return self.does_with_files(verb, who, rest).await,
            "end" => assert_eq!(self.agent(who).ends(&self.conversation).await, ""),
            // Returns every message in order, as the agents see it.
            "messages" => {
                let seen = self.agent(who).ask(ITEMS, json!({ "c": self.conversation })).await;
                let all = seen.at("conversation.items.nodes").as_array().cloned().unwrap_or_default();
                let bodies = all.iter().filter(|item| item["__typename"] == "Message").map(|item| item["body"].clone());
                return Value::Array(bodies.collect()).to_string();
            }
            "join" => {
                assert_eq!(self.agent(rest).turns("AVAILABLE").await, "");
                assert_eq!(self.agent(who).invites(&self.task, self.agent(rest).as_target()).await, "");
                self.takes_on(rest).await;
            }
            "part" => {
                assert_eq!(self.agent(who).confers("exitConference", &self.task).await, "");
                assert_eq!(self.agent(who).wraps_up(&self.task).await, "");
            }
            "transfer" => {
                assert_eq!(self.agent(rest).turns("AVAILABLE").await, "");
                assert_eq!(self.agent(who).transfers(&self.task, self.agent(rest).as_target()).await, "");
                assert_eq!(self.agent(who).wraps_up(&self.task).await, "");
                self.takes_on(rest).await;
            }
            "another" if who == "waits" => {
                let mut input = message("1", "Me first");
                input["fields"] = json!([{ "name": "name", "value": "Lee" }, { "name": "topic", "value": "Order" }]);
                let begun = start(&self.app.anonymous(), &self.shop, input).await;
                chat(&begun).clone_into(&mut self.other);
            }
            "another" => leave(self.app, &self.other).await,
            // Creates an entry point for a site, because the site's address is known only now.
            "site" => {
                let entry_setup =
                    EntryPointSetup { origins: vec![who.to_owned().leak()], ..EntryPointSetup::default() };
                return open(self.app, &self.agents, who, entry_setup).await.id.to_string();
            }
            // Creates an entry point whose site signs its visitors with the secret `the secret of the site`.
            "signing" => {
                let fields = vec![field("name", FormFieldKind::Name, true)];
                let entry_setup = EntryPointSetup {
                    origins: vec![who.to_owned().leak()],
                    secret: Some("the secret of the site"),
                    fields,
                    ..EntryPointSetup::default()
                };
                return open(self.app, &self.agents, &format!("signing {who}"), entry_setup).await.id.to_string();
            }
            _ => panic!("what is {line}?"),
        }
        String::new()
    }

    /// Sends a file with a text, or returns the names of all files, as the agents see them.
    async fn does_with_files(&self, verb: &str, who: &str, name: &str) -> String {
        let client = &self.agent(who).clients[0];
        if verb == "attach" {
            let id = files::upload(client, &self.conversation, &NewFile::sample(name)).await;
            let sent = files::send(client, &self.conversation, name, "Your report", &[&id]).await;
            assert_eq!(sent.at("sendMessage.userErrors"), &json!([]));
            return String::new();
        }
        let seen = files::files(client, &self.conversation).await;
        Value::Array(seen.into_iter().map(|file| file["name"].clone()).collect()).to_string()
    }

    /// Accepts the task that another agent offered, and nothing more.
    async fn takes_on(&self, who: &str) {
        assert_eq!(self.agent(who).accepts_it().await, self.task);
        assert_eq!(self.agent(who).turns("IDLE").await, "");
    }

    /// Accepts the task of the waiting customer, and no other task.
    async fn accept(&mut self, who: &str) {
        let agent = self.agent(who);
        assert_eq!(agent.turns("AVAILABLE").await, "");
        self.app.settle().await;
        eventually("an offer", || async { !agent.offers().await.is_empty() }).await;
        let task = agent.accepts_it().await;
        let tasks = agent.desk().await["tasks"].clone();
        let tasks = tasks.as_array().cloned().unwrap_or_default();
        let taken = tasks.iter().find(|taken| taken["id"] == task.as_str()).expected("the task");
        let conversation = taken["conversation"]["id"].as_str().expected("a conversation").to_owned();
        assert_eq!(agent.turns("IDLE").await, "");
        (self.task, self.conversation) = (task, conversation);
    }
}

/// Creates an entry point whose queue the given agents serve.
async fn open(app: &TestApp, agents: &[Person], name: &str, entry_setup: EntryPointSetup) -> entry_point::Model {
    let at = app.entry_point(Channel::Webchat, name, entry_setup).await;
    app.assigns(at.queue_id, &agents.iter().map(|agent| agent.id).collect::<Vec<_>>()).await;
    at
}

fn form() -> Vec<FormField> {
    let labelled = |label: &str, field: FormField| FormField { label: label.to_owned(), ..field };
    let mut topic = field("topic", FormFieldKind::Choice, true);
    topic.options = vec!["Order".to_owned(), "Return".to_owned(), "Something else".to_owned()];
    vec![
        labelled("Your name", field("name", FormFieldKind::Name, true)),
        labelled("E-mail address", field("email", FormFieldKind::Email, false)),
        labelled("Telephone", field("phone", FormFieldKind::Phone, false)),
        labelled("Topic", topic),
        labelled("Order number and what is wrong with it", field("order", FormFieldKind::Text, false)),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_chats_in_a_browser() {
    let Some(directory) = std::env::var("RAPPORT_TEST_BROWSER").ok().filter(|directory| !directory.is_empty()) else {
        eprintln!("skipped: RAPPORT_TEST_BROWSER names no directory, see tests/browser/run.sh");
        return;
    };
    assert!(Path::new(&directory).join(SCRIPT).exists(), "{directory} has no {SCRIPT}");
    let app = TestApp::new().await;
    let mut agents = Vec::new();
    for (handle, name) in [("ann", "Ann Archer"), ("ben", "Ben Baker"), ("eve", "Eve <img src=x onerror=hacked()>")] {
        agents.push(app.person_of(handle, name, Role::Agent, Scopes::all()).await);
    }
    let entry_setup = |hours| EntryPointSetup { fields: form(), hours, ..EntryPointSetup::default() };
    let never = BusinessHours { time_zone: "UTC".to_owned(), open: vec![], closed_on: vec![], answer: None };
    let shop = open(&app, &agents, "Corner Shop", entry_setup(None)).await;
    let closed = open(&app, &agents, "Night Shop", entry_setup(Some(never))).await;
    let plain = open(&app, &agents, "Bare Shop", EntryPointSetup::default()).await;
    let entry_setups = json!({ "server": app.instances[0].url, "shop": shop.id.to_string(), "closed": closed.id.to_string(),
                        "plain": plain.id.to_string() });
    let mut script = Script::start(&directory, &entry_setups);
    let mut desk = Desk {
        app: &app,
        agents,
        shop,
        conversation: String::new(),
        task: String::new(),
        other: String::new(),
        said: 0,
    };
    while let Some(line) = script.line() {
        match line.strip_prefix("# ") {
            Some(note) => println!("{note}"),
            None => {
                let answer = tokio::time::timeout(Duration::from_secs(60), desk.does(&line)).await.expected("in time");
                script.answer(&answer);
            }
        }
    }
    let ended = block_in_place(|| script.child.wait()).expected("an end");
    assert!(ended.success(), "the page does not work");
    crate::support::consistency::check(&app.database).await;
}
