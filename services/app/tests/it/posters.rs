//! Posters and chapters: what is played and when, as the media plane tells it.

use sigma_app::{AppError, Chapter, CutError, Run};

use crate::assets::{a_minute, cut, ended};
use crate::world::{World, caller};

const SECOND: u64 = 1_000_000;

/// Ten seconds from the second on, and after an absence of half a minute ten more.
fn with_an_absence() -> Vec<Run> {
    let run = |at: u64, from: u64, title: &str| Run {
        at_us: at * SECOND,
        from_us: from * SECOND,
        length_us: 10 * SECOND,
        chapter: Some(title.to_owned()),
    };
    vec![run(0, 2, "First"), run(10, 42, "Second")]
}

#[tokio::test]
async fn a_poster_lies_where_the_media_says_and_a_trim_may_leave_it_out() {
    let world = World::new().await;
    let made = world.channel().await;
    let session = ended(&world, &made).await;
    let id = world.assets(&session).await.pop().unwrap().id;
    let early = world.app.set_poster(&caller(), &id, 0).await;
    assert!(matches!(&early, Err(AppError::Refused { code, .. }) if code == "NOT_READY"), "{early:?}");
    world.app.recorded(&session, a_minute()).await.unwrap();
    world.recordings.plays(Ok(with_an_absence()));
    let poster = async || world.app.asset_playback(&id).await.unwrap().unwrap().poster_us;
    assert_eq!((poster().await, world.app.poster_at(&id).await), (None, Ok(None)));

    let row = world.app.set_poster(&caller(), &id, 12_500_000).await.unwrap().value;
    assert_eq!(row.poster_us, Some(44_500_000), "the absence counts in the session's media time");
    assert_eq!((poster().await, world.app.poster_at(&id).await), (Some(44_500_000), Ok(Some(12_500_000))));

    world.recordings.answer(Ok(cut(&[(2, 30)])));
    world.app.trim_asset(&caller(), &id, 0, 5_000_000, false).await.unwrap();
    assert_eq!((poster().await, world.app.poster_at(&id).await), (None, Ok(None)));
    world.app.untrim_asset(&caller(), &id).await.unwrap();
    assert_eq!(poster().await, Some(44_500_000), "nothing was cut away");
}

#[tokio::test]
async fn a_moment_that_the_media_has_not_is_named_with_the_mend() {
    let world = World::new().await;
    let made = world.channel().await;
    let session = ended(&world, &made).await;
    world.app.recorded(&session, a_minute()).await.unwrap();
    let id = world.assets(&session).await.pop().unwrap().id;
    world.recordings.plays(Ok(with_an_absence()));
    for at_us in [-1, 20_020_001, i64::MAX] {
        let refused = world.app.set_poster(&caller(), &id, at_us).await;
        let Err(AppError::BadInput { fields }) = refused else { panic!("{at_us}: {refused:?}") };
        assert_eq!(fields[0].path, "at", "{at_us}: {fields:?}");
    }
    world.recordings.plays(Err(CutError::Unknown));
    let gone = world.app.set_poster(&caller(), &id, 0).await;
    assert!(matches!(&gone, Err(AppError::BadInput { fields }) if fields[0].path == "id"), "{gone:?}");
    world.recordings.plays(Err(CutError::Unavailable("the bucket is away".into())));
    let away = world.app.set_poster(&caller(), &id, 0).await;
    assert!(matches!(&away, Err(AppError::Unavailable { .. })), "{away:?}");
}

#[tokio::test]
async fn chapters_begin_where_the_feed_came_back() {
    let world = World::new().await;
    let made = world.channel().await;
    let session = ended(&world, &made).await;
    let id = world.assets(&session).await.pop().unwrap().id;
    assert_eq!(world.app.chapters(&id).await, Ok(vec![]), "it is not READY");
    world.app.recorded(&session, a_minute()).await.unwrap();
    world.recordings.plays(Ok(with_an_absence()));
    let chapter = |at_us, title: &str| Chapter { at_us, title: title.to_owned() };
    let wanted = vec![chapter(0, "First"), chapter(10 * SECOND, "Second")];
    assert_eq!(world.app.chapters(&id).await, Ok(wanted));
    world.recordings.plays(Err(CutError::Unknown));
    assert_eq!(world.app.chapters(&id).await, Ok(vec![]), "its media is gone");
    world.recordings.plays(Err(CutError::Unavailable("the bucket is away".into())));
    assert!(world.app.chapters(&id).await.is_err());
}
