//! What is asked while the same is under way is asked together: one statement for many askers.
//!
//! A statement costs the server and us more than what it does: a way there and back, and being begun and ended. Nobody waits for
//! others to come; who comes while so many statements are under way as may be goes with the next one. So each answer is of a
//! moment after its question.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc, oneshot};

/// So many wait at the door; whoever comes then waits before it.
const WAITING: usize = 1_024;

type Asked<Q, A> = (Q, oneshot::Sender<A>);

/// Where questions of one kind are asked.
pub(crate) struct Group<Q, A>(mpsc::Sender<Asked<Q, A>>);

impl<Q, A> fmt::Debug for Group<Q, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").finish_non_exhaustive()
    }
}

impl<Q: Send + 'static, A: Send + 'static> Group<Q, A> {
    /// With so many statements under way at most, each of so many questions at most. `answer` gives an answer to each question, in
    /// their order. It ends when nobody is left to ask.
    pub(crate) fn start<F>(
        statements: usize,
        questions: usize,
        answer: impl Fn(Vec<Q>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Vec<A>> + Send,
    {
        let (ask, mut asked) = mpsc::channel::<Asked<Q, A>>(WAITING);
        let (turns, answer) = (Arc::new(Semaphore::new(statements)), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok(turn) = Arc::clone(&turns).acquire_owned().await {
                let mut together = Vec::new();
                if asked.recv_many(&mut together, questions).await == 0 {
                    return;
                }
                let answer = Arc::clone(&answer);
                tokio::spawn(async move {
                    let (questions, replies): (Vec<Q>, Vec<_>) = together.into_iter().unzip();
                    let answers = answer(questions).await;
                    drop(turn);
                    for (reply, answer) in replies.into_iter().zip(answers) {
                        // Who asked may have gone.
                        let _ = reply.send(answer);
                    }
                });
            }
        });
        Self(ask)
    }

    /// Asks; none where nobody answers any more.
    pub(crate) async fn ask(&self, question: Q) -> Option<A> {
        let (reply, answer) = oneshot::channel();
        self.0.send((question, reply)).await.ok()?;
        answer.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn who_comes_while_one_is_under_way_goes_with_the_next_and_gets_his_own_answer() {
        let (statements, go) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let (counted, gone) = (Arc::clone(&statements), Arc::clone(&go));
        let group = Arc::new(Group::start(1, 64, move |questions: Vec<u32>| {
            let (counted, gone) = (Arc::clone(&counted), Arc::clone(&gone));
            async move {
                if counted.fetch_add(1, Ordering::SeqCst) == 0 {
                    gone.notified().await;
                }
                questions.into_iter().map(|question| question * 2).collect()
            }
        }));
        let ask = |question| {
            let group = Arc::clone(&group);
            tokio::spawn(async move { group.ask(question).await })
        };
        let first = ask(0);
        while statements.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let others: Vec<_> = (1..=50).map(ask).collect();
        tokio::task::yield_now().await;
        go.notify_one();
        assert_eq!(first.await.expect("ended"), Some(0));
        for (question, other) in (1..=50).zip(others) {
            assert_eq!(other.await.expect("ended"), Some(question * 2));
        }
        assert_eq!(statements.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn who_asks_for_more_than_one_statement_takes_gets_it_with_another() {
        let group = Arc::new(Group::start(1, 3, |questions: Vec<usize>| async move {
            let together = questions.len();
            questions.into_iter().map(|_| together).collect()
        }));
        let asked = (0..10).map(|question| group.ask(question));
        let together = futures_util::future::join_all(asked).await;
        assert!(
            together.iter().all(|together| together.is_some_and(|together| together <= 3)),
            "{together:?}"
        );
    }
}
