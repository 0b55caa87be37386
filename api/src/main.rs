//! The command line of Rapport: serve, migrate, print the schema, the settings or a token, and import graphs.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use api::{
    app::App,
    auth::{jwt, viewer::Scopes},
    bulk_load::load::{self, SeedKind},
    clock::Clock,
    config::{self, Config},
    database::Database,
    name_keys, schema, server, telemetry,
    users::people,
};
use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Relationships and conversations behind one GraphQL schema.
#[derive(Parser)]
#[command(name = "rapport", version, about, after_help = config::help())]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Bring the database up to date and serve (the default).
    #[command(after_help = config::help())]
    Serve,
    /// Bring the database up to date.
    Migrate,
    /// Print the GraphQL schema.
    Schema,
    /// Print the settings.
    Config {
        /// Print them as the page `docs/configuration.md`.
        #[arg(long)]
        markdown: bool,
    },
    /// Print an access token for a user.
    Token {
        /// The user's handle.
        #[arg(long)]
        user: String,
        /// The lifetime of the token, such as 15m or 1h.
        #[arg(long, default_value = "1h", value_parser = humantime::parse_duration)]
        expires: Duration,
        /// The scopes, separated by commas, such as CONTACTS_READ,EVENTS_READ. All scopes of the user when left out.
        #[arg(long)]
        scopes: Option<String>,
    },
    /// Import people with their connections and follows from edge lists, plain or gzip.
    Import {
        /// A file with `a b` on each line: a and b are connected.
        #[arg(long)]
        connections: Option<PathBuf>,
        /// A file with `a b` on each line: a follows b.
        #[arg(long)]
        follows: Option<PathBuf>,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    match Box::pin(run()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The operator sees a sentence with its causes and never a backtrace.
            eprintln!("rapport: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<()> {
    let command = Cli::parse().command.unwrap_or(Command::Serve);
    match command {
        Command::Schema => return print(&schema::sdl()),
        Command::Config { markdown: true } => return print(&config::markdown()),
        Command::Config { markdown: false } => return print(&config::help()),
        _ => {}
    }
    let config = Config::from_environment()?;
    let telemetry = telemetry::start(&config.log, &config.monitoring)?;
    let done = Box::pin(execute(command, config)).await;
    // Stopping blocks, so it runs on a thread that may block.
    tokio::task::spawn_blocking(|| telemetry.stop()).await?;
    done
}

async fn execute(command: Command, config: Config) -> anyhow::Result<()> {
    match command {
        Command::Serve => Box::pin(server::run(config)).await,
        Command::Migrate => Database::open(&config.database, None).await?.migrate().await,
        Command::Schema | Command::Config { .. } => Ok(()),
        Command::Token { user, expires, scopes } => {
            let app = App::start(config, Clock::System, None).await?;
            let Some(person) = people::by_handle(app.db.read(), &user).await? else {
                anyhow::bail!("no user has the handle {user}");
            };
            let scopes = match scopes {
                None => Scopes::of(person.role),
                Some(names) => {
                    let names = names.replace(',', " ");
                    let scopes = Scopes::parse(&names);
                    anyhow::ensure!(
                        scopes.iter().count() == names.split_whitespace().count(),
                        "--scopes contains an unknown or repeated scope: {names}"
                    );
                    scopes
                }
            };
            let token = jwt::issue(&app, person.id, scopes, None, expires)
                .map_err(|error| anyhow::anyhow!("the token cannot be issued: {}", error.code()))?;
            print(&token.text)
        }
        Command::Import { connections, follows } => {
            anyhow::ensure!(connections.is_some() || follows.is_some(), "give --connections, --follows or both");
            let app = App::start(config, Clock::System, None).await?;
            name_keys::refresh(&app).await?;
            for (kind, path) in [(SeedKind::Connections, connections), (SeedKind::Follows, follows)] {
                let Some(path) = path else { continue };
                let done = load::file(&app, kind, &path).await?;
                print(&format!("{}: {} people and {} pairs are new", path.display(), done.people, done.pairs))?;
            }
            Ok(())
        }
    }
}

fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    Ok(writeln!(std::io::stdout(), "{}", text.trim_end())?)
}
