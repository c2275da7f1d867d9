//! Lists of assets: by channel, session, kind and state, newest first, for callers who are bound to few channels.

use std::time::Duration;

use sigma_app::{
    AssetFilter, AssetKind, AssetRow, AssetState, ClipOf, ClipRange, PageKey, ReadModels, Report, StorageUse,
};

use crate::world::{World, a_minute, caller, input};

const PROJECT: &str = "pr_default";

async fn walk(world: &World, filter: &AssetFilter) -> Vec<AssetRow> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let rows = world.views.assets_page(PROJECT, filter, after.as_ref(), 2).await.unwrap();
        assert!(rows.len() <= 2);
        let Some(last) = rows.last() else { return all };
        after = Some(PageKey::of_asset(last));
        all.extend(rows);
    }
}

/// A session of a channel, recorded; its clip beside it.
async fn recorded(world: &World, key: &Option<sigma_app::StreamKey>) -> String {
    let grant = world.feed(key).await.unwrap();
    world.report(&grant, Report::Processing(input())).await;
    world.report(&grant, Report::Playable).await;
    world.app.run_once().await.unwrap();
    world.later(Duration::from_secs(1));
    let session = grant.session.session.clone();
    let of = ClipOf::One(ClipRange { from_us: 0, to_us: 1_000_000 });
    let clip = sigma_app::NewClip { session_id: Some(session.clone()), of, ..Default::default() };
    world.app.create_clip(&caller(), clip).await.unwrap();
    world.report(&grant, Report::Left).await;
    world.app.recorded(&session, Some(a_minute())).await.unwrap();
    session
}

#[tokio::test]
async fn each_filter_picks_what_it_says_and_a_page_leaves_nothing_out() {
    let world = World::on_sqlite().await;
    let (one, two) = (world.channel("One").await, world.channel("Two").await);
    let first = recorded(&world, &one.stream_key).await;
    let second = recorded(&world, &one.stream_key).await;
    let third = recorded(&world, &two.stream_key).await;
    let gone = world.folded_assets().await.into_iter().find(|row| row.session == second).unwrap();
    world.app.delete_asset(&caller(), &gone.id).await.unwrap();
    world.shown().await;
    let all = world.folded_assets().await;
    assert_eq!(all.len(), 9);
    let (one, two) = (one.channel.id, two.channel.id);
    let ready = |row: &AssetRow| row.state == AssetState::Ready;
    let of = |channel: &str| Some(channel.to_owned());
    type Picks<'a> = Box<dyn Fn(&AssetRow) -> bool + 'a>;
    let cases: Vec<(AssetFilter, Picks)> = vec![
        (AssetFilter::default(), Box::new(|_| true)),
        (AssetFilter { channel: of(&one), ..Default::default() }, Box::new(|row| row.channel == one)),
        (AssetFilter { session: of(&first), ..Default::default() }, Box::new(|row| row.session == first)),
        (
            AssetFilter { kind: Some(AssetKind::Clip), ..Default::default() },
            Box::new(|row| row.kind == AssetKind::Clip),
        ),
        (AssetFilter { states: Some(vec![AssetState::Ready]), ..Default::default() }, Box::new(ready)),
        (
            AssetFilter {
                session: of(&second),
                states: Some(vec![AssetState::Deleted, AssetState::Failed]),
                ..Default::default()
            },
            Box::new(|row| row.id == gone.id),
        ),
        (AssetFilter { states: Some(vec![]), ..Default::default() }, Box::new(|_| false)),
        (AssetFilter { channel: of(&one), session: of(&third), ..Default::default() }, Box::new(|_| false)),
        (
            AssetFilter { only_channels: Some(vec![two.clone()]), ..Default::default() },
            Box::new(|row| row.channel == two),
        ),
        (
            AssetFilter { only_channels: Some(vec![two.clone()]), channel: of(&one), ..Default::default() },
            Box::new(|_| false),
        ),
        (
            AssetFilter { only_channels: Some(vec![two.clone()]), session: of(&first), ..Default::default() },
            Box::new(|_| false),
        ),
        (
            AssetFilter {
                only_channels: Some(vec![one.clone(), two.clone()]),
                kind: Some(AssetKind::Source),
                ..Default::default()
            },
            Box::new(|row| row.kind == AssetKind::Source),
        ),
        (AssetFilter { only_channels: Some(vec![]), ..Default::default() }, Box::new(|_| false)),
    ];
    for (filter, picks) in cases {
        let wanted: Vec<_> = all.iter().filter(|row| picks(row)).cloned().collect();
        assert_eq!(walk(&world, &filter).await, wanted, "{filter:?}");
    }
    assert!(world.views.assets_page("pr_other", &AssetFilter::default(), None, 9).await.unwrap().is_empty());
    assert_eq!(world.views.assets(PROJECT, std::slice::from_ref(&gone.id)).await.unwrap().len(), 1);
    assert!(world.views.assets("pr_other", &[gone.id]).await.unwrap().is_empty());
    assert_eq!(world.views.assets_of_session(&second).await.unwrap().len(), 3);
}

#[tokio::test]
async fn what_is_ready_counts_by_kind_and_by_channel_and_what_is_gone_does_not() {
    let world = World::on_sqlite().await;
    let (one, two) = (world.channel("One").await, world.channel("Two").await);
    recorded(&world, &one.stream_key).await;
    let second = recorded(&world, &one.stream_key).await;
    recorded(&world, &two.stream_key).await;
    let gone = world.folded_assets().await.into_iter().find(|row| row.session == second).unwrap();
    world.app.delete_asset(&caller(), &gone.id).await.unwrap();
    world.shown().await;
    let (one, two) = (one.channel.id, two.channel.id);
    let ready = world.folded_assets().await;
    let ready: Vec<&AssetRow> = ready.iter().filter(|row| row.state == AssetState::Ready).collect();
    assert_eq!(ready.len(), 8);
    let sum = |picks: &dyn Fn(&AssetRow) -> bool| {
        let picked = ready.iter().filter(|row| picks(row));
        StorageUse {
            assets: picked.clone().count() as u64,
            bytes: picked.map(|row| row.whole_bytes.unwrap()).sum(),
        }
    };
    let channels =
        [(one.clone(), sum(&|row| row.channel == one)), (two.clone(), sum(&|row| row.channel == two))];
    assert!(channels[0].1.bytes > channels[1].1.bytes);
    assert_eq!(world.views.storage_by_channel(PROJECT, None, 9).await.unwrap(), channels);
    assert_eq!(world.views.storage_by_channel(PROJECT, None, 1).await.unwrap(), channels[..1]);
    let of_two = std::slice::from_ref(&two);
    assert_eq!(world.views.storage_by_channel(PROJECT, Some(of_two), 9).await.unwrap(), channels[1..]);
    for (only, in_it) in [(None, vec![&one, &two]), (Some(of_two), vec![&two])] {
        let kinds = world.views.storage_by_kind(PROJECT, only).await.unwrap();
        assert_eq!(kinds.len(), 3);
        for (kind, used) in kinds {
            assert_eq!(used, sum(&|row| row.kind == kind && in_it.contains(&&row.channel)));
        }
    }
    assert!(world.views.storage_by_kind("pr_other", None).await.unwrap().is_empty());
    assert!(world.views.storage_by_kind(PROJECT, Some(&[])).await.unwrap().is_empty());
}
