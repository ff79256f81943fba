//! The body of an answer: whole, or one that goes on for as long as something happens.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body_util::Full;
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use tokio::sync::mpsc;

use super::crowd::Turn;

/// The body of an answer.
pub(super) enum Body {
    Whole(Full<Bytes>),
    /// What is sent here, until its sender is gone; its request is being served all the while.
    Flowing {
        parts: mpsc::Receiver<Bytes>,
        _turn: Option<Turn>,
    },
}

impl Body {
    /// The answer to the request whose turn it is. The turn is over now, unless the body goes on.
    pub(super) fn of(self, turn: Turn) -> Self {
        match self {
            Self::Whole(whole) => Self::Whole(whole),
            Self::Flowing { parts, .. } => Self::Flowing { parts, _turn: Some(turn) },
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::Whole(Full::default())
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(Full::new(bytes))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(whole) => Pin::new(whole).poll_frame(cx),
            Self::Flowing { parts, .. } => {
                parts.poll_recv(cx).map(|part| part.map(Frame::data).map(Ok))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(whole) => whole.is_end_stream(),
            Self::Flowing { .. } => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => whole.size_hint(),
            Self::Flowing { .. } => SizeHint::default(),
        }
    }
}
