//! Looking through a recording: its playlist twice, and its media once.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use reqwest::Url;
use tokio::task::JoinSet;

use super::Run;
use super::follow::playlist;
use super::media::Desk;
use crate::observation::{Directives, Purpose};

pub(crate) async fn look_through(run: Arc<Run>, index: usize, url: Url) {
    let looking = async {
        let desk = Arc::new(Desk::new(Arc::clone(&run), index, url.clone()));
        let none = Directives::default();
        let ask = |purpose, gzip| playlist(&run, index, &url, purpose, none, gzip, desk.target());
        let (exchange, first) = ask(Purpose::Follow(none), false).await;
        run.note(exchange);
        let Some(first) = first else { return };
        let mut tasks = JoinSet::new();
        desk.look_through(&mut tasks, &first);
        while tasks.join_next().await.is_some() {}
        for (purpose, gzip) in [(Purpose::Plain, true), (Purpose::Follow(none), false)] {
            let (exchange, _) = ask(purpose, gzip).await;
            run.note(exchange);
        }
    };
    tokio::select! {
        () = looking => {}
        () = sigma_clock::sleep_until(run.deadline) => {}
    }
    run.ended.store(true, Ordering::Relaxed);
    run.over.fetch_add(1, Ordering::Relaxed);
}
