//! Lists in each order, page by page, while others change what is listed; and for callers who are bound to few channels.

use std::time::Duration;

use sigma_app::{
    ChannelFilter, ChannelOrder, ChannelRow, ChannelUpdate, PageKey, ReadModels, Report, SessionFilter,
    SessionState, folded_name,
};

use crate::world::{World, caller};

const PROJECT: &str = "pr_default";
const ORDERS: [ChannelOrder; 3] = [ChannelOrder::Newest, ChannelOrder::Oldest, ChannelOrder::Name];

fn ordered(order: ChannelOrder) -> ChannelFilter {
    ChannelFilter { order, ..ChannelFilter::default() }
}

/// The rows as they must stand.
fn sort(rows: &mut [ChannelRow], order: ChannelOrder) {
    match order {
        ChannelOrder::Newest => {
            rows.sort_by_key(|row| std::cmp::Reverse((row.created_at_ms, row.id.clone())))
        }
        ChannelOrder::Oldest => rows.sort_by_key(|row| (row.created_at_ms, row.id.clone())),
        ChannelOrder::Name => rows.sort_by_key(|row| (row.name.to_lowercase(), row.id.clone())),
    }
}

async fn page(
    world: &World,
    filter: &ChannelFilter,
    after: &mut Option<PageKey>,
    limit: u32,
) -> Vec<ChannelRow> {
    let rows = world.views.channels_page(PROJECT, filter, after.as_ref(), limit).await.unwrap();
    assert!(rows.len() <= limit as usize);
    if let Some(last) = rows.last() {
        *after = Some(PageKey::of_channel(last, filter.order));
    }
    rows
}

async fn walk(world: &World, filter: &ChannelFilter, limit: u32) -> Vec<ChannelRow> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let rows = page(world, filter, &mut after, limit).await;
        if rows.is_empty() {
            return all;
        }
        all.extend(rows);
    }
}

/// Names that differ in case only, that are the same, and moments that several share.
async fn several(world: &World) -> Vec<ChannelRow> {
    let names = ["beta", "Alpha", "alpha", "Über", "über", "zulu", "ALPHA", "beta", "Émile"];
    let mut made = Vec::new();
    for (number, name) in names.into_iter().enumerate() {
        made.push(world.channel(name).await.channel);
        if number % 3 == 2 {
            world.clock.advance(Duration::from_secs(1));
        }
    }
    made
}

#[tokio::test]
async fn channels_stand_in_each_order_and_pages_leave_nothing_out() {
    let world = World::in_memory(5).await;
    let made = several(&world).await;
    for order in ORDERS {
        let mut wanted = made.clone();
        sort(&mut wanted, order);
        for limit in [1, 2, 4, 100] {
            assert_eq!(walk(&world, &ordered(order), limit).await, wanted, "{order:?}, {limit} at once");
        }
    }
}

#[tokio::test]
async fn a_list_is_right_while_rows_are_added_renamed_and_deleted() {
    for order in ORDERS {
        let world = World::in_memory(6).await;
        let made = several(&world).await;
        let mut before: Vec<_> = made.clone();
        sort(&mut before, order);
        let (mut seen, mut after) = (Vec::new(), None);
        seen.extend(page(&world, &ordered(order), &mut after, 4).await);
        // The row whose place is kept goes; others come before and behind it.
        world.app.delete_channel(&caller(), &before[3].id).await.unwrap();
        world.clock.advance(Duration::from_secs(5));
        let (early, late) = (world.channel("Aaron").await.channel, world.channel("zz top").await.channel);
        let renamed = ChannelUpdate { name: Some("zzz".into()), ..ChannelUpdate::default() };
        world.app.update_channel(&caller(), &before[7].id, renamed).await.unwrap();
        loop {
            let rows = page(&world, &ordered(order), &mut after, 2).await;
            if rows.is_empty() {
                break;
            }
            seen.extend(rows);
        }
        let mut ids: Vec<_> = seen.iter().map(|row| &row.id).collect();
        for row in &before {
            let times = ids.iter().filter(|id| **id == &row.id).count();
            assert_eq!(times, 1, "{order:?}: {} is there once", row.name);
        }
        ids.retain(|id| [&early.id, &late.id].contains(id));
        let behind: &[&String] = match order {
            ChannelOrder::Newest => &[],
            ChannelOrder::Oldest if early.id < late.id => &[&early.id, &late.id],
            ChannelOrder::Oldest => &[&late.id, &early.id],
            ChannelOrder::Name => &[&late.id],
        };
        assert_eq!(
            ids, behind,
            "{order:?}: what was added behind the place comes, what was added before does not"
        );
    }
}

#[tokio::test]
async fn a_caller_bound_to_few_channels_sees_those_as_if_there_were_no_others() {
    let world = World::in_memory(7).await;
    let made = several(&world).await;
    world.app.stop_channel(&caller(), &made[2].id).await.unwrap();
    let mut only: Vec<_> = [0, 2, 3, 4, 6].iter().map(|n| made[*n].id.clone()).collect();
    only.extend([only[0].clone(), "ch_none".to_owned()]);
    for order in ORDERS {
        for (state, search) in [(None, None), (Some("STOP"), None), (None, Some("ALPHA")), (None, Some(" "))]
        {
            let state = state.map(|state: &str| state.parse().unwrap());
            let all = ChannelFilter { state, search: search.map(Into::into), only: None, order };
            let mut wanted = walk(&world, &all, 100).await;
            wanted.retain(|row| only.contains(&row.id));
            let bound = ChannelFilter { only: Some(only.clone()), ..all };
            for limit in [1, 2, 100] {
                assert_eq!(
                    walk(&world, &bound, limit).await,
                    wanted,
                    "{order:?}, {limit} at once: {bound:?}"
                );
            }
        }
    }
    let none = ChannelFilter { only: Some(Vec::new()), ..ChannelFilter::default() };
    assert!(walk(&world, &none, 10).await.is_empty());
    let bound = ChannelFilter { only: Some(only), ..ChannelFilter::default() };
    assert!(world.views.channels_page("pr_other", &bound, None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_caller_bound_to_few_channels_sees_their_sessions_only() {
    let world = World::in_memory(8).await;
    let mut channels = Vec::new();
    for number in 0..4 {
        channels.push(world.channel(&format!("Channel {number}")).await);
    }
    for round in 0..3 {
        for channel in &channels {
            let grant = world.live(&channel.stream_key).await;
            if round < 2 {
                world.report(&grant, Report::Left).await;
            }
        }
        world.clock.advance(Duration::from_secs(1));
    }
    world.shown().await;
    let (_, all) = world.folded().await;
    let only: Vec<_> = [1, 3, 3].iter().map(|n: &usize| channels[*n].channel.id.clone()).collect();
    for state in [None, Some(SessionState::Live), Some(SessionState::Ended), Some(SessionState::Init)] {
        let mut wanted = all.clone();
        wanted.retain(|row| only.contains(&row.channel) && state.is_none_or(|state| row.state == state));
        for limit in [1, 2, 100] {
            let filter =
                SessionFilter { state, only_channels: Some(only.clone()), ..SessionFilter::default() };
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let rows = world.views.sessions_page(PROJECT, &filter, after.as_ref(), limit).await.unwrap();
                assert!(rows.len() <= limit as usize);
                let Some(last) = rows.last() else { break };
                after = Some(PageKey::of_session(last));
                seen.extend(rows);
            }
            assert_eq!(seen, wanted, "{limit} at once, {state:?}");
        }
    }
    let of = async |number: usize| {
        let channel = Some(channels[number].channel.id.clone());
        let filter = SessionFilter { channel, state: None, only_channels: Some(only.clone()) };
        world.views.sessions_page(PROJECT, &filter, None, 10).await.unwrap().len()
    };
    assert_eq!((of(1).await, of(0).await), (3, 0));
    let bound = SessionFilter { only_channels: Some(only.clone()), ..SessionFilter::default() };
    assert!(world.views.sessions_page("pr_other", &bound, None, 10).await.unwrap().is_empty());
}

#[test]
fn a_name_is_folded_as_searches_fold_it() {
    assert_eq!(folded_name("ÜBER Straße Đà"), "über straße đà");
}
