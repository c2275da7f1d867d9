//! One operation whose answers go out one by one, whatever carries them.

use std::future::Future;
use std::pin::pin;

use async_graphql::{Response as GraphQlResponse, Value};
use futures_util::stream::{self, BoxStream, StreamExt};
use sigma_clock::Instant;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::figures::{Cut, Opened, outcome};
use super::graphql::too_slow;
use crate::graphql::{Ask, Code, Fault, Kind, Operation, Subscribed};

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

/// A request that was looked at: what it may run, or the answer that refuses it. Nothing of it has run yet.
pub(crate) struct Admitted {
    operation: Option<Operation>,
    placed: CancellationToken,
    answers: BoxStream<'static, GraphQlResponse>,
    began: Instant,
}

impl Admitted {
    /// Looks at a request: parses it, and counts what it would cost.
    pub(crate) fn new(inner: &Shared, ask: Ask) -> Self {
        let began = sigma_clock::monotonic();
        let Subscribed { operation, placed, answers } = inner.api.subscribe(ask);
        Self { operation, placed, answers, began }
    }

    /// Cancelled once a subscription that runs has its place: what happens from then on is told.
    pub(crate) fn placed(&self) -> CancellationToken {
        self.placed.clone()
    }

    /// The answer to who asks too often, so that it can have the status that says so.
    pub(crate) async fn asked_too_often(&mut self, inner: &Shared) -> Option<GraphQlResponse> {
        if self.operation.is_some() {
            return None;
        }
        let refused = self.answers.next().await?;
        if outcome(&refused) == Code::RateLimited.as_str() {
            inner.figures.graphql_answered(None, outcome(&refused), self.began.elapsed());
            return Some(refused);
        }
        self.answers = stream::once(std::future::ready(refused)).boxed();
        None
    }
}

/// Runs an operation to its end. Its answers go to `outlet` in the form that `next` gives them; while that is full the
/// resolvers wait, and who takes nothing for too long is cut. `over` is ready once the token no longer lets anybody in.
pub(crate) async fn run<T>(
    inner: &Shared,
    admitted: Admitted,
    over: impl Future<Output = ()>,
    outlet: &mpsc::Sender<T>,
    next: impl Fn(&GraphQlResponse) -> T,
) -> Ended {
    let mut over = pin!(over);
    let Admitted { operation, placed: _, mut answers, began } = admitted;
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
