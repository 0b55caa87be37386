//! Secrets are encrypted in the database, and an instance without their key does not start.

use api::{
    app::App, clock::Clock, config::Config, entry_points::entry_point_rows, sealed_rows, sealing::IDENTITY_SECRET,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use entity::{channel::Channel, entry_point};
use sea_orm::EntityTrait;

use crate::support::{Expected as _, app::TestApp, visitors::EntryPointSetup};

const SECRET: &str = "the secret of shop";

fn keys(of: &[u8]) -> String {
    of.iter().map(|byte| STANDARD.encode([*byte; 32])).collect::<Vec<_>>().join(",")
}

/// Starts another instance on the database of a test, with other keys.
async fn restarted(app: &TestApp, keys: &str) -> anyhow::Result<App> {
    let files = app.database.files();
    let settings = [
        ("RAPPORT_FILES", files.as_str()),
        ("RAPPORT_DATABASE_URL", app.database.url.as_str()),
        ("RAPPORT_DATABASE_CONNECTIONS", "2"),
        ("RAPPORT_SEALING_KEYS", keys),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let other = App::start(Config::read(settings.into())?, Clock::standing(), None).await?;
    sealed_rows::renew(&other).await?;
    Ok(other)
}

async fn stored(app: &App) -> entry_point::Model {
    let mut rows = entry_point::Entity::find().all(app.db.read()).await.expected("entry points");
    rows.retain(|row| row.identity_secret.is_some());
    assert_eq!(rows.len(), 1);
    rows.remove(0)
}

async fn with_a_secret(first: &str) -> TestApp {
    let app = TestApp::with(1, &[("RAPPORT_SEALING_KEYS", first)]).await;
    let setup = EntryPointSetup { secret: Some(SECRET), ..EntryPointSetup::default() };
    app.entry_point(Channel::Webchat, "shop", setup).await;
    app
}

#[tokio::test]
async fn an_identity_secret_is_stored_encrypted() {
    let app = with_a_secret(&keys(&[1])).await;
    let row = stored(app.app()).await;
    let sealed = row.identity_secret.clone().expected("a secret");
    assert!(!sealed.0.contains("secret"));
    assert_eq!(entry_point_rows::identity_secret(&app.app().config, &row).as_deref(), Some(SECRET));
}

#[tokio::test]
async fn an_instance_without_the_key_of_a_secret_does_not_start() {
    let app = with_a_secret(&keys(&[1])).await;
    for other in [keys(&[2]), String::new()] {
        let refused = restarted(&app, &other).await.err().expected("a refusal").to_string();
        assert!(refused.contains("RAPPORT_SEALING_KEYS") && refused.contains("1 of entry_point.identity_secret"));
        assert!(!refused.contains(SECRET), "{refused}");
    }
}

#[tokio::test]
async fn the_key_changes_in_three_restarts_without_a_lost_secret() {
    let app = with_a_secret(&keys(&[1])).await;
    let before = stored(app.app()).await.identity_secret;
    let both = restarted(&app, &keys(&[1, 2])).await.expected("the first restart");
    assert_eq!(stored(&both).await.identity_secret, before);
    let new = restarted(&app, &keys(&[2, 1])).await.expected("the second restart");
    let row = stored(&new).await;
    assert_ne!(row.identity_secret, before);
    // The instances that have not restarted yet still read it.
    let sealed = row.identity_secret.expected("a secret");
    assert_eq!(both.config.sealing.open(IDENTITY_SECRET, row.id.0, &sealed).as_deref(), Some(SECRET));
    let last = restarted(&app, &keys(&[2])).await.expected("the third restart");
    assert_eq!(entry_point_rows::identity_secret(&last.config, &stored(&last).await).as_deref(), Some(SECRET));
}
