//! Measures the server for named operations, on an imported graph or among conversations with customers. Prints
//! requests per second, p50, p99, and the CPU time of the server and the database for each request. On request it
//! measures the same SQL by bare sqlx and, on PostgreSQL, by pgbench. Figures of one run can be compared with each
//! other. Figures of different runs or machines can only be compared as ratios.
//!
//! `cargo run --release --example load -- --database postgres://… --raw --pgbench`

mod client;
mod cpu;
mod dearest;
mod desktops;
mod fanout;
mod fill;
mod follow;
mod hostile;
mod memory;
mod operations;
mod raw;
mod sockets;
mod conversations;

/// The hostile documents of the tests.
#[path = "../../../tests/it/support/documents.rs"]
mod documents;

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, bail};
use clap::Parser;
use sqlx::Connection as _;

use self::{
    client::{Figures, Target},
    operations::{MeasuredCallers, OPERATIONS, Operation, People},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures the server on an imported graph, or among conversations with customers.
#[derive(Parser)]
struct Arguments {
    /// The database with the imported graphs, or with conversations.
    #[arg(long, default_value = "sqlite://rapport.db")]
    database: String,
    /// The operations to measure, separated by commas. All operations when left out.
    #[arg(long)]
    only: Option<String>,
    /// The number of simultaneous requests.
    #[arg(long, default_value_t = 32)]
    concurrency: usize,
    /// The time for which each operation is measured.
    #[arg(long, default_value = "4s", value_parser = humantime::parse_duration)]
    time: Duration,
    /// Measures this number of subscribers instead of operations. They follow the conversations of the agents, or the
    /// requests of one person in a database without conversations.
    #[arg(long)]
    subscribers: Option<usize>,
    /// The number of messages to write for subscribers of conversations.
    #[arg(long, default_value_t = 10_000)]
    events: usize,
    /// The number of additional subscribers of requests that never read.
    #[arg(long, default_value_t = 0)]
    stalled: usize,
    /// Measures the memory that hostile documents take, instead of operations.
    #[arg(long)]
    hostile: bool,
    /// Measures the memory that the most expensive allowed documents and callers take, and the delay of other callers,
    /// instead of operations. Creates a database of its own.
    #[arg(long)]
    dearest: bool,
    /// Adds activities up to this number, and notifications, instead of measuring.
    #[arg(long)]
    activities: Option<u64>,
    /// Fills an empty database with agents at full capacity and with conversations of this number of messages, instead
    /// of measuring.
    #[arg(long)]
    messages: Option<u64>,
    /// Measures the same SQL by bare sqlx with JSON answers too.
    #[arg(long)]
    raw: bool,
    /// Measures the same SQL by pgbench too, which must be on the PATH.
    #[arg(long)]
    pgbench: bool,
    /// The server's binary. The default is the binary that was built beside this program.
    #[arg(long)]
    server: Option<PathBuf>,
    /// Runs as the bare server.
    #[arg(long, hide = true)]
    serve_raw: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if arguments.serve_raw {
        return raw::serve(&arguments.database).await;
    }
    if let Some(activities) = arguments.activities {
        return fill::fill(&arguments.database, activities).await;
    }
    if let Some(messages) = arguments.messages {
        return conversations::fill(&arguments.database, messages).await;
    }
    let here = std::env::current_exe()?;
    let beside = here.parent().and_then(Path::parent).map(|directory| directory.join("rapport")).unwrap_or_default();
    let binary = arguments.server.clone().unwrap_or(beside);
    if !binary.exists() {
        bail!("{} is not there: cargo build --release", binary.display());
    }
    if arguments.dearest {
        return dearest::measure(&binary, arguments.time).await;
    }
    let server = Server::start(Command::new(&binary).envs([
        ("RAPPORT_DATABASE_URL", arguments.database.as_str()),
        ("RAPPORT_LISTEN", "127.0.0.1:0"),
        ("RAPPORT_DEMO", "false"),
        ("RAPPORT_RATE_COST", "0"),
        ("RAPPORT_RATE_REQUESTS", "0"),
        ("RAPPORT_WRITTEN_BYTES_PER_HOUR", "0"),
        ("RAPPORT_MESSAGES_PER_MINUTE", "0"),
        ("RAPPORT_VISITOR_MESSAGES_PER_MINUTE", "0"),
        ("RAPPORT_MAX_SOCKETS_PER_CALLER", "0"),
        ("RAPPORT_MAX_SUBSCRIPTIONS_PER_CALLER", "0"),
        ("RAPPORT_MAX_CONNECTIONS", "1000000"),
        ("RAPPORT_MAX_CONNECTIONS_PER_ADDRESS", "1000000"),
        ("RAPPORT_LOG", "error"),
    ]))?;
    let raw = match arguments.raw {
        true => Some(Server::start(Command::new(&here).args(["--serve-raw", "--database", &arguments.database]))?),
        false => None,
    };
    if arguments.hostile {
        return hostile::measure(&server).await;
    }
    let people = People::find(&binary, &arguments.database, &server.address).await;
    let desktops = desktops::find(&binary, &arguments.database, &server.address).await?;
    if let Some(subscribers) = arguments.subscribers {
        if desktops.iter().any(|desktop| !desktop.conversations.is_empty()) {
            return follow::measure(&server, &desktops, subscribers, arguments.events).await;
        }
        return fanout::measure(&server, &people?, subscribers, arguments.stalled).await;
    }
    let people = match people {
        Err(why) if desktops.is_empty() => return Err(why),
        people => people.ok(),
    };
    let (callers, postmaster) = (MeasuredCallers { people, desktops }, postmaster(&arguments.database).await?);
    println!(
        "{:<16} {:>9} {:>9} {:>9} {:>11} {:>11} {:>6} {:>7}",
        "", "req/s", "p50 ms", "p99 ms", "server us", "database us", "ratio", "server"
    );
    for operation in OPERATIONS {
        let wanted = arguments.only.as_ref().is_none_or(|only| only.split(',').any(|name| name == operation.name));
        if wanted {
            measure(operation, &arguments, &callers, &server, raw.as_ref(), postmaster).await?;
        }
    }
    Ok(())
}

/// Measures one operation on the server, then its SQL by bare sqlx and by pgbench as requested.
async fn measure(
    operation: &Operation,
    arguments: &Arguments,
    callers: &MeasuredCallers,
    server: &Server,
    raw: Option<&Server>,
    postmaster: u32,
) -> anyhow::Result<()> {
    let Some(requests) = operation.requests(callers) else { return Ok(()) };
    let target = |server: &Server| Target {
        address: server.address.clone(),
        pid: server.child.id(),
        postmaster,
        concurrency: arguments.concurrency,
        time: arguments.time,
    };
    let ours = client::run(&target(server), &requests).await?;
    show(operation.name, &ours, None);
    if let (Some(raw), Some(requests)) = (raw, operation.raw_requests(callers)) {
        let bare = client::run(&target(raw), &requests).await?;
        let all = |figures: &Figures| figures.server_micros + figures.database_micros;
        show("  bare sqlx", &bare, Some((all(&ours) / all(&bare), ours.server_micros / bare.server_micros)));
    }
    if arguments.pgbench
        && arguments.database.starts_with("postgres")
        && let Some(script) = operation.pgbench_script(callers)
    {
        // The script of followUser has two transactions.
        pgbench(arguments, &script, if operation.name == "followUser" { 2.0 } else { 1.0 }, postmaster)?;
    }
    Ok(())
}

/// Prints one line. The ratios compare the CPU time of all processes, and that of the servers alone.
fn show(name: &str, figures: &Figures, ratios: Option<(f64, f64)>) {
    let ratios = ratios.map_or_else(String::new, |(all, server)| format!("{all:>6.2} {server:>7.2}"));
    println!(
        "{name:<16} {:>9.0} {:>9.2} {:>9.2} {:>11.0} {:>11.0} {ratios}",
        figures.per_second, figures.p50, figures.p99, figures.server_micros, figures.database_micros
    );
}

fn pgbench(arguments: &Arguments, script: &str, times: f64, postmaster: u32) -> anyhow::Result<()> {
    let file = std::env::temp_dir().join(format!("rapport-load-{}.sql", std::process::id()));
    std::fs::write(&file, script)?;
    let seconds = arguments.time.as_secs().max(1).to_string();
    let before = cpu::database(postmaster);
    let done = Command::new("pgbench")
        .args(["-n", "-M", "prepared", "-c", "8", "-j", "1", "-T", &seconds, "-f"])
        .arg(&file)
        .arg(&arguments.database)
        .output()
        .context("pgbench cannot be run")?;
    std::fs::remove_file(&file)?;
    let spent = cpu::database(postmaster) - before;
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    let figure = |start: &str| {
        let line = text.lines().find(|line| line.trim_start().starts_with(start))?;
        line.split(['=', ':']).nth(1)?.split_whitespace().next()?.split('/').next()?.parse::<f64>().ok()
    };
    let (Some(tps), Some(latency), Some(count)) =
        (figure("tps"), figure("latency average"), figure("number of transactions actually processed"))
    else {
        bail!("pgbench failed: {}", String::from_utf8_lossy(&done.stderr));
    };
    let (tps, latency, count) = (tps * times, latency / times, count * times);
    println!("{:<16} {tps:>9.0} {latency:>9.2} {:>9} {:>11} {:>11.0}", "  pgbench", "-", "-", spent / count * 1e6);
    Ok(())
}

/// Returns the first process of the PostgreSQL server of a database. It is 0 for SQLite and for a server on another
/// machine.
async fn postmaster(database: &str) -> anyhow::Result<u32> {
    if !database.starts_with("postgres") {
        return Ok(0);
    }
    let mut connection = sqlx::PgConnection::connect(database).await?;
    let own: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut connection).await?;
    Ok(u32::try_from(own).ok().and_then(cpu::parent).unwrap_or_default())
}

/// A server process, which is stopped when the value is dropped.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command.stdout(Stdio::piped()).spawn().context("the server cannot be started")?;
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().context("no output")?);
        output.read_line(&mut line)?;
        // The server would block if its output were not read.
        std::thread::spawn(move || drop(std::io::copy(&mut output, &mut std::io::sink())));
        let address = line.trim().strip_prefix("listening on http://").context("the server did not listen")?.to_owned();
        Ok(Self { child, address })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
