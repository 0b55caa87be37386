//! When the database goes away and comes back.

use serde_json::Value;

use crate::support::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_whose_connection_was_cut_is_done_again() {
    let app = TestApp::new().await;
    if !app.database.is_postgres() {
        // A file has no connections that others could cut.
        return;
    }
    let jane = app.person("jane").await;
    for _ in 0..3 {
        jane.ask("{ viewer { user { handle } } }", Value::Null).await.text("viewer.user.handle");
        app.database
            .run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
            .await;
        let answer = jane.ask("{ viewer { user { handle } } }", Value::Null).await;
        assert_eq!(answer.text("viewer.user.handle"), "jane");
    }
}
