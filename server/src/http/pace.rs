//! A connection that cuts off clients who are too slow: with a header, or in taking an answer.
//!
//! Hyper bounds the time until the next header has arrived, but counts from the end of the answer
//! before. That bound is the idle time; the header's own is here.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::crowd::Guest;

/// The end of someone's patience. The timer is made only once there is something to wait for,
/// which for nearly all requests is never.
#[derive(Default)]
struct Deadline {
    at: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    /// Sets the end, unless it is set.
    fn set(&mut self, patience: Duration) -> Instant {
        *self.at.get_or_insert_with(|| Instant::now() + patience)
    }

    fn clear(&mut self) {
        *self = Self::default();
    }

    /// The error once the end has come.
    fn poll(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<io::Error> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        timer.as_mut().poll(cx).map(|()| io::ErrorKind::TimedOut.into())
    }
}

/// A stream that loses patience.
pub(super) struct Paced<S> {
    stream: S,
    guest: Arc<Guest>,
    /// The turn in which the header's deadline was last looked at.
    seen: u64,
    header_timeout: Duration,
    header: Deadline,
    stall_timeout: Duration,
    stall: Deadline,
}

impl<S> Paced<S> {
    pub(super) fn new(
        stream: S,
        guest: Arc<Guest>,
        header_timeout: Duration,
        stall_timeout: Duration,
    ) -> Self {
        let (header, stall) = (Deadline::default(), Deadline::default());
        Self { stream, guest, seen: 0, header_timeout, header, stall_timeout, stall }
    }

    /// What a write has come to: one that cannot go on has the deadline's time to.
    fn written<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            if self.stall.at.is_some() {
                self.stall.clear();
                self.guest.progressed();
            }
            return written;
        }
        let at = self.stall.set(self.stall_timeout);
        self.stall.poll(at, cx).map(Err)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let turn = self.guest.turns();
        if self.seen != turn {
            self.seen = turn;
            self.header.clear();
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        // What is read while a request is served is its body, which has a bound of its own.
        if turn % 2 == 1 {
            return read;
        }
        match (&read, self.header.at) {
            (Poll::Ready(Ok(())), _) if before < buffer.filled().len() => {
                let patience = self.header_timeout;
                self.header.set(patience);
                read
            }
            (Poll::Pending, Some(at)) => self.header.poll(at, cx).map(Err),
            _ => read,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.written(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
