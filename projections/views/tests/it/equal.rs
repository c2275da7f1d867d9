//! After whatever happened, the views equal a pure fold of the log.

use sigma_app::{
    AssetFilter, AssetState, ChannelFilter, ChannelUpdate, ChannelWithKey, ClipOf, ClipRange, FeedGrant,
    InputRow, LatencyMode, LossCause, NewClip, ReadModels, Report, SessionFilter,
};

use crate::world::{World, a_minute, caller, input};

/// splitmix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound as u64).unwrap()
    }
}

async fn anything(
    world: &World,
    dice: &mut Dice,
    made: &mut Vec<ChannelWithKey>,
    feeds: &mut Vec<FeedGrant>,
) {
    let app = &world.app;
    if made.len() < 3 {
        made.push(world.channel(&format!("Channel {}", dice.below(1_000))).await);
        return;
    }
    let pick = dice.below(made.len());
    let (id, key) = (made[pick].channel.id.clone(), made[pick].stream_key.clone());
    let feed = (!feeds.is_empty()).then(|| feeds[feeds.len() - 1 - dice.below(feeds.len().min(4))].clone());
    let report = async |report| {
        if let Some(grant) = &feed {
            world.report(grant, report).await;
        }
    };
    // Refusals are part of the game: nothing happens then.
    match dice.below(30) {
        0 => made.push(world.channel("Another").await),
        1 => drop(app.stop_channel(&caller(), &id).await),
        2 | 3 => drop(app.start_channel(&caller(), &id).await),
        4 if dice.below(4) == 0 => {
            if app.delete_channel(&caller(), &id).await.is_ok() {
                made.remove(pick);
            }
        }
        4 | 5 => {
            let update = ChannelUpdate {
                name: (dice.below(2) == 0).then(|| format!("Ünïcode {}", dice.below(100))),
                latency_mode: (dice.below(3) == 0).then_some(LatencyMode::UltraLow),
                auto_go_live: (dice.below(3) == 0).then(|| dice.below(2) == 0),
                max_session_duration: (dice.below(3) == 0).then_some(600),
                reconnect_window: (dice.below(3) == 0).then_some(30),
                end_on_unpublish: (dice.below(3) == 0).then(|| dice.below(2) == 0),
                dvr_window: (dice.below(3) == 0).then_some(600),
                record_source: (dice.below(8) == 0).then(|| dice.below(2) == 0),
                catchup: (dice.below(8) == 0).then(|| dice.below(2) == 0),
                source_retention: (dice.below(3) == 0).then(|| (dice.below(2) == 0).then_some(60)),
                catchup_retention: (dice.below(3) == 0).then(|| (dice.below(2) == 0).then_some(90)),
            };
            drop(app.update_channel(&caller(), &id, update).await);
        }
        6 => {
            if let Ok(done) = app.rotate_stream_key(&caller(), &id, Some(30)).await {
                made[pick].stream_key = done.value.stream_key;
            }
        }
        7..=10 => feeds.extend(world.feed(&key).await),
        11 | 12 => report(Report::Processing(input())).await,
        13 => report(Report::Processing(InputRow { audio_codec: None, ..input() })).await,
        14 => report(Report::Playable).await,
        15 => report(Report::Lost(LossCause::ConnectionBroken)).await,
        16 => report(Report::Lost(LossCause::Silence)).await,
        17 => report(Report::Left).await,
        18 => {
            if let Some(grant) = &feed {
                drop(app.go_live(&caller(), &grant.session.session).await);
            }
        }
        19 => drop(app.show_stream_key(&caller(), &id).await),
        20 => drop(
            world.token(&format!("Token {}", dice.below(100)), (dice.below(2) == 0).then_some(&id)).await,
        ),
        21 => {
            let tokens = world.views.api_tokens("pr_default").await.unwrap();
            if let Some(token) = tokens.get(dice.below(tokens.len().max(1))) {
                drop(app.revoke_api_token(&caller(), &token.id).await);
            }
        }
        22 => {
            if let Some(grant) = &feed {
                let recorded = (dice.below(4) > 0).then(a_minute);
                drop(app.end_session(&caller(), &grant.session.session).await);
                drop(app.recorded(&grant.session.session, recorded).await);
            }
        }
        23 => {
            if let Some(grant) = world.feed(&key).await {
                world.report(&grant, Report::Processing(input())).await;
                world.report(&grant, Report::Playable).await;
                feeds.push(grant);
            }
        }
        24..=27 => of_an_asset(world, dice).await,
        _ => {
            world.clock.advance(std::time::Duration::from_secs(dice.below(40) as u64));
            app.run_once().await.unwrap();
        }
    }
}

/// What may happen to one of the newest assets.
async fn of_an_asset(world: &World, dice: &mut Dice) {
    let (app, caller) = (&world.app, caller());
    let assets = world.folded_assets().await;
    let Some(asset) = assets.get(dice.below(assets.len().clamp(1, 6))) else { return };
    match dice.below(8) {
        0 => drop(app.delete_asset(&caller, &asset.id).await),
        1 => drop(app.untrim_asset(&caller, &asset.id).await),
        2 => drop(app.trim_asset(&caller, &asset.id, 1_000_000, 5_000_000, false).await),
        3 => drop(app.set_poster(&caller, &asset.id, 1_500_000).await),
        from => {
            let title = (from > 5).then(|| format!("Clip {}", dice.below(100)));
            let (asset_id, of) =
                (Some(asset.id.clone()), ClipOf::One(ClipRange { from_us: 0, to_us: 3_000_000 }));
            let clip = NewClip { asset_id, of, title, ..NewClip::default() };
            drop(app.create_clip(&caller, clip).await);
        }
    }
}

async fn assert_equal(world: &World) {
    let (channels, sessions) = world.folded().await;
    let shown =
        world.views.channels_page("pr_default", &ChannelFilter::default(), None, 1_000).await.unwrap();
    assert_eq!(shown, channels);
    let shown =
        world.views.sessions_page("pr_default", &SessionFilter::default(), None, 1_000).await.unwrap();
    assert_eq!(shown, sessions);
    let assets = world.views.assets_page("pr_default", &AssetFilter::default(), None, 1_000).await.unwrap();
    assert_eq!(assets, world.folded_assets().await);
    let ready = assets.iter().filter(|row| row.state == AssetState::Ready);
    let bytes: u64 = ready.map(|row| row.whole_bytes.unwrap()).sum();
    let by_kind = world.views.storage_by_kind("pr_default", None).await.unwrap();
    let by_channel = world.views.storage_by_channel("pr_default", None, 1_000).await.unwrap();
    assert_eq!(by_kind.iter().map(|(_, used)| used.bytes).sum::<u64>(), bytes);
    assert_eq!(by_channel.iter().map(|(_, used)| used.bytes).sum::<u64>(), bytes);
    let (tokens, projects) = world.folded_tokens_and_projects().await;
    assert_eq!(world.views.api_tokens("pr_default").await.unwrap(), tokens);
    assert_eq!(world.views.projects().await.unwrap(), projects);
}

async fn play(world: &World, seed: u64, commands: usize) {
    let (mut dice, mut made, mut feeds) = (Dice(seed), Vec::new(), Vec::new());
    for _ in 0..commands {
        anything(world, &mut dice, &mut made, &mut feeds).await;
    }
    world.shown().await;
    assert_equal(world).await;
}

#[tokio::test]
async fn the_views_equal_a_fold_of_the_log_after_random_commands() {
    let wanted = ["IDLE", "ACTIVE", "STOP", "ENDED", "LIVE", "BROADCASTER_LEFT", "CHANNEL_STOPPED"];
    let of_assets = [
        "SOURCE", "CATCHUP", "CLIP", "STARTED", "READY", "FAILED", "DELETED", "EXPIRED", "trimmed", "poster",
        "title", "expires",
    ];
    let wanted = [&wanted[..], &["token", "revoked token"], &of_assets].concat();
    let mut states = std::collections::BTreeSet::new();
    for seed in 1..=20 {
        let world = World::in_memory(seed).await;
        play(&world, seed, 250).await;
        let (channels, sessions) = world.folded().await;
        states.extend(channels.iter().map(|row| row.state.code()));
        states.extend(sessions.iter().map(|row| row.state.code()));
        states.extend(sessions.iter().filter_map(|row| Some(row.end_reason?.code())));
        for asset in world.folded_assets().await {
            states.extend([asset.kind.code(), asset.state.code()]);
            states.extend(asset.trim.map(|_| "trimmed"));
            states.extend(asset.poster_us.map(|_| "poster"));
            states.extend(asset.title.map(|_| "title"));
            states.extend(asset.expires_at_ms.map(|_| "expires"));
        }
        let (tokens, projects) = world.folded_tokens_and_projects().await;
        assert_eq!(projects.len(), 1);
        let state = |revoked: bool| if revoked { "revoked token" } else { "token" };
        states.extend(tokens.iter().map(|row| state(row.revoked_at_ms.is_some())));
        // Four, and as many more as it takes: ids are of chance, and with them what the dice meet.
        if seed >= 4 && wanted.iter().all(|state| states.contains(state)) {
            break;
        }
    }
    for state in wanted {
        assert!(states.contains(state), "the dice never made {state}: {states:?}");
    }
}

#[tokio::test]
async fn so_they_do_on_sqlite_and_after_a_rebuild() {
    let world = World::on_sqlite().await;
    play(&world, 11, 120).await;
    for name in ["channels", "sessions", "assets", "api_tokens", "projects"] {
        let generation = world.runner.rebuild(name).await.unwrap();
        let reader = world.runner.reader(name).unwrap();
        let swapped = async {
            while reader.generation() != Some(generation) {
                sigma_clock::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        sigma_clock::timeout(std::time::Duration::from_secs(20), swapped).await.expect("the rebuild ends");
    }
    assert_equal(&world).await;
}
