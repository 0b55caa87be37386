//! The server process: it listens, prints its address and stops in order. To stop, it turns not ready, closes the
//! sockets and finishes the running requests.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use tokio::net::TcpListener;

use crate::{
    accounts::{self, account_emails::AccountEmails},
    app::App,
    attachments,
    clock::Clock,
    config::{Config, Environment},
    deliveries::{
        self,
        engine::{self, Senders},
    },
    events::pruning,
    http, name_keys,
    notifications::{email_delivery::NotificationEmails, retention},
    routing::background,
    sealed_rows, seed, visitors,
};

/// The time that running requests have to finish after the signal.
const GRACE: Duration = Duration::from_secs(7);

/// The time that closing the database may take.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// Serves until the process receives a signal to stop.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let app = App::start(config, Clock::System, None).await?;
    if app.config.demo {
        seed::fill(&app).await.map_err(|error| anyhow::anyhow!("the demo organization cannot be made: {error:?}"))?;
    }
    let open = !app.config.listen.ip().is_loopback() || app.config.environment == Environment::Production;
    let known =
        if open { seed::known_password(&app).await.map_err(|error| anyhow::anyhow!("{error:?}"))? } else { None };
    if let Some(handle) = known {
        bail!(
            "RAPPORT_LISTEN is refused: the database holds the demo user {handle} with the known password; \
             use another database or listen on 127.0.0.1 in development"
        );
    }
    start_background_work(&app);
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
        // Readiness turns red first, so that a load balancer sends no new requests before anything is closed.
        leaving.cancel();
        tokio::time::sleep(drain).await;
        shutdown.cancel();
    });
    serve(&app, listener).await?;
    // A read that still runs then is not waited for.
    match tokio::time::timeout(CLOSE_WITHIN, app.db.close()).await {
        Ok(closed) => closed?,
        Err(_) => tracing::warn!("the database was not closed in time"),
    }
    Ok(())
}

/// Starts the background work of features. It ends when the app is shut down.
fn start_background_work(app: &App) {
    tokio::spawn(background::run(app.clone()));
    tokio::spawn(engine::run(app.clone(), senders(app)));
    tokio::spawn(retention::run(app.clone()));
    tokio::spawn(deliveries::retention::run(app.clone()));
    tokio::spawn(accounts::retention::run(app.clone()));
    tokio::spawn(visitors::retention::run(app.clone()));
    tokio::spawn(attachments::retention::run(app.clone()));
    let sweeping = app.clone();
    tokio::spawn(async move {
        match sweeping.files.sweep(sweeping.clock.now().into()).await {
            Ok(0) => {}
            Ok(swept) => tracing::info!(swept, "unfinished files of an earlier run were deleted"),
            Err(error) => tracing::warn!(%error, "unfinished files could not be deleted"),
        }
    });
    let app = app.clone();
    tokio::spawn(async move { pruning::run(&app.background, &app.db, &app.clock, app.config.events.retention).await });
}

/// Returns the senders of all deliveries. Without a mail server there are none.
#[must_use]
pub fn senders(app: &App) -> Senders {
    let Some(mail) = &app.config.mail else { return Senders::default() };
    Senders::new(vec![Arc::new(AccountEmails(mail.clone())), Arc::new(NotificationEmails(mail.clone()))])
}

/// Serves on a listener until the app is shut down.
pub async fn serve(app: &App, listener: TcpListener) -> anyhow::Result<()> {
    sealed_rows::renew(app).await?;
    name_keys::refresh(app).await?;
    let router = http::router(app.clone()).await?;
    let late = async {
        app.shutdown.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    // Open sockets are no longer HTTP connections, so they and running mutations are waited for separately.
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
             -d '{{\"query\":\"mutation {{ signIn(input: {{handle: \\\"jane\\\", \
             password: \\\"{}\\\"}}) {{ accessToken }} }}\"}}'\n\
             then send the token as 'authorization: Bearer ...'; or print one with: rapport token --user jane",
            seed::PASSWORD,
            seed::PASSWORD
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
