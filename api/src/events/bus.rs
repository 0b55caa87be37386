//! Hints between those who write events and those who follow them. A hint says only that a stream has grown. In one
//! process it wakes the tail; with PostgreSQL it also goes to the other instances by NOTIFY, after the commit, many
//! hints in one message. What is said in passing goes the same way.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use entity::stream::StreamKind;
use sqlx::{PgPool, postgres::PgListener, postgres::PgPoolOptions};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    log::Stream,
    tails::Tails,
    whispers::{Whisper, Whispers},
};

const CHANNEL: &str = "rapport_events";
/// A NOTIFY holds 8,000 bytes; a stream takes 34 and one to part it from the next.
const STREAMS_PER_MESSAGE: usize = 200;
/// A whisper takes 67 bytes and one to part it from the next.
const WHISPERS_PER_MESSAGE: usize = 100;
/// Marks a whisper among streams, whose kinds have other numbers.
const WHISPER: &str = "ff";
/// After a lost connection.
const PAUSE: Duration = Duration::from_millis(200);

/// How hints travel.
pub enum Bus {
    /// To nobody else.
    InProcess,
    /// To the other instances on the same database.
    Postgres(Arc<Outgoing>),
}

/// Hints that wait to be sent.
#[derive(Default)]
pub struct Outgoing {
    streams: Mutex<BTreeSet<Stream>>,
    /// By what it is about and by whom: only the last word of each counts.
    whispers: Mutex<BTreeMap<(Uuid, Uuid), bool>>,
    wake: Notify,
}

impl Bus {
    /// Starts the bus that fits the database.
    pub(crate) fn start(
        pool: Option<&PgPool>,
        tails: &Arc<Tails>,
        whispers: &Arc<Whispers>,
        instance: Uuid,
        shutdown: &CancellationToken,
    ) -> Self {
        let Some(pool) = pool else { return Self::InProcess };
        let outgoing = Arc::new(Outgoing::default());
        tokio::spawn(shutdown.clone().run_until_cancelled_owned(speak(pool.clone(), Arc::clone(&outgoing), instance)));
        let heard = Heard { tails: Arc::clone(tails), whispers: Arc::clone(whispers), instance };
        tokio::spawn(shutdown.clone().run_until_cancelled_owned(listen(pool.clone(), heard)));
        Self::Postgres(outgoing)
    }

    /// Says that streams have grown. Called after the commit; never waits.
    pub fn hint(&self, streams: &[Stream]) {
        if let Self::Postgres(outgoing) = self {
            outgoing.streams.lock().unwrap_or_else(PoisonError::into_inner).extend(streams);
            outgoing.wake.notify_one();
        }
    }

    /// Says something in passing to the other instances; never waits.
    pub fn whisper(&self, whisper: Whisper) {
        if let Self::Postgres(outgoing) = self {
            let mut whispers = outgoing.whispers.lock().unwrap_or_else(PoisonError::into_inner);
            whispers.insert((whisper.about, whisper.by), whisper.on);
            outgoing.wake.notify_one();
        }
    }
}

/// Where what other instances say goes.
struct Heard {
    tails: Arc<Tails>,
    whispers: Arc<Whispers>,
    instance: Uuid,
}

impl Outgoing {
    fn take_whispers(&self) -> Vec<Whisper> {
        let taken = std::mem::take(&mut *self.whispers.lock().unwrap_or_else(PoisonError::into_inner));
        taken.into_iter().map(|((about, by), on)| Whisper { about, by, on }).collect()
    }

    fn take(&self) -> Vec<Stream> {
        std::mem::take(&mut *self.streams.lock().unwrap_or_else(PoisonError::into_inner)).into_iter().collect()
    }
}

/// Sends what has gathered; while one message is under way the next one fills.
async fn speak(pool: PgPool, outgoing: Arc<Outgoing>, instance: Uuid) {
    loop {
        outgoing.wake.notified().await;
        for streams in outgoing.take().chunks(STREAMS_PER_MESSAGE) {
            notify(&pool, encode(instance, streams)).await;
        }
        for whispers in outgoing.take_whispers().chunks(WHISPERS_PER_MESSAGE) {
            notify(&pool, encode_whispers(instance, whispers)).await;
        }
    }
}

async fn notify(pool: &PgPool, message: String) {
    let sent = sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(message).execute(pool).await;
    if let Err(error) = sent {
        // The others find out by their poll.
        tracing::warn!(cause = %error, "hints to other instances were lost");
    }
}

/// Wakes the tails that other instances speak of, and all of them whenever messages may have been missed.
async fn listen(pool: PgPool, heard: Heard) {
    loop {
        if let Err(error) = hear(&pool, &heard).await {
            tracing::warn!(cause = %error, "listening for hints failed; it will be tried again");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn hear(pool: &PgPool, heard: &Heard) -> Result<(), sqlx::Error> {
    // A pool of its own, so that listening takes no connection from the requests.
    let own = PgPoolOptions::new().max_connections(1).connect_with((*pool.connect_options()).clone()).await?;
    let mut listener = PgListener::connect_with(&own).await?;
    listener.listen(CHANNEL).await?;
    loop {
        heard.tails.wake_all();
        while let Some(message) = listener.try_recv().await? {
            heard.tails.wake(&decode(heard.instance, message.payload()));
            for whisper in decode_whispers(heard.instance, message.payload()) {
                heard.whispers.spread(whisper);
            }
        }
    }
}

fn encode(instance: Uuid, streams: &[Stream]) -> String {
    let streams = streams.iter().map(|stream| format!("{:02x}{}", stream.kind.code(), stream.owner.simple()));
    std::iter::once(instance.simple().to_string()).chain(streams).collect::<Vec<_>>().join(" ")
}

fn encode_whispers(instance: Uuid, whispers: &[Whisper]) -> String {
    let whispers = whispers.iter().map(|whisper| {
        let Whisper { about, by, on } = whisper;
        format!("{WHISPER}{}{}{}", about.simple(), by.simple(), u8::from(*on))
    });
    std::iter::once(instance.simple().to_string()).chain(whispers).collect::<Vec<_>>().join(" ")
}

/// What another instance says in passing.
fn decode_whispers(instance: Uuid, message: &str) -> Vec<Whisper> {
    let mut words = message.split(' ');
    if words.next().and_then(|word| Uuid::parse_str(word).ok()) == Some(instance) {
        return Vec::new();
    }
    words
        .filter_map(|word| {
            let (about, rest) = word.strip_prefix(WHISPER)?.split_at_checked(32)?;
            let (by, on) = rest.split_at_checked(32)?;
            Some(Whisper { about: Uuid::parse_str(about).ok()?, by: Uuid::parse_str(by).ok()?, on: on == "1" })
        })
        .collect()
}

/// The streams of a message of another instance; unknown kinds, of a newer version, are left out.
fn decode(instance: Uuid, message: &str) -> Vec<Stream> {
    let mut words = message.split(' ');
    if words.next().and_then(|word| Uuid::parse_str(word).ok()) == Some(instance) {
        return Vec::new();
    }
    words
        .filter_map(|word| {
            let (kind, owner) = word.split_at_checked(2)?;
            let kind = StreamKind::of_code(u8::from_str_radix(kind, 16).ok()?)?;
            Some(Stream { kind, owner: Uuid::parse_str(owner).ok()? })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{
        STREAMS_PER_MESSAGE, Stream, StreamKind, Uuid, WHISPERS_PER_MESSAGE, Whisper, decode, decode_whispers, encode,
        encode_whispers,
    };

    #[test]
    fn what_is_said_in_passing_reaches_others_and_is_taken_for_no_stream() {
        let (here, there) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let whispers: Vec<Whisper> = (0..WHISPERS_PER_MESSAGE as u128)
            .map(|n| Whisper { about: Uuid::from_u128(n), by: Uuid::from_u128(n + 1), on: n % 2 == 0 })
            .collect();
        let message = encode_whispers(here, &whispers);
        assert!(message.len() < 8_000);
        assert_eq!(decode_whispers(there, &message), whispers);
        assert!(decode_whispers(here, &message).is_empty() && decode(there, &message).is_empty());
        assert!(decode_whispers(there, "nonsense ffzz").is_empty());
    }

    #[test]
    fn a_message_names_its_streams_to_others_and_fits_a_notify() {
        let (here, there) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let streams: Vec<Stream> = (0..STREAMS_PER_MESSAGE)
            .map(|n| Stream { kind: StreamKind::Requests, owner: Uuid::from_u128(n as u128) })
            .collect();
        let message = encode(here, &streams);
        assert!(message.len() < 8_000);
        assert_eq!(decode(there, &message), streams);
        assert!(decode(here, &message).is_empty());
        assert!(decode(there, "nonsense 9zz").is_empty());
    }
}
