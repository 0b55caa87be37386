//! A user's data as a ZIP archive of JSON files. It is read page by page while it is sent, so memory use does not
//! depend on its size. The archive contains only what the user can see through the API. It does not reveal blocks by
//! others, others' notes, or the ignoring of the user's requests.

use std::{
    io::{self, Write},
    sync::Arc,
};

use async_stream::try_stream;
use bytes::Bytes;
use entity::user;
use futures_util::{Stream as FuturesStream, StreamExt as _};
use parking_lot::Mutex;
use zip::{ZipWriter, write::SimpleFileOptions};

use super::{export_conversations, export_sections::EXPORT_SECTIONS};
use crate::{
    app::App,
    attachments::attachment_rows,
    error::{Error, Result},
    users::avatars,
};

/// The text of the file README.txt.
const README: &str = "This archive contains the data of one Rapport account, as its owner may see it.\n\n\
    profile.json            the profile, the settings and the contact details\n\
    relationships.json      the related people, with the owner's notes and mutes\n\
    requests.json           the received and sent connection requests\n\
    activities.json         the owner's activities\n\
    notifications.json      the owner's notifications\n\
    messages.json           the owner's conversations with their messages\n\
    personal-contacts.json  the private address book\n\
    sessions.json           sign-ins\n\
    keys.json               API keys, without their secrets\n\
    avatar.jpg              the uploaded picture, if there is one\n\
    files                   the files of the messages\n\n\
    Times are in UTC. Every other file is JSON in UTF-8.\n";

/// The buffer that receives the archive before it is sent.
#[derive(Clone, Default)]
struct ZipBuffer(Arc<Mutex<Vec<u8>>>);

impl ZipBuffer {
    fn take(&self) -> Bytes {
        std::mem::take(&mut *self.0.lock()).into()
    }
}

impl Write for ZipBuffer {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Streams the archive of a user in parts.
pub fn write(app: App, person: user::Model) -> impl FuturesStream<Item = Result<Bytes>> {
    try_stream! {
        let outbox = ZipBuffer::default();
        let mut zip = ZipWriter::new_stream(outbox.clone());
        let options = SimpleFileOptions::default();
        zip.start_file("README.txt", options).map_err(Error::internal)?;
        zip.write_all(README.as_bytes()).map_err(Error::internal)?;
        for portion in EXPORT_SECTIONS {
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
        if let Some(picture) = avatars::largest_of(app.db.read(), person.id).await? {
            zip.start_file("avatar.jpg", options).map_err(Error::internal)?;
            zip.write_all(&picture).map_err(Error::internal)?;
        }
        let mut after = None;
        while let Some((file, name)) = export_conversations::next_file(&app, person.id, after).await? {
            after = Some(file.id);
            let length = u64::try_from(file.byte_size).unwrap_or_default();
            let stored = app.files.read(&attachment_rows::key(file.id), 0..length).await.map_err(Error::internal)?;
            let Some(mut parts) = stored else { continue };
            zip.start_file(name, options).map_err(Error::internal)?;
            while let Some(part) = parts.next().await {
                zip.write_all(&part.map_err(Error::internal)?).map_err(Error::internal)?;
                yield outbox.take();
            }
        }
        zip.finish().map_err(Error::internal)?;
        yield outbox.take();
    }
}
