//! API tokens and projects: made, shown once, let in, kept out.

use std::time::Duration;

use sigma_app::{
    Access, ActorKind, AppError, Caller, FieldError, Identity, NewApiToken, ProjectId, Scope, Secret,
};
use sigma_store::Cursor;

use crate::world::{ADMIN, Switch, World, caller, named, with_key};

fn new(name: &str, scopes: &[&str]) -> NewApiToken {
    let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    NewApiToken { name: name.into(), scopes, ..NewApiToken::default() }
}

fn ids(ids: &[&str]) -> Option<Vec<String>> {
    Some(ids.iter().map(|id| (*id).to_owned()).collect())
}

async fn fields_of(world: &World, by: &Caller, input: NewApiToken) -> Vec<FieldError> {
    match world.app.create_api_token(by, input).await {
        Err(AppError::BadInput { fields }) => fields,
        other => panic!("{other:?}"),
    }
}

async fn let_in(world: &World, secret: &Secret) -> Option<Identity> {
    world.app.authenticate(secret.expose()).await.unwrap()
}

#[tokio::test]
async fn a_token_opens_what_it_may_and_nothing_else() {
    let world = World::new().await;
    let channel = world.channel().await.channel.id;
    let input = NewApiToken {
        channel_ids: ids(&[&channel, &channel]),
        expires_in_seconds: Some(3_600),
        ..new(" CI ", &["events:read", "channels:read", "events:read"])
    };
    let made = world.app.create_api_token(&caller(), input).await.unwrap();
    let (row, secret) = (&made.value.token, &made.value.secret);
    assert_eq!((row.name.as_str(), row.project.as_str(), made.sequence), ("CI", "pr_default", 1));
    assert_eq!(row.scopes, [Scope::ChannelsRead, Scope::EventsRead]);
    assert_eq!(row.channels.as_deref(), Some(&[channel.clone()][..]));
    assert_eq!((row.prefix.as_str(), row.prefix.len()), (secret.prefix(), 12));
    assert_eq!(row.expires_at_ms, Some(row.created_at_ms + 3_600_000));
    assert_eq!((row.created_by.kind(), row.revoked_at_ms), (ActorKind::Admin, None));
    let identity = let_in(&world, secret).await.unwrap();
    assert_eq!((identity.name.as_str(), identity.token_id.as_deref()), ("CI", Some(row.id.as_str())));
    assert_eq!((identity.actor.kind(), identity.actor.id()), (ActorKind::Token, row.id.as_str()));
    assert_eq!(
        (&identity.project, identity.expires_at_ms),
        (&ProjectId::default_project(), row.expires_at_ms)
    );
    assert_eq!(identity.access.scopes().collect::<Vec<_>>(), row.scopes);
    assert!(identity.access.sees(&channel) && !identity.access.sees("ch_other"));
    let by = identity.caller();
    assert!(world.app.channel_as_of(&by, &channel, i64::MAX).await.unwrap().is_some());
    assert!(matches!(world.app.stop_channel(&by, &channel).await, Err(AppError::Forbidden { .. })));
}

#[tokio::test]
async fn the_admin_token_may_do_everything_in_the_default_project() {
    let world = World::new().await;
    let admin = world.app.authenticate(ADMIN).await.unwrap().unwrap();
    assert_eq!((admin.access, admin.project), (Access::everything(), ProjectId::default_project()));
    assert_eq!((admin.token_id, admin.name.as_str()), (None, "admin"));
    // Also while the store is away: an operator is not locked out.
    world.switch.off();
    assert!(world.app.authenticate(ADMIN).await.unwrap().is_some());
}

#[tokio::test]
async fn what_is_no_token_is_turned_away_without_asking_the_store() {
    let world = World::new().await;
    let secret =
        world.app.create_api_token(&caller(), new("x", &["events:read"])).await.unwrap().value.secret;
    world.switch.off();
    let text = secret.expose();
    let mistyped = format!("{}{}", &text[..52], if text.ends_with('0') { '1' } else { '0' });
    for wrong in ["", "Bearer", "the-admin-toke", &text[..52], &mistyped, &"sgm_".repeat(1_000)] {
        assert_eq!(world.app.authenticate(wrong).await, Ok(None), "{wrong}");
    }
    // One that may be right is neither let in nor turned away by a guess.
    let answer = world.app.authenticate(text).await;
    assert!(matches!(answer, Err(AppError::Unavailable { .. })), "{answer:?}");
    world.switch.on();
    // Of the right form, with the right check digits, and nobody's.
    let other = World::new().await;
    let nobodys =
        other.app.create_api_token(&caller(), new("x", &["events:read"])).await.unwrap().value.secret;
    assert_eq!(let_in(&world, &nobodys).await, None);
    assert!(let_in(&world, &secret).await.is_some());
}

#[tokio::test]
async fn a_token_that_ran_out_lets_nobody_in() {
    let world = World::new().await;
    let input = NewApiToken { expires_in_seconds: Some(60), ..new("x", &["events:read"]) };
    let secret = world.app.create_api_token(&caller(), input).await.unwrap().value.secret;
    world.later(59);
    assert!(let_in(&world, &secret).await.is_some());
    // Also where it was let in a moment ago.
    world.later(1);
    assert_eq!(let_in(&world, &secret).await, None);
    assert_eq!(let_in(&world.restarted().await, &secret).await, None);
}

#[tokio::test]
async fn a_revoked_token_lets_nobody_in_at_once_here_and_soon_everywhere() {
    let world = World::new().await;
    let made = world.app.create_api_token(&caller(), new("x", &["events:read"])).await.unwrap().value;
    let elsewhere = world.restarted().await;
    tokio::time::pause();
    for platform in [&world, &elsewhere] {
        assert!(let_in(platform, &made.secret).await.is_some());
    }
    let revoked = world.app.revoke_api_token(&caller(), &made.token.id).await.unwrap().value;
    assert_eq!(revoked.revoked_at_ms, Some(1_800_000_000_000));
    assert_eq!(let_in(&world, &made.secret).await, None);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(let_in(&elsewhere, &made.secret).await, None);
    let again = world.app.revoke_api_token(&caller(), &made.token.id).await;
    assert!(matches!(again, Err(AppError::Refused { ref code, .. }) if code == "ALREADY_REVOKED"));
    // Nothing that it was found by is kept.
    assert!(world.store.secrets_of("api_token", &made.token.id).await.unwrap().is_empty());
    let nobodys = world.app.revoke_api_token(&caller(), "tk_nobody").await;
    assert!(matches!(nobodys, Err(AppError::NotFound { .. })));
}

#[tokio::test]
async fn a_token_let_in_a_moment_ago_is_let_in_without_the_store_for_a_second() {
    let world = World::new().await;
    let secret =
        world.app.create_api_token(&caller(), new("x", &["events:read"])).await.unwrap().value.secret;
    tokio::time::pause();
    assert!(let_in(&world, &secret).await.is_some());
    world.switch.off();
    tokio::time::advance(Duration::from_millis(999)).await;
    assert!(let_in(&world, &secret).await.is_some());
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(world.app.authenticate(secret.expose()).await.is_err());
}

#[tokio::test]
async fn every_wrong_field_of_a_new_token_is_named_at_once() {
    let world = World::new().await;
    let channel = world.channel().await.channel.id;
    let input = NewApiToken {
        name: " ".into(),
        scopes: vec!["channels:read".into(), "assets:delete".into(), "\u{7}webhooks:write".into()],
        expires_in_seconds: Some(59),
        channel_ids: ids(&[&channel, "ch_nobody"]),
        project_id: Some("pr_nobody".into()),
    };
    let fields = fields_of(&world, &caller(), input).await;
    let paths: Vec<&str> = fields.iter().map(|field| field.path.as_str()).collect();
    assert_eq!(paths, ["name", "scopes", "expiresInSeconds", "projectId"]);
    let scopes = &fields[1].message;
    assert!(scopes.contains("`webhooks:write`, `assets:delete`; known are channels:read, "), "{scopes}");
    assert!(fields[2].message.contains("60 to 157680000 seconds, not 59"), "{}", fields[2].message);

    let wrong = NewApiToken {
        expires_in_seconds: Some(157_680_001),
        channel_ids: ids(&["ch_nobody", &channel, "\n"]),
        ..new("x", &[])
    };
    let fields = fields_of(&world, &caller(), wrong).await;
    let paths: Vec<&str> = fields.iter().map(|field| field.path.as_str()).collect();
    assert_eq!(paths, ["scopes", "expiresInSeconds", "channelIds"]);
    assert_eq!(fields[2].message, "there is no channel ``, `ch_nobody`");
    let many: Vec<String> = (0..101).map(|n| format!("ch_{n}")).collect();
    for channel_ids in [Some(Vec::new()), Some(many)] {
        let input = NewApiToken { channel_ids, ..new("x", &["events:read"]) };
        assert_eq!(fields_of(&world, &caller(), input).await[0].path, "channelIds");
    }
    // The least and the most that is right.
    for seconds in [60, 157_680_000] {
        let input = NewApiToken { expires_in_seconds: Some(seconds), ..new("x", &["events:read"]) };
        assert!(world.app.create_api_token(&caller(), input).await.is_ok());
    }
}

#[tokio::test]
async fn a_token_bound_to_channels_may_not_reach_beyond_them() {
    let world = World::new().await;
    let channel = world.channel().await.channel.id;
    for scope in ["tokens:admin", "platform:admin"] {
        let input = NewApiToken { channel_ids: ids(&[&channel]), ..new("x", &["events:read", scope]) };
        let fields = fields_of(&world, &caller(), input).await;
        assert_eq!((fields.len(), fields[0].path.as_str()), (1, "scopes"));
        assert!(fields[0].message.contains(scope));
    }
    // A channel that is no more is none to bind to.
    world.app.delete_channel(&caller(), &channel).await.unwrap();
    let input = NewApiToken { channel_ids: ids(&[&channel]), ..new("x", &["events:read"]) };
    assert_eq!(fields_of(&world, &caller(), input).await[0].path, "channelIds");
}

#[tokio::test]
async fn only_who_operates_the_platform_makes_others_that_do() {
    let world = World::new().await;
    let keeper = Caller { access: Access::new([Scope::TokensAdmin], None), ..caller() };
    let answer = world.app.create_api_token(&keeper, new("x", &["platform:admin"])).await.map(drop);
    assert_eq!(answer, Err(AppError::Forbidden { needs: Scope::PlatformAdmin }));
    // Every other scope is his to give, also those that he has not.
    let all: Vec<&str> = Scope::ALL.iter().map(|scope| scope.code()).collect();
    let others: Vec<&str> = all.iter().copied().filter(|scope| *scope != "platform:admin").collect();
    assert!(world.app.create_api_token(&keeper, new("x", &others)).await.is_ok());
    assert!(world.app.create_api_token(&caller(), new("x", &all)).await.is_ok());
    // And the platform is operated from the default project only.
    let project = world.app.create_project(&caller(), "Other").await.unwrap().value;
    let input = NewApiToken { project_id: Some(project.id), ..new("x", &["platform:admin"]) };
    assert_eq!(fields_of(&world, &caller(), input).await[0].path, "scopes");
}

#[tokio::test]
async fn a_projects_token_sees_its_own_project_only() {
    let world = World::new().await;
    let ours = world.channel().await.channel.id;
    let project = world.app.create_project(&caller(), " Other ").await.unwrap();
    assert_eq!((project.value.name.as_str(), project.value.id.len(), project.sequence), ("Other", 35, 1));
    let all: Vec<&str> =
        Scope::ALL.iter().map(|scope| scope.code()).filter(|scope| *scope != "platform:admin").collect();
    let input = NewApiToken { project_id: Some(project.value.id.clone()), ..new("theirs", &all) };
    // Channels of another project are none to bind it to.
    let bound = NewApiToken { channel_ids: ids(&[&ours]), ..input.clone() };
    assert_eq!(fields_of(&world, &caller(), bound).await[0].path, "channelIds");
    let made = world.app.create_api_token(&caller(), input).await.unwrap().value;
    let them = let_in(&world, &made.secret).await.unwrap().caller();
    assert_eq!(them.project.as_str(), project.value.id);
    assert!(matches!(world.app.show_stream_key(&them, &ours).await, Err(AppError::NotFound { .. })));
    let theirs = world.app.create_channel(&them, named("Theirs")).await.unwrap().value.channel;
    assert_eq!(theirs.project, project.value.id);
    assert!(matches!(world.app.stop_channel(&caller(), &theirs.id).await, Err(AppError::NotFound { .. })));
    // They make tokens of their own project, and of no other: not even that there are others is told.
    let own = world.app.create_api_token(&them, new("x", &["events:read"])).await.unwrap().value.token;
    assert_eq!(own.project, project.value.id);
    for other in ["pr_default", "pr_nobody", ""] {
        let input = NewApiToken { project_id: Some(other.into()), ..new("x", &["events:read"]) };
        let fields = fields_of(&world, &them, input).await;
        assert_eq!(
            (fields[0].path.as_str(), fields[0].message.as_str()),
            ("projectId", &*format!("there is no project `{other}`; leave it out for your own"))
        );
    }
    // Who may make tokens of any project may end them, too; who may not, may not.
    let input = new("x", &["events:read"]);
    let of_default = world.app.create_api_token(&caller(), input).await.unwrap().value.token;
    let refused = world.app.revoke_api_token(&them, &of_default.id).await;
    assert!(matches!(refused, Err(AppError::NotFound { .. })), "{refused:?}");
    assert!(world.app.revoke_api_token(&caller(), &own.id).await.unwrap().value.revoked_at_ms.is_some());
    assert_eq!(world.app.create_project(&them, "x").await.map(drop), Err(AppError::DefaultProjectOnly));
}

#[tokio::test]
async fn a_project_without_a_name_is_not_made() {
    let world = World::new().await;
    for name in ["", " ", &"x".repeat(101)] {
        let Err(AppError::BadInput { fields }) = world.app.create_project(&caller(), name).await else {
            panic!("taken");
        };
        assert_eq!(fields[0].path, "name");
    }
}

#[tokio::test]
async fn the_same_creation_again_shows_the_same_secret_and_makes_nothing_new() {
    let world = World::new().await;
    let key = with_key("k1", "body");
    let first = world.app.create_api_token(&key, new("once", &["events:read"])).await.unwrap();
    let project = world.app.create_project(&with_key("k2", ""), "Other").await.unwrap();
    world.app.revoke_api_token(&caller(), &first.value.token.id).await.unwrap();
    // Also after a restart, and as it was then.
    let world = world.restarted().await;
    let second = world.app.create_api_token(&key, new("once", &["events:read"])).await.unwrap();
    assert!(second.repeated && !first.repeated);
    assert_eq!((second.value, second.sequence), (first.value, first.sequence));
    let again = world.app.create_project(&with_key("k2", ""), "Other").await.unwrap();
    assert!(again.repeated && again.value == project.value);
    let conflicts = [
        world.app.create_api_token(&key, new("twice", &["events:read"])).await.map(drop),
        world.app.create_api_token(&with_key("k1", "other"), new("once", &["events:read"])).await.map(drop),
        world.app.create_project(&key, "x").await.map(drop),
    ];
    for conflict in conflicts {
        assert!(matches!(conflict, Err(AppError::Conflict(_))), "{conflict:?}");
    }
    // A revocation is honoured once, too.
    let made =
        world.app.create_api_token(&caller(), new("x", &["events:read"])).await.unwrap().value.token.id;
    let revoke = with_key("k3", "");
    let first = world.app.revoke_api_token(&revoke, &made).await.unwrap();
    assert_eq!(world.app.revoke_api_token(&revoke, &made).await.unwrap().value, first.value);
}

#[tokio::test]
async fn a_crash_between_the_work_and_the_answer_costs_neither_secret_nor_order() {
    let world = World::new().await;
    let key = |name: &str| with_key(name, "body");
    for lose_answer in [false, true] {
        let name = |what: &str| format!("{what}-{lose_answer}");
        // The process dies before the commit, or with its answer.
        let dying = || async {
            let dying = world.restarted_on(Switch::until(world.store.clone(), 1, true)).await;
            if !lose_answer {
                dying.switch.off();
            }
            dying
        };
        let (token, project, channel) = (key(&name("t")), key(&name("p")), key(&name("c")));
        assert!(dying().await.app.create_api_token(&token, new("x", &["events:read"])).await.is_err());
        assert!(dying().await.app.create_project(&project, "x").await.is_err());
        assert!(dying().await.app.create_channel(&channel, named("x")).await.is_err());
        let back = world.restarted().await;
        let token = back.app.create_api_token(&token, new("x", &["events:read"])).await.unwrap();
        let project = back.app.create_project(&project, "x").await.unwrap();
        let channel = back.app.create_channel(&channel, named("x")).await.unwrap();
        for repeated in [token.repeated, project.repeated, channel.repeated] {
            assert_eq!(repeated, lose_answer, "what was kept is not done twice");
        }
        assert!(let_in(&back, &token.value.secret).await.is_some(), "the secret that is told opens");
        let stream_key = channel.value.stream_key.unwrap();
        assert_eq!(back.app.resolve_key(stream_key.expose()).await.unwrap().channel, channel.aggregate_id);
        for (kind, id) in [
            ("api_token", &token.aggregate_id),
            ("project", &project.aggregate_id),
            ("channel", &channel.aggregate_id),
        ] {
            assert_eq!(back.events(kind, id).await.len(), 1, "{kind}");
        }
    }
}

#[tokio::test]
async fn a_tokens_secret_stands_in_clear_nowhere() {
    let world = World::new().await;
    let made =
        world.app.create_api_token(&with_key("k", ""), new("x", &["events:read"])).await.unwrap().value;
    let (secret, id) = (made.secret.expose(), &made.token.id);
    let identity = let_in(&world, &made.secret).await.unwrap();
    let mut all = format!("{made:?} {identity:?}");
    all += &format!("{:?}", world.log.read_after(&Cursor::start(), 100).await.unwrap().events);
    let rows = world.store.secrets_of("api_token", id).await.unwrap();
    assert_eq!((rows.len(), rows[0].sealed.len()), (1, 0), "nothing is kept that opens it");
    all += &String::from_utf8_lossy(rows[0].lookup.as_deref().unwrap_or_default());
    let event = world.store.load("api_token", id).await.unwrap().remove(0);
    let record = world.store.command(&event.metadata.command_id).await.unwrap().unwrap();
    all += &String::from_utf8_lossy(&record.answer);
    assert!(all.contains("api_token.created") && all.contains(made.secret.prefix()), "the search searches");
    // The prefix is for people; what stands behind it is told once.
    assert!(!all.contains(&secret[12..]) && !all.contains(&secret[12..30]));
}

#[tokio::test]
async fn when_a_token_was_used_last_is_known_and_survives_a_stop() {
    for world in [World::new().await, World::on_postgresql().await] {
        a_last_use_is_known_and_survives_a_stop(world).await;
    }
}

async fn a_last_use_is_known_and_survives_a_stop(world: World) {
    let made = world.app.create_api_token(&caller(), new("x", &["events:read"])).await.unwrap().value;
    let never = world.app.create_api_token(&caller(), new("y", &["events:read"])).await.unwrap().value;
    let asked = [made.token.id.clone(), never.token.id.clone(), "tk_nobody".to_owned()];
    assert!(world.app.last_uses(&asked).await.is_empty());
    world.later(5);
    let_in(&world, &made.secret).await.unwrap();
    let uses = world.app.last_uses(&asked).await;
    assert_eq!(uses.into_iter().collect::<Vec<_>>(), [(made.token.id.clone(), 1_800_000_005_000)]);
    // Written down at the latest when it stops.
    world.app.clone().run(std::future::ready(())).await;
    let world = world.restarted().await;
    assert_eq!(world.app.last_uses(&asked).await.get(&made.token.id), Some(&1_800_000_005_000));
    world.later(5);
    let_in(&world, &made.secret).await.unwrap();
    assert_eq!(world.app.last_uses(&asked).await.get(&made.token.id), Some(&1_800_000_010_000));
    // A clock that was set back takes no later use away.
    world.clock.set(sigma_clock::Timestamp::from_millis(1_800_000_000_000));
    let_in(&world, &made.secret).await.unwrap();
    world.app.clone().run(std::future::ready(())).await;
    assert_eq!(world.app.last_uses(&asked).await.get(&made.token.id), Some(&1_800_000_010_000));
}

#[tokio::test]
async fn a_preview_is_for_who_may_read_the_sessions_of_its_channel() {
    let world = World::new().await;
    let (mine, other) = (world.channel().await, world.channel().await);
    let session = world.live(&mine.stream_key).await.session.session;
    let make = |input: NewApiToken| {
        let app = &world.app;
        async move { app.create_api_token(&caller(), input).await.unwrap().value.secret.expose().to_owned() }
    };
    let project = world.app.create_project(&caller(), "Other").await.unwrap().value.id;
    let sessions = || new("x", &["sessions:read"]);
    let cases = [
        (ADMIN.to_owned(), true),
        (make(sessions()).await, true),
        (make(NewApiToken { channel_ids: ids(&[&mine.channel.id]), ..sessions() }).await, true),
        (make(NewApiToken { channel_ids: ids(&[&other.channel.id]), ..sessions() }).await, false),
        (make(NewApiToken { project_id: Some(project), ..sessions() }).await, false),
        (make(new("x", &["channels:read", "channels:secrets", "events:read"])).await, false),
        ("nonsense".to_owned(), false),
    ];
    for (number, (secret, may)) in cases.iter().enumerate() {
        assert_eq!(world.app.may_preview(&session, secret).await, *may, "{number}");
        assert!(!world.app.may_preview("se_nobody", secret).await, "{number}");
    }
    world.switch.off();
    assert!(!world.app.may_preview(&session, &cases[1].0).await, "nobody by a guess");
}
