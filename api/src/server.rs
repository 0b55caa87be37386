//! Serving: listen, say where, and stop in order: turn not ready, close the sockets, finish what is under way.

use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::net::TcpListener;

use crate::{
    accounts,
    agents::workers,
    app::App,
    clock::Clock,
    config::{Config, Environment},
    demo, http, name_keys,
    notifications::{mails, retention},
    visitors,
};

/// How long requests under way may take to finish after the signal.
const GRACE: Duration = Duration::from_secs(7);

/// How long closing the database may take.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// Serves until the process is told to stop.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let app = App::start(config, Clock::System, None).await?;
    if app.config.demo {
        demo::fill(&app).await.map_err(|error| anyhow::anyhow!("the demo organisation cannot be made: {error:?}"))?;
    }
    let open = !app.config.listen.ip().is_loopback() || app.config.environment == Environment::Production;
    let known =
        if open { demo::known_password(&app).await.map_err(|error| anyhow::anyhow!("{error:?}"))? } else { None };
    if let Some(handle) = known {
        bail!(
            "RAPPORT_LISTEN is refused: the database holds the demo user {handle} with the known password; \
             use another database or listen on 127.0.0.1 in development"
        );
    }
    tokio::spawn(retention::run(app.clone()));
    tokio::spawn(mails::run(app.clone()));
    tokio::spawn(accounts::mails::run(app.clone()));
    tokio::spawn(accounts::retention::run(app.clone()));
    tokio::spawn(workers::run(app.clone()));
    tokio::spawn(visitors::retention::run(app.clone()));
    let listener = TcpListener::bind(app.config.listen)
        .await
        .with_context(|| format!("RAPPORT_LISTEN is refused: {} cannot be listened on", app.config.listen))?;
    let address = listener.local_addr()?;
    greet(&app, &format!("http://{address}"));
    let shutdown = app.shutdown.clone();
    let (leaving, drain) = (app.leaving.clone(), app.config.drain);
    tokio::spawn(async move {
        asked_to_stop().await;
        tracing::info!("stopping");
        // Red first, so that a balancer sends no more before anything is closed.
        leaving.cancel();
        tokio::time::sleep(drain).await;
        shutdown.cancel();
    });
    serve(&app, listener).await?;
    // Whatever still reads then is not waited for.
    match tokio::time::timeout(CLOSE_WITHIN, app.db.close()).await {
        Ok(closed) => closed?,
        Err(_) => tracing::warn!("the database was not closed in time"),
    }
    Ok(())
}

/// Serves on a listener until the app is shut down.
pub async fn serve(app: &App, listener: TcpListener) -> anyhow::Result<()> {
    name_keys::refresh(app).await?;
    let router = http::router(app.clone()).await?;
    let late = async {
        app.shutdown.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    // Sockets are no longer connections of HTTP once they are open; they and the mutations under way are waited for too.
    let served = async {
        http::listener::serve(app, listener, router).await;
        app.tasks.close();
        app.tasks.wait().await;
    };
    tokio::select! {
        () = served => {}
        () = late => tracing::warn!("requests that took too long were cut off"),
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "what the operator reads first")]
fn greet(app: &App, url: &str) {
    println!("listening on {url}");
    if app.config.demo {
        println!(
            "sign in as jane, richard, ann, ben, sue or ada with the password {}:\n  \
             curl -s {url}/graphql -H 'content-type: application/json' \
             -d '{{\"query\":\"mutation {{ signIn(input: {{handle: \\\"jane\\\", password: \\\"{}\\\"}}) {{ accessToken }} }}\"}}'\n\
             then send the token as 'authorization: Bearer ...'; or print one with: rapport token --user jane",
            demo::PASSWORD,
            demo::PASSWORD
        );
    }
}

async fn asked_to_stop() {
    let interrupted = tokio::signal::ctrl_c();
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminated) => {
            tokio::select! { _ = interrupted => {}, _ = terminated.recv() => {} }
        }
        Err(_) => drop(interrupted.await),
    }
}
