//! Time limits of idle connections. The wait between two requests may be long. The first request and a head that has
//! begun must arrive soon.

use std::{
    future::Future as _,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

/// The phase of a connection: waiting for a request, reading the head of one, or serving it.
#[derive(Clone, Debug, Default)]
pub struct ConnectionPhase(Arc<AtomicU8>);

const FRESH: u8 = 0;
const HEAD: u8 = 1;
const BUSY: u8 = 2;
const ANSWERED: u8 = 3;

impl ConnectionPhase {
    /// Notes that the head of a request has been read.
    pub fn begin(&self) {
        self.0.store(BUSY, Ordering::Relaxed);
    }

    /// Notes that the request was answered. Data read from now on belongs to the next request.
    pub fn end(&self) {
        self.0.store(ANSWERED, Ordering::Relaxed);
    }

    /// Returns true when no data has arrived yet.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.0.load(Ordering::Relaxed) == FRESH
    }

    fn is_busy(&self) -> bool {
        self.0.load(Ordering::Relaxed) == BUSY
    }

    fn head(&self) {
        self.0.store(HEAD, Ordering::Relaxed);
    }
}

/// A connection whose reads fail when a head has begun and is not complete in time.
pub struct HeadTimeoutStream<S> {
    stream: S,
    serving: ConnectionPhase,
    within: Duration,
    /// The deadline of the head that has begun.
    head_by: Option<Instant>,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl<S> HeadTimeoutStream<S> {
    /// Wraps a new connection. The deadline of its first head begins at once.
    pub fn new(stream: S, serving: ConnectionPhase, within: Duration) -> Self {
        Self { stream, serving, within, head_by: Some(Instant::now() + within), alarm: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for HeadTimeoutStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.serving.is_busy() {
            (this.head_by, this.alarm) = (None, None);
            return Pin::new(&mut this.stream).poll_read(cx, buffer);
        }
        let before = buffer.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut this.stream).poll_read(cx, buffer) {
            if buffer.filled().len() > before {
                this.head_by.get_or_insert_with(|| Instant::now() + this.within);
                this.serving.head();
            }
            return Poll::Ready(read);
        }
        let Some(by) = this.head_by else { return Poll::Pending };
        let alarm = this.alarm.get_or_insert_with(|| Box::pin(sleep_until(by)));
        ready!(alarm.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HeadTimeoutStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::{io, time::Duration};

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _, duplex},
        time::timeout,
    };

    use super::{ConnectionPhase, HeadTimeoutStream};

    const WITHIN: Duration = Duration::from_millis(100);
    const LONGER: Duration = Duration::from_millis(300);

    #[tokio::test]
    async fn only_a_head_that_has_begun_is_hurried() -> io::Result<()> {
        let (mut client, server) = duplex(1_024);
        let serving = ConnectionPhase::default();
        let mut server = HeadTimeoutStream::new(server, serving.clone(), WITHIN);
        let mut buffer = [0; 16];
        let (_silent, fresh) = duplex(16);
        let mut fresh = HeadTimeoutStream::new(fresh, ConnectionPhase::default(), WITHIN);
        let failed = timeout(LONGER * 10, fresh.read(&mut buffer)).await;
        assert!(matches!(failed, Ok(Err(_))), "one that says nothing at all");
        client.write_all(b"GET / HT").await?;
        assert_eq!(server.read(&mut buffer).await?, 8);
        client.write_all(b"TP/1.1\r\n\r\n").await?;
        assert_eq!(server.read(&mut buffer).await?, 10);
        serving.begin();
        assert!(timeout(LONGER, server.read(&mut buffer)).await.is_err(), "it is being served");
        serving.end();
        assert!(timeout(LONGER, server.read(&mut buffer)).await.is_err(), "idle again");
        // A head that arrives byte by byte has no more time than one that stops.
        let failed = async {
            loop {
                client.write_all(b"G").await?;
                if let Ok(Err(error)) = timeout(WITHIN / 4, async {
                    while server.read(&mut buffer).await? > 0 {}
                    Ok::<_, io::Error>(())
                })
                .await
                {
                    return Ok::<_, io::Error>(error.kind());
                }
            }
        };
        let failed = timeout(LONGER * 10, failed).await;
        assert!(matches!(failed, Ok(Ok(io::ErrorKind::TimedOut))), "{failed:?}");
        Ok(())
    }
}
