//! A mail server that stores received e-mails.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

use super::Expected as _;

/// A received e-mail.
#[derive(Clone, Debug, Default)]
pub struct Mail {
    pub to: Vec<String>,
    pub text: String,
}

#[derive(Clone, Default)]
pub struct MailServer {
    mails: Arc<Mutex<Vec<Mail>>>,
    /// The number of e-mails to refuse before accepting.
    refusing: Arc<AtomicUsize>,
    /// The number of e-mails to reject for good before accepting.
    rejecting: Arc<AtomicUsize>,
}

impl MailServer {
    /// Starts a server. Returns it with its address for `RAPPORT_SMTP_URL`.
    pub async fn start() -> (Self, String) {
        let server = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expected("a port");
        let url = format!("smtp://{}", listener.local_addr().expected("an address"));
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = serving.clone();
                tokio::spawn(async move { server.answer_commands(stream).await });
            }
        });
        (server, url)
    }

    pub fn refuse(&self, mails: usize) {
        self.refusing.store(mails, Ordering::SeqCst);
    }

    pub fn reject(&self, mails: usize) {
        self.rejecting.store(mails, Ordering::SeqCst);
    }

    /// Returns the e-mails since the last call.
    pub fn take(&self) -> Vec<Mail> {
        std::mem::take(&mut *self.mails.lock())
    }

    /// Serves one session of RFC 5321, with the commands that the client needs.
    async fn answer_commands(&self, stream: TcpStream) -> Option<()> {
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        write.write_all(b"220 here\r\n").await.ok()?;
        let mut mail = Mail::default();
        while let Some(line) = lines.next_line().await.ok()? {
            let answer: &[u8] = match line.get(..4).unwrap_or_default().to_uppercase().as_str() {
                "EHLO" => b"250-here\r\n250 8BITMIME\r\n",
                "RCPT" => {
                    mail.to.push(line[8..].trim_matches(['<', '>', ':', ' ']).to_owned());
                    b"250 ok\r\n"
                }
                "DATA" => {
                    write.write_all(b"354 go on\r\n").await.ok()?;
                    while let Some(line) = lines.next_line().await.ok()?.filter(|line| line != ".") {
                        mail.text.push_str(&line);
                        mail.text.push('\n');
                    }
                    let mail = std::mem::take(&mut mail);
                    let refused = |left: usize| left.checked_sub(1);
                    if self.refusing.fetch_update(Ordering::SeqCst, Ordering::SeqCst, refused).is_ok() {
                        b"451 later\r\n"
                    } else if self.rejecting.fetch_update(Ordering::SeqCst, Ordering::SeqCst, refused).is_ok() {
                        b"554 never\r\n"
                    } else {
                        self.mails.lock().push(mail);
                        b"250 kept\r\n"
                    }
                }
                "QUIT" => {
                    write.write_all(b"221 bye\r\n").await.ok()?;
                    return None;
                }
                _ => b"250 ok\r\n",
            };
            write.write_all(answer).await.ok()?;
        }
        None
    }
}
