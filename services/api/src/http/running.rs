//! One operation whose answers go out one by one, whatever carries them.

use std::future::Future;
use std::pin::pin;

use async_graphql::{Response as GraphQlResponse, Value};
use futures_util::StreamExt;
use tokio::sync::mpsc;

use super::Shared;
use super::figures::{Cut, Opened, outcome};
use super::graphql::too_slow;
use crate::graphql::{Ask, Fault, Kind};

/// How an operation ended.
pub(crate) enum Ended {
    /// It has told everything.
    Complete,
    /// It cannot go on: an answer that holds nothing but errors.
    Failed(GraphQlResponse),
    /// We ended it, and say why.
    Cut(Fault),
    /// Nobody listens any more, or the server stops: there is nobody to tell, or nothing that is the operation's end.
    Silent,
}

/// Runs an operation to its end. Its answers go to `outlet` in the form that `next` gives them; while that is full the
/// resolvers wait, and who takes nothing for too long is cut. `over` is ready once the token no longer lets anybody in.
pub(crate) async fn run<T>(
    inner: &Shared,
    ask: Ask,
    over: impl Future<Output = ()>,
    outlet: &mpsc::Sender<T>,
    next: impl Fn(&GraphQlResponse) -> T,
) -> Ended {
    let mut over = pin!(over);
    let began = sigma_clock::monotonic();
    let (operation, mut answers) = inner.api.subscribe(ask);
    let follows = operation.as_ref().is_some_and(|operation| operation.kind == Some(Kind::Subscription));
    let _open = follows.then(|| inner.figures.opened(Opened::Subscription));
    let deadline = began + inner.limits.request_timeout;
    // What has one answer takes its turn as it does over POST.
    let _room = if follows {
        None
    } else {
        let room = tokio::select! {
            biased;
            () = inner.stop.cancelled() => return Ended::Silent,
            () = over.as_mut() => return let_in_no_longer(inner),
            room = sigma_clock::timeout(inner.limits.request_timeout, inner.workshop.room()) => room,
        };
        match room {
            Ok(room) => Some(room),
            Err(_) => return Ended::Cut(too_slow(inner)),
        }
    };
    let mut first = true;
    loop {
        let answer = tokio::select! {
            biased;
            () = inner.stop.cancelled() => return Ended::Silent,
            () = over.as_mut() => return let_in_no_longer(inner),
            () = sigma_clock::sleep_until(deadline), if !follows => return Ended::Cut(too_slow(inner)),
            answer = answers.next() => answer,
        };
        let Some(answer) = answer else { return Ended::Complete };
        if std::mem::take(&mut first) {
            inner.figures.graphql_answered(operation.as_ref(), outcome(&answer), began.elapsed());
        }
        if answer.data == Value::Null && !answer.errors.is_empty() {
            if follows && outcome(&answer) == "RATE_LIMITED" {
                inner.figures.subscription_cut(Cut::TooSlow);
            }
            return Ended::Failed(answer);
        }
        // Who reads slowly is held to his token as well.
        let sent = tokio::select! {
            biased;
            () = inner.stop.cancelled() => return Ended::Silent,
            () = over.as_mut() => return let_in_no_longer(inner),
            sent = sigma_clock::timeout(inner.limits.stall, outlet.send(next(&answer))) => sent,
        };
        match sent {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Ended::Silent,
            Err(_) => {
                inner.figures.subscription_cut(Cut::TooSlow);
                return Ended::Cut(Fault::too_slow());
            }
        }
    }
}

fn let_in_no_longer(inner: &Shared) -> Ended {
    inner.figures.subscription_cut(Cut::Unauthenticated);
    Ended::Cut(Fault::unauthenticated())
}
