//! The command line of Rapport.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use api::{
    app::App,
    auth::{jwt, viewer::Scopes},
    clock::Clock,
    config::{self, Config},
    database::Database,
    import::load::{self, Kind},
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
        /// As the page `docs/configuration.md`.
        #[arg(long)]
        markdown: bool,
    },
    /// Print an access token for a person.
    Token {
        /// The person's handle.
        #[arg(long)]
        user: String,
        /// How long the token lives, such as 15m or 1h.
        #[arg(long, default_value = "1h", value_parser = humantime::parse_duration)]
        expires: Duration,
        /// Scopes, parted by commas, such as CONTACTS_READ,EVENTS_READ; all when left out.
        #[arg(long)]
        scopes: Option<String>,
    },
    /// Import people with their connections and follows from edge lists, plain or gzip.
    Import {
        /// `a b` on a line: a and b are connected.
        #[arg(long)]
        connections: Option<PathBuf>,
        /// `a b` on a line: a follows b.
        #[arg(long)]
        follows: Option<PathBuf>,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    match Box::pin(run()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A sentence for whoever typed the command, with its causes; never a trace.
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
    // On a thread that may wait.
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
                anyhow::bail!("there is nobody with the handle {user}");
            };
            let scopes = match scopes {
                None => Scopes::of(person.role),
                Some(names) => {
                    let names = names.replace(',', " ");
                    let scopes = Scopes::parse(&names);
                    anyhow::ensure!(
                        scopes.iter().count() == names.split_whitespace().count(),
                        "--scopes names a scope that there is not, or one twice: {names}"
                    );
                    scopes
                }
            };
            let token = jwt::issue(&app, person.id, scopes, None, expires)
                .map_err(|error| anyhow::anyhow!("no token can be made: {}", error.code()))?;
            print(&token.text)
        }
        Command::Import { connections, follows } => {
            anyhow::ensure!(connections.is_some() || follows.is_some(), "give --connections, --follows or both");
            let app = App::start(config, Clock::System, None).await?;
            name_keys::refresh(&app).await?;
            for (kind, path) in [(Kind::Connections, connections), (Kind::Follows, follows)] {
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
