//! Scopes, projects and channels: who may do what, and what he does not see.

use std::collections::BTreeSet;

use sigma_app::{
    Access, AppError, Caller, ChannelState, ChannelUpdate, ClipOf, ClipRange, EventFilter, EventRange,
    NewApiToken, NewClip, ProjectId, Report, Scope, SessionState,
};

use crate::world::{Made, World, caller, input, named, with_key};

/// What a clip is cut of that is refused before anything is cut.
const MOMENT: ClipOf = ClipOf::One(ClipRange { from_us: 0, to_us: 1 });

/// Who has just these scopes, in these channels or in all.
fn with(scopes: &[Scope], channels: Option<&[&str]>) -> Caller {
    let channels = channels.map(|ids| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>());
    Caller { access: Access::new(scopes.iter().copied(), channels), ..caller() }
}

fn token(scopes: &[&str]) -> NewApiToken {
    let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    NewApiToken { name: "x".into(), scopes, ..NewApiToken::default() }
}

/// Every use case that a caller has, each with the scope that it wants, and what it came to for this caller.
async fn each_use_case(world: &World, by: &Caller) -> Vec<(&'static str, Scope, Result<(), AppError>)> {
    let app = &world.app;
    let made = world.channel().await;
    let (id, grant) = (made.channel.id.as_str(), world.live(&made.stream_key).await);
    let session = grant.session.session.as_str();
    let token = app.create_api_token(&caller(), token(&["channels:read"])).await.unwrap().value.token.id;
    world.settle().await;
    let asset = world.assets(session).await.remove(0).id;
    let clip = || NewClip { session_id: Some(session.to_owned()), of: MOMENT, ..NewClip::default() };
    world.recordings.answer(Ok(crate::assets::cut(&[(0, 5)])));
    let clipped = app.create_clip(&caller(), clip()).await.unwrap().value.id;
    let update = ChannelUpdate::default();
    let (newest, all) = (EventRange::Before(None), EventFilter::default());
    vec![
        ("update", Scope::ChannelsWrite, app.update_channel(by, id, update).await.map(drop)),
        ("rotate", Scope::ChannelsWrite, app.rotate_stream_key(by, id, None).await.map(drop)),
        ("show", Scope::ChannelsSecrets, app.show_stream_key(by, id).await.map(drop)),
        ("as of", Scope::ChannelsRead, app.channel_as_of(by, id, i64::MAX).await.map(drop)),
        ("encoder", Scope::SessionsRead, app.session_encoder(by, session).await.map(drop)),
        ("timeline", Scope::SessionsRead, app.timeline(by, session).await.map(drop)),
        ("events", Scope::EventsRead, app.events_page(by, all, newest, 1).await.map(drop)),
        ("feed", Scope::EventsRead, app.event_feed(by, None).await.map(drop)),
        ("clip", Scope::AssetsWrite, app.create_clip(by, clip()).await.map(drop)),
        ("trim", Scope::AssetsWrite, trim_and_back(world, by, &clipped).await),
        ("poster", Scope::AssetsWrite, app.set_poster(by, &clipped, 1).await.map(drop)),
        ("delete asset", Scope::AssetsWrite, app.delete_asset(by, &asset).await.map(drop)),
        ("end", Scope::SessionsWrite, app.end_session(by, session).await.map(drop)),
        ("stop", Scope::ChannelsWrite, app.stop_channel(by, id).await.map(drop)),
        ("start", Scope::ChannelsWrite, app.start_channel(by, id).await.map(drop)),
        ("delete", Scope::ChannelsWrite, app.delete_channel(by, id).await.map(drop)),
        ("create", Scope::ChannelsWrite, app.create_channel(by, named("x")).await.map(drop)),
        (
            "token",
            Scope::TokensAdmin,
            app.create_api_token(by, self::token(&["events:read"])).await.map(drop),
        ),
        ("revoke", Scope::TokensAdmin, app.revoke_api_token(by, &token).await.map(drop)),
        ("project", Scope::TokensAdmin, app.create_project(by, "x").await.map(drop)),
    ]
}

async fn trim_and_back(world: &World, by: &Caller, asset: &str) -> Result<(), AppError> {
    world.recordings.answer(Ok(crate::assets::cut(&[(1, 3)])));
    world.app.trim_asset(by, asset, 1, 2, false).await?;
    world.recordings.answer(Ok(crate::assets::cut(&[(0, 5)])));
    world.app.untrim_asset(by, asset).await.map(drop)
}

#[tokio::test]
async fn each_use_case_wants_its_own_scope_and_no_other() {
    let world = World::new().await;
    for scope in Scope::ALL {
        for (name, needs, answer) in each_use_case(&world, &with(&[*scope], None)).await {
            let forbidden = answer == Err(AppError::Forbidden { needs });
            assert_eq!(forbidden, needs != *scope, "{name} with {scope}: {answer:?}");
        }
    }
    for (name, needs, answer) in each_use_case(&world, &with(&[], None)).await {
        assert_eq!(answer, Err(AppError::Forbidden { needs }), "{name} with nothing");
    }
    let everything = each_use_case(&world, &with(Scope::ALL, None)).await;
    let refused: Vec<_> = everything.iter().filter(|(.., answer)| answer.is_err()).collect();
    // The session had ended with its end, so it is stopped, started and deleted after: nothing is refused.
    assert!(refused.is_empty(), "{refused:?}");
}

#[tokio::test]
async fn go_live_wants_to_write_sessions() {
    let world = World::new().await;
    let made = world.channel_with(sigma_app::NewChannel { auto_go_live: Some(false), ..named("x") }).await;
    let grant = world.feed(&made.stream_key, false).await.unwrap();
    world.report(&grant, Report::Processing(input())).await;
    let session = &grant.session.session;
    let needs = Scope::SessionsWrite;
    let reader = with(&[Scope::SessionsRead, Scope::ChannelsWrite], None);
    assert_eq!(world.app.go_live(&reader, session).await.map(drop), Err(AppError::Forbidden { needs }));
    let live = world.app.go_live(&with(&[needs], None), session).await.unwrap().value;
    assert_eq!(live.state, SessionState::Live);
}

#[tokio::test]
async fn who_is_bound_to_a_channel_does_not_see_the_others() {
    let world = World::new().await;
    let (mine, other) = (world.channel().await, world.channel().await);
    let session = |made: Made| {
        let world = &world;
        async move { world.live(&made.stream_key).await.session.session }
    };
    let (my_session, other_session) = (session(mine.clone()).await, session(other.clone()).await);
    let bound = with(Scope::ALL, Some(&[&mine.channel.id]));
    let (app, id) = (&world.app, other.channel.id.as_str());
    world.settle().await;
    let asset = world.assets(&other_session).await.remove(0).id;
    let of_session = NewClip { session_id: Some(other_session.clone()), of: MOMENT, ..NewClip::default() };
    let of_asset = NewClip { asset_id: Some(asset.clone()), of: MOMENT, ..NewClip::default() };
    let answers = [
        app.update_channel(&bound, id, ChannelUpdate::default()).await.map(drop),
        app.stop_channel(&bound, id).await.map(drop),
        app.start_channel(&bound, id).await.map(drop),
        app.delete_channel(&bound, id).await.map(drop),
        app.rotate_stream_key(&bound, id, None).await.map(drop),
        app.show_stream_key(&bound, id).await.map(drop),
        app.go_live(&bound, &other_session).await.map(drop),
        app.end_session(&bound, &other_session).await.map(drop),
        app.session_encoder(&bound, &other_session).await.map(drop),
        app.timeline(&bound, &other_session).await.map(drop),
        app.create_clip(&bound, of_session).await.map(drop),
        app.create_clip(&bound, of_asset).await.map(drop),
        app.trim_asset(&bound, &asset, 0, 1, false).await.map(drop),
        app.untrim_asset(&bound, &asset).await.map(drop),
        app.set_poster(&bound, &asset, 0).await.map(drop),
        app.delete_asset(&bound, &asset).await.map(drop),
    ];
    for (number, answer) in answers.into_iter().enumerate() {
        assert!(matches!(answer, Err(AppError::NotFound { .. })), "{number}: {answer:?}");
    }
    assert_eq!(app.channel_as_of(&bound, id, i64::MAX).await, Ok(None));
    // What would reach beyond his channels is not his either.
    assert_eq!(app.create_channel(&bound, named("x")).await.map(drop), Err(AppError::BoundToChannels));
    let needs = Scope::TokensAdmin;
    let more = app.create_api_token(&bound, token(&["channels:read"])).await.map(drop);
    assert_eq!(more, Err(AppError::Forbidden { needs }));
    assert_eq!(app.create_project(&bound, "x").await.map(drop), Err(AppError::Forbidden { needs }));
    // His own is his.
    assert!(app.show_stream_key(&bound, &mine.channel.id).await.is_ok());
    assert!(app.channel_as_of(&bound, &mine.channel.id, i64::MAX).await.unwrap().is_some());
    assert!(!app.timeline(&bound, &my_session).await.unwrap().is_empty());
    assert!(app.end_session(&bound, &my_session).await.is_ok());
    assert_eq!(world.session_row(&other_session).await.state, SessionState::Live);
    assert_eq!(world.channel_row(id).await.unwrap().state, ChannelState::Active);
}

#[tokio::test]
async fn another_projects_things_are_to_a_stranger_as_if_they_were_not_there() {
    let world = World::new().await;
    let made = world.channel().await;
    let session = world.live(&made.stream_key).await.session.session;
    let app = &world.app;
    let token = app.create_api_token(&caller(), token(&["channels:read"])).await.unwrap().value.token;
    let stranger = Caller { project: ProjectId::from_uuid(uuid::Uuid::from_u128(5)), ..caller() };
    let answers = [
        app.show_stream_key(&stranger, &made.channel.id).await.map(drop),
        app.timeline(&stranger, &session).await.map(drop),
        app.revoke_api_token(&stranger, &token.id).await.map(drop),
    ];
    for (number, answer) in answers.into_iter().enumerate() {
        assert!(matches!(answer, Err(AppError::NotFound { .. })), "{number}: {answer:?}");
    }
    assert_eq!(app.channel_as_of(&stranger, &made.channel.id, i64::MAX).await, Ok(None));
    let page = app.events_page(&stranger, EventFilter::default(), EventRange::After(None), 100).await;
    assert_eq!(page.unwrap().events, []);
    assert_eq!(app.create_project(&stranger, "x").await.map(drop), Err(AppError::DefaultProjectOnly));
}

#[tokio::test]
async fn a_new_key_is_told_only_to_who_may_see_secrets() {
    let world = World::new().await;
    let (writer, may_see) =
        (with(&[Scope::ChannelsWrite], None), with(&[Scope::ChannelsWrite, Scope::ChannelsSecrets], None));
    let made = world.app.create_channel(&writer, named("x")).await.unwrap().value;
    assert_eq!(made.stream_key, None);
    let id = &made.channel.id;
    let before = world.app.show_stream_key(&caller(), id).await.unwrap();
    assert_eq!(world.app.rotate_stream_key(&writer, id, None).await.unwrap().value.stream_key, None);
    // It was rotated all the same.
    let after = world.app.show_stream_key(&caller(), id).await.unwrap();
    assert_ne!(before, after);
    let rotated = world.app.rotate_stream_key(&may_see, id, None).await.unwrap().value.stream_key;
    assert_eq!(rotated, Some(world.app.show_stream_key(&caller(), id).await.unwrap()));
    // The answer that is kept for an idempotency key is told no further than the first time.
    let once = Caller { access: writer.access.clone(), ..with_key("k", "") };
    assert_eq!(world.app.create_channel(&once, named("y")).await.unwrap().value.stream_key, None);
    let again = world.app.create_channel(&once, named("y")).await.unwrap();
    assert!(again.repeated && again.value.stream_key.is_none());
}

#[tokio::test]
async fn who_was_shown_a_stream_key_stands_in_the_log_once_an_hour() {
    let world = World::new().await;
    let made = world.channel().await;
    let id = &made.channel.id;
    let shown = || world.events("channel", id);
    for _ in 0..3 {
        assert_eq!(world.app.show_stream_key(&caller(), id).await.unwrap(), made.stream_key);
    }
    assert_eq!(shown().await, ["channel.created", "channel.key_shown"]);
    let other = sigma_app::Actor::new(sigma_app::ActorKind::Token, "tk_1").unwrap();
    let other = Caller { actor: other, correlation: Some("req-1".into()), ..caller() };
    world.app.show_stream_key(&other, id).await.unwrap();
    let event = world.store.load("channel", id).await.unwrap().pop().unwrap();
    assert_eq!((event.sequence, event.metadata.actor.as_str()), (3, r#"{"kind":"TOKEN","id":"tk_1"}"#));
    assert_eq!(event.metadata.correlation_id, "req-1");
    // A program that asks each minute does not make the channel's stream long.
    for _ in 0..59 {
        world.later(60);
        world.app.show_stream_key(&caller(), id).await.unwrap();
    }
    assert_eq!(shown().await.len(), 3);
    world.later(60);
    world.app.show_stream_key(&caller(), id).await.unwrap();
    assert_eq!(shown().await.len(), 4);
    // No event, no key.
    world.later(60);
    world.switch.off();
    assert!(matches!(world.app.show_stream_key(&caller(), id).await, Err(AppError::Unavailable { .. })));
}
