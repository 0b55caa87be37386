//! The bus: carries hints and signals between the instances on one database. A hint says only that a stream has grown,
//! so a lost hint costs time and never an event. PostgreSQL carries them by NOTIFY, after the commit and many in one
//! message. With SQLite there is one process and nothing to send.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use entity::stream::StreamKind;
use parking_lot::Mutex;
use sqlx::{PgPool, postgres::PgListener, postgres::PgPoolOptions};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    live_streams::LiveStreams,
    log::Stream,
    signals::{Signal, Signals},
};

const CHANNEL: &str = "rapport_events";
/// The streams in one message. A NOTIFY can carry 8,000 bytes, and a stream takes 34 bytes and a separator.
const STREAMS_PER_MESSAGE: usize = 200;
/// The signals in one message. A signal takes 67 bytes and a separator.
const SIGNALS_PER_MESSAGE: usize = 100;
/// The prefix of a signal. No stream kind has this number.
const SIGNAL_MARK: &str = "ff";
/// The pause after a lost connection.
const PAUSE: Duration = Duration::from_millis(200);

/// The way in which hints travel.
pub enum Bus {
    /// Hints stay in this process.
    InProcess,
    /// Hints also go to the other instances on the same database.
    Postgres(Arc<Outgoing>),
}

/// The hints and signals that wait to be sent.
#[derive(Default)]
pub struct Outgoing {
    streams: Mutex<BTreeSet<Stream>>,
    /// The newest state by object and sender. Older signals of the same pair are dropped.
    signals: Mutex<BTreeMap<(Uuid, Uuid), bool>>,
    wake: Notify,
}

impl Bus {
    /// Starts the bus that fits the database. `pool` is the PostgreSQL pool; there is none with SQLite.
    pub(crate) fn start(
        pool: Option<&PgPool>,
        live_streams: &Arc<LiveStreams>,
        signals: &Arc<Signals>,
        instance: Uuid,
        shutdown: &CancellationToken,
    ) -> Self {
        let Some(pool) = pool else { return Self::InProcess };
        let outgoing = Arc::new(Outgoing::default());
        tokio::spawn(shutdown.clone().run_until_cancelled_owned(send_hints(
            pool.clone(),
            Arc::clone(&outgoing),
            instance,
        )));
        let heard = WakeupTargets { live_streams: Arc::clone(live_streams), signals: Arc::clone(signals), instance };
        tokio::spawn(shutdown.clone().run_until_cancelled_owned(listen(pool.clone(), heard)));
        Self::Postgres(outgoing)
    }

    /// Reports to the other instances that `streams` have grown. Call it after the commit. It never waits.
    pub fn hint(&self, streams: &[Stream]) {
        if let Self::Postgres(outgoing) = self {
            outgoing.streams.lock().extend(streams);
            outgoing.wake.notify_one();
        }
    }

    /// Sends a signal to the other instances. It never waits.
    pub fn send_signal(&self, signal: Signal) {
        if let Self::Postgres(outgoing) = self {
            let mut signals = outgoing.signals.lock();
            signals.insert((signal.about, signal.by), signal.on);
            outgoing.wake.notify_one();
        }
    }
}

/// The receivers of hints and signals from other instances.
struct WakeupTargets {
    live_streams: Arc<LiveStreams>,
    signals: Arc<Signals>,
    instance: Uuid,
}

impl Outgoing {
    fn take_signals(&self) -> Vec<Signal> {
        let taken = std::mem::take(&mut *self.signals.lock());
        taken.into_iter().map(|((about, by), on)| Signal { about, by, on }).collect()
    }

    fn take(&self) -> Vec<Stream> {
        std::mem::take(&mut *self.streams.lock()).into_iter().collect()
    }
}

/// Sends the collected hints and signals. While one message is sent, the next one collects.
async fn send_hints(pool: PgPool, outgoing: Arc<Outgoing>, instance: Uuid) {
    loop {
        outgoing.wake.notified().await;
        for streams in outgoing.take().chunks(STREAMS_PER_MESSAGE) {
            notify(&pool, encode(instance, streams)).await;
        }
        for signals in outgoing.take_signals().chunks(SIGNALS_PER_MESSAGE) {
            notify(&pool, encode_signals(instance, signals)).await;
        }
    }
}

async fn notify(pool: &PgPool, message: String) {
    let sent = sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(message).execute(pool).await;
    if let Err(error) = sent {
        // The other instances find the growth when they poll.
        tracing::warn!(cause = %error, "hints to other instances were lost");
    }
}

/// Receives from other instances. Wakes all streams after each connect, because messages may have been missed.
async fn listen(pool: PgPool, heard: WakeupTargets) {
    loop {
        if let Err(error) = hear(&pool, &heard).await {
            tracing::warn!(cause = %error, "listening for hints failed; retrying");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn hear(pool: &PgPool, heard: &WakeupTargets) -> Result<(), sqlx::Error> {
    // A separate pool, so that listening takes no connection from the requests.
    let own = PgPoolOptions::new().max_connections(1).connect_with((*pool.connect_options()).clone()).await?;
    let mut listener = PgListener::connect_with(&own).await?;
    listener.listen(CHANNEL).await?;
    loop {
        heard.live_streams.wake_all();
        while let Some(message) = listener.try_recv().await? {
            heard.live_streams.wake(&decode(heard.instance, message.payload()));
            for signal in decode_signals(heard.instance, message.payload()) {
                heard.signals.publish(signal);
            }
        }
    }
}

fn encode(instance: Uuid, streams: &[Stream]) -> String {
    let streams = streams.iter().map(|stream| format!("{:02x}{}", stream.kind.code(), stream.owner.simple()));
    std::iter::once(instance.simple().to_string()).chain(streams).collect::<Vec<_>>().join(" ")
}

fn encode_signals(instance: Uuid, signals: &[Signal]) -> String {
    let signals = signals.iter().map(|signal| {
        let Signal { about, by, on } = signal;
        format!("{SIGNAL_MARK}{}{}{}", about.simple(), by.simple(), u8::from(*on))
    });
    std::iter::once(instance.simple().to_string()).chain(signals).collect::<Vec<_>>().join(" ")
}

/// Returns the signals of a message. Messages of this instance give none.
fn decode_signals(instance: Uuid, message: &str) -> Vec<Signal> {
    let mut words = message.split(' ');
    if words.next().and_then(|word| Uuid::parse_str(word).ok()) == Some(instance) {
        return Vec::new();
    }
    words
        .filter_map(|word| {
            let (about, rest) = word.strip_prefix(SIGNAL_MARK)?.split_at_checked(32)?;
            let (by, on) = rest.split_at_checked(32)?;
            Some(Signal { about: Uuid::parse_str(about).ok()?, by: Uuid::parse_str(by).ok()?, on: on == "1" })
        })
        .collect()
}

/// Returns the streams of a message. Messages of this instance give none. Unknown kinds, of a newer version, are
/// skipped.
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
        SIGNALS_PER_MESSAGE, STREAMS_PER_MESSAGE, Signal, Stream, StreamKind, Uuid, decode, decode_signals, encode,
        encode_signals,
    };

    #[test]
    fn what_is_said_in_passing_reaches_others_and_is_taken_for_no_stream() {
        let (here, there) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let signals: Vec<Signal> = (0..SIGNALS_PER_MESSAGE as u128)
            .map(|n| Signal { about: Uuid::from_u128(n), by: Uuid::from_u128(n + 1), on: n % 2 == 0 })
            .collect();
        let message = encode_signals(here, &signals);
        assert!(message.len() < 8_000);
        assert_eq!(decode_signals(there, &message), signals);
        assert!(decode_signals(here, &message).is_empty() && decode(there, &message).is_empty());
        assert!(decode_signals(there, "nonsense ffzz").is_empty());
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
