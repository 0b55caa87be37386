//! The documentation: its pages, its links, and its command blocks, which run in terminals.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::Expected as _;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// The maximum time of a block. A block of the tour waits for an offer to expire.
const PATIENCE: Duration = Duration::from_secs(150);
/// The maximum time of a subscription in the tour. It ends when it has printed what the page shows.
const STREAM_SECONDS: u32 = 90;

/// Returns the path of a file in the repository.
pub fn path(name: &str) -> PathBuf {
    Path::new(ROOT).join(name)
}

/// Returns the text of a file in the repository.
pub fn read(name: &str) -> String {
    fs::read_to_string(path(name)).expected(name)
}

/// Returns the sorted names of a folder's files with an ending.
pub fn files(folder: &str, end: &str) -> Vec<String> {
    let names = fs::read_dir(path(folder)).expected(folder);
    let names = names.map(|entry| entry.expected(folder).file_name().to_string_lossy().into_owned());
    let found: BTreeSet<String> = names.filter(|name| name.ends_with(end)).collect();
    found.into_iter().map(|name| format!("{folder}/{name}")).collect()
}

/// Returns every page of the documentation.
pub fn pages() -> Vec<String> {
    let mut pages: Vec<String> = files(".", ".md").into_iter().map(|name| name.replace("./", "")).collect();
    pages.extend(files("docs", ".md"));
    pages.extend(files("docs/decisions", ".md"));
    pages
}

/// Compares a generated page with its file. With `RAPPORT_TEST_RENEW=1` it writes the file.
pub fn is_fresh(name: &str, made: &str) {
    if std::env::var("RAPPORT_TEST_RENEW").is_ok_and(|value| value == "1") {
        fs::write(path(name), made).expected(name);
    }
    let held = fs::read_to_string(path(name)).unwrap_or_default();
    assert!(held == made, "{name} is stale: RAPPORT_TEST_RENEW=1 cargo test --test it documentation");
}

/// Returns the lines of prose of a page, without code and table rows.
pub fn prose(page: &str) -> Vec<String> {
    let mut code = false;
    let mut lines = Vec::new();
    for line in page.lines() {
        if line.starts_with("```") {
            code = !code;
        } else if !code && !line.starts_with('|') {
            lines.push(line.to_owned());
        }
    }
    lines
}

/// Returns the cells of the first table below a heading.
pub fn table(page: &str, heading: &str) -> Vec<Vec<String>> {
    let below = format!("\n{page}").split_once(&format!("\n{heading}\n")).expected(heading).1.to_owned();
    let rows = below.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells = |row: &str| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    rows.skip(2).map(cells).collect()
}

/// Returns the texts between backquotes.
pub fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Returns the targets of a page's links.
pub fn links(page: &str) -> Vec<String> {
    let text = prose(page).join("\n") + &page.lines().filter(|line| line.starts_with('|')).collect::<String>();
    let targets = text.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()));
    targets.collect()
}

/// Returns the anchors of a page's headings.
pub fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    let name = |line: &str| {
        let text = line.trim_start_matches('#').trim().to_lowercase();
        let kept = text.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(name).collect()
}

/// A command block, its terminal, and lines that its output must contain.
pub struct Block {
    pub page: String,
    pub terminal: String,
    pub commands: String,
    pub shows: Vec<String>,
}

impl Block {
    /// Returns true when the block ends with a subscription, which runs until it is ended.
    fn follows(&self) -> bool {
        self.commands.lines().any(|line| line.starts_with("follow ") || line.starts_with("curl -sN"))
    }
}

/// Returns the command blocks of a page. A block without a terminal does not run.
pub fn blocks(name: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let page = read(name);
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else { continue };
        let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let Some(terminal) = language.strip_prefix("sh") else { continue };
        let shows = body.iter().filter_map(|line| line.strip_prefix("# → ")).map(str::to_owned).collect();
        let (page, terminal) = (name.to_owned(), terminal.trim().to_owned());
        blocks.push(Block { page, terminal, commands: body.join("\n"), shows });
    }
    blocks
}

/// An open shell.
struct Terminal {
    shell: Child,
    keys: ChildStdin,
    shown: Arc<Mutex<String>>,
    /// The file to which the shell writes the process id of a subscription.
    stream: PathBuf,
    /// The current or last block, and the start of its output.
    running: Option<(usize, usize)>,
}

impl Terminal {
    fn open(name: &str, directory: &Path, database: &str) -> Self {
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc"]).current_dir(directory);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("RAPPORT_")) {
            command.env_remove(name);
        }
        command.env("RAPPORT_DATABASE_URL", database).env("RAPPORT_LOG", "error");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut shell = command.spawn().expected("bash, which the tour needs");
        let (mut keys, mut output) = (shell.stdin.take().expected("keys"), shell.stdout.take().expected("output"));
        let shown = Arc::new(Mutex::new(String::new()));
        let screen = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut part = [0; 8_192];
            while let Ok(length @ 1..) = output.read(&mut part) {
                let text = String::from_utf8_lossy(&part[..length]).into_owned();
                screen.lock().push_str(&text);
            }
        });
        let stream = directory.join(format!("{name}.stream"));
        // Subscriptions run as separate processes, so that they can be ended. The binary is already built.
        let set_up = format!(
            "exec 2>&1\n\
             curl() {{ case \" $* \" in *' -sN '*) command curl --max-time {STREAM_SECONDS} \"$@\" & echo $! >'{}'; \
             wait $!;; *) command curl \"$@\";; esac; }}\n\
             cargo() {{ shift 3; {:?} \"$@\"; }}\n",
            stream.display(),
            env!("CARGO_BIN_EXE_rapport")
        );
        keys.write_all(set_up.as_bytes()).expected("typed");
        Self { shell, keys, shown, stream, running: None }
    }

    fn since(&self, start: usize) -> String {
        self.shown.lock()[start..].to_owned()
    }

    /// Waits until the output meets a condition. Returns the output.
    fn wait(&mut self, start: usize, what: &str, holds: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let text = self.since(start);
            if holds(&text) {
                return text;
            }
            let gone = self.shell.try_wait().expected("a state").is_some();
            assert!(!gone && Instant::now() < until, "{what}\ndid not end:\n{text}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(self.shell.kill());
        drop(self.shell.wait());
    }
}

/// Runs blocks one after another in their terminals. A subscription continues while other blocks run.
pub fn run(blocks: &[Block], directory: &Path, url: &str, database: &str) {
    let mut terminals = BTreeMap::<&str, Terminal>::new();
    for (number, block) in blocks.iter().enumerate() {
        let open = || Terminal::open(&block.terminal, directory, database);
        let terminal = terminals.entry(&block.terminal).or_insert_with(open);
        finish(terminal, blocks);
        let start = terminal.since(0).len();
        let commands = block.commands.replace("http://127.0.0.1:8080", url);
        let keys = format!("{commands}\nprintf '\\n<end of block %s>\\n' {number}\n");
        terminal.keys.write_all(keys.as_bytes()).expected("typed");
        terminal.running = Some((number, start));
        if block.follows() {
            let end = end(number);
            terminal
                .wait(start, &block.commands, |shown| shown.contains("SubscriptionStarted") || shown.contains(&end));
        } else {
            finish(terminal, blocks);
        }
    }
    for terminal in terminals.values_mut() {
        finish(terminal, blocks);
    }
}

/// Returns the line that marks the end of a block's output.
fn end(number: usize) -> String {
    format!("<end of block {number}>")
}

/// Waits for the running block of a terminal and checks its output.
fn finish(terminal: &mut Terminal, blocks: &[Block]) {
    let Some((number, start)) = terminal.running.take() else { return };
    let Block { page, commands, shows, .. } = &blocks[number];
    let end = end(number);
    if blocks[number].follows() {
        terminal.wait(start, commands, |shown| shown.contains(&end) || shows.iter().all(|part| shown.contains(part)));
        let id = fs::read_to_string(&terminal.stream).expected("the id of a subscription");
        drop(Command::new("kill").arg(id.trim()).stderr(Stdio::null()).status());
    }
    let shown = terminal.wait(start, commands, |shown| shown.contains(&end));
    for part in shows {
        assert!(shown.contains(part), "{page} promises {part} of\n{commands}\nbut it shows\n{shown}");
    }
    let refused = shows.iter().any(|part| part.contains("\"code\":"));
    let faults = ["\"errors\":[", "command not found", "rapport: ", "curl: "];
    let fault = faults.iter().find(|fault| shown.contains(**fault));
    assert!(fault.is_none(), "{page}: {fault:?} of\n{commands}\n{shown}");
    assert!(refused || !shown.contains("\"userErrors\":[{"), "{page}: something is refused of\n{commands}\n{shown}");
}
