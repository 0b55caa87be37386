//! The test harness: databases, instances on real ports, and people as the subjects of the tests.

pub mod accounts;
pub mod app;
pub mod avatars;
pub mod files;
pub mod templates;
pub mod arrivals;
pub mod catalogue;
pub mod random;
pub mod receiver;
pub mod consistency;
pub mod contacts;
pub mod database;
pub mod desk;
pub mod documents;
pub mod emails;
pub mod contact_center;
pub mod graphql;
pub mod introspection;
pub mod live_connections;
pub mod manual;
pub mod model;
pub mod person;
pub mod plans;
pub mod queue_log;
pub mod probes;
pub mod process;
pub mod smtp;
pub mod socket;
pub mod conversations;
pub mod vcards;
pub mod visitors;

use std::{future::Future, time::Duration};

/// Returns the rounds of a randomised test: `RAPPORT_TEST_ROUNDS`, or a small number.
pub fn rounds(small: usize) -> usize {
    std::env::var("RAPPORT_TEST_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(small)
}

/// Waits until a condition is true. Fails after 30 seconds.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let patience = tokio::time::Instant::now() + Duration::from_secs(30);
    while !holds().await {
        assert!(tokio::time::Instant::now() < patience, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Returns the value, or fails with a message.
pub trait Expected<T> {
    fn expected(self, what: &str) -> T;
}

impl<T, E: std::fmt::Debug> Expected<T> for Result<T, E> {
    #[track_caller]
    fn expected(self, what: &str) -> T {
        match self {
            Ok(value) => value,
            Err(error) => panic!("{what}: {error:?}"),
        }
    }
}

impl<T> Expected<T> for Option<T> {
    #[track_caller]
    fn expected(self, what: &str) -> T {
        match self {
            Some(value) => value,
            None => panic!("{what}: nothing"),
        }
    }
}
