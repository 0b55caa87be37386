//! A person's data as a ZIP archive of JSON files, read page by page while it is sent, so that it needs no more memory for much
//! than for little. It holds what the person can see by the API, and nothing else: not that others block them, not what
//! others wrote about them, not how a request of theirs was put aside.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use async_stream::try_stream;
use bytes::Bytes;
use entity::user;
use futures_util::Stream as FuturesStream;
use zip::{ZipWriter, write::SimpleFileOptions};

use super::portions::PORTIONS;
use crate::{
    app::App,
    error::{Error, Result},
};

/// What the archive says of itself.
const README: &str = "This is what Rapport keeps of one account, as its owner may see it.\n\n\
    profile.json            the profile, settings, and how to be reached\n\
    relationships.json      the people one is related to, with one's own notes and mutes\n\
    requests.json           requests to connect, to and of the person\n\
    activities.json         what the person did\n\
    notifications.json      what the person was told\n\
    personal-contacts.json  the private address book\n\
    sessions.json           sign-ins\n\
    keys.json               API keys, without their secrets\n\n\
    Times are in UTC. Every file is JSON in UTF-8.\n";

/// Where the archive is written before it is sent.
#[derive(Clone, Default)]
struct Outbox(Arc<Mutex<Vec<u8>>>);

impl Outbox {
    fn take(&self) -> Bytes {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into()
    }
}

impl Write for Outbox {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The archive of a person, part by part.
pub fn write(app: App, person: user::Model) -> impl FuturesStream<Item = Result<Bytes>> {
    try_stream! {
        let outbox = Outbox::default();
        let mut zip = ZipWriter::new_stream(outbox.clone());
        let options = SimpleFileOptions::default();
        zip.start_file("README.txt", options).map_err(Error::internal)?;
        zip.write_all(README.as_bytes()).map_err(Error::internal)?;
        for portion in PORTIONS {
            zip.start_file(portion.file(), options).map_err(Error::internal)?;
            let mut after = None;
            let mut written = 0;
            loop {
                let (items, next) = portion.read(&app, &person, after).await?;
                for item in items {
                    zip.write_all(if written == 0 { b"[\n" } else { b",\n" }).map_err(Error::internal)?;
                    serde_json::to_writer(&mut zip, &item).map_err(Error::internal)?;
                    written += 1;
                }
                yield outbox.take();
                if next.is_none() {
                    break;
                }
                after = next;
            }
            zip.write_all(if written == 0 { b"[]\n" } else { b"\n]\n" }).map_err(Error::internal)?;
        }
        zip.finish().map_err(Error::internal)?;
        yield outbox.take();
    }
}
