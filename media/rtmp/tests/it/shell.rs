//! The least shell that real publishers can talk to.

use std::{net::SocketAddr, time::Duration};

use sigma_clock::monotonic;
use sigma_elementary::Media;
use sigma_rtmp::{Action, CloseReason, Input, Limits, PublishRefusal, Session};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// The one key that is let in.
pub(crate) const KEY: &str = "k7m2p9q4r8s3t6v5w2x9y4z7a3b6";

/// All that happened on one connection.
#[derive(Debug, Default)]
pub(crate) struct Story {
    /// Every action but `Send`.
    pub(crate) actions: Vec<Action>,
    /// Bytes that the client sent.
    pub(crate) received: Vec<u8>,
}

impl Story {
    pub(crate) fn media(&self) -> Vec<&Media> {
        self.actions
            .iter()
            .filter_map(|action| if let Action::Media(media) = action { Some(media) } else { None })
            .collect()
    }

    /// Pictures and key frames among them.
    pub(crate) fn pictures(&self) -> (usize, usize) {
        let keys = self.media().into_iter().filter_map(|media| match media {
            Media::Video(unit) => Some(unit.key),
            _ => None,
        });
        let keys: Vec<_> = keys.collect();
        (keys.len(), keys.iter().filter(|key| **key).count())
    }

    pub(crate) fn audio_frames(&self) -> usize {
        self.media().iter().filter(|media| matches!(media, Media::Audio(_))).count()
    }

    pub(crate) fn close_reason(&self) -> Option<&CloseReason> {
        self.actions.iter().find_map(|action| match action {
            Action::Close { reason } => Some(reason),
            _ => None,
        })
    }

    pub(crate) fn published_as(&self) -> Option<(&str, &str)> {
        self.actions.iter().find_map(|action| match action {
            Action::Publish { app, key, .. } => Some((app.as_str(), key.expose())),
            _ => None,
        })
    }

    pub(crate) fn left_in_order(&self) -> bool {
        self.actions.contains(&Action::Unpublish)
    }
}

/// A listener on a free port.
pub(crate) async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Serves the next connection to its end.
pub(crate) async fn serve_one(listener: &TcpListener) -> Story {
    let (socket, _) =
        sigma_clock::timeout(Duration::from_secs(30), listener.accept()).await.unwrap().unwrap();
    sigma_clock::timeout(Duration::from_secs(60), serve(socket)).await.unwrap()
}

async fn serve(mut socket: TcpStream) -> Story {
    let mut story = Story::default();
    let mut session = Session::new(Limits::default());
    let began = monotonic();
    let mut ticks = sigma_clock::interval(Duration::from_millis(500));
    let mut buffer = vec![0; 64 << 10];
    loop {
        let mut actions = tokio::select! {
            read = socket.read(&mut buffer) => match read {
                Ok(0) | Err(_) => return story,
                Ok(count) => {
                    story.received.extend_from_slice(&buffer[..count]);
                    session.handle(began.elapsed(), Input::Bytes(&buffer[..count]))
                }
            },
            _ = ticks.tick() => session.handle(began.elapsed(), Input::Tick),
        };
        while !actions.is_empty() {
            let mut further = Vec::new();
            for action in actions {
                match &action {
                    Action::Send(bytes) => {
                        // A client that is gone shows in the next read.
                        let _ = socket.write_all(bytes).await;
                        continue;
                    }
                    Action::Publish { key, .. } if key.expose() == KEY => {
                        further.extend(session.handle(began.elapsed(), Input::Accept));
                    }
                    Action::Publish { .. } => {
                        let description = "no channel has this stream key".to_owned();
                        let code = PublishRefusal::BadName;
                        further.extend(session.handle(began.elapsed(), Input::Refuse { code, description }));
                    }
                    _ => {}
                }
                let over = matches!(action, Action::Close { .. });
                story.actions.push(action);
                if over {
                    linger(&mut socket).await;
                    return story;
                }
            }
            actions = further;
        }
    }
}

/// A socket closed with bytes unread is reset, and the client never reads why it was refused.
async fn linger(socket: &mut TcpStream) {
    let _ = socket.shutdown().await;
    let drained = async { while socket.read(&mut [0; 4096]).await.is_ok_and(|count| count > 0) {} };
    let _ = sigma_clock::timeout(Duration::from_secs(2), drained).await;
}
