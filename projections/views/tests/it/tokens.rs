//! API tokens and projects as queries see them.

use std::time::Duration;

use sigma_app::{Caller, ReadModels, Waited};

use crate::world::{World, caller};

#[tokio::test]
async fn a_token_is_told_of_from_its_making_on_and_after_its_end() {
    let world = World::on_sqlite().await;
    let channel = world.channel("Mine").await.channel.id;
    let bound = world.token("Bound", Some(&channel)).await;
    world.clock.advance(Duration::from_secs(1));
    let wide = world.token("Wide", None).await;
    assert_eq!(world.views.api_token(&bound.id).await.unwrap(), Some(bound.clone()));
    assert_eq!((bound.channels.clone(), &wide.channels), (Some(vec![channel]), &None));
    assert_eq!(bound.created_by, caller().actor);
    assert_eq!(world.views.api_tokens("pr_default").await.unwrap(), [wide.clone(), bound.clone()]);
    let revoked = world.app.revoke_api_token(&caller(), &wide.id).await.unwrap().value;
    assert!(revoked.revoked_at_ms.is_some());
    assert_eq!(world.views.api_tokens("pr_default").await.unwrap(), [revoked, bound]);
    assert_eq!(world.views.api_token("tk_none").await.unwrap(), None);
    assert!(world.views.api_tokens("pr_other").await.unwrap().is_empty());
}

#[tokio::test]
async fn projects_stand_in_the_order_of_their_making() {
    let world = World::on_sqlite().await;
    world.clock.advance(Duration::from_secs(1));
    let made = world.app.create_project(&caller(), "Second").await.unwrap();
    let projects = world.views.projects().await.unwrap();
    assert_eq!(projects.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["default", "Second"]);
    assert_eq!(world.views.project(&made.value.id).await.unwrap().as_ref(), Some(&projects[1]));
    assert_eq!(world.views.project("pr_none").await.unwrap(), None);
    // Its tokens are its own.
    let other = Caller::new(caller().actor, made.value.id.parse().unwrap());
    let input = sigma_app::NewApiToken {
        name: "Theirs".into(),
        scopes: vec!["channels:read".into()],
        ..Default::default()
    };
    let theirs = world.app.create_api_token(&other, input).await.unwrap().value.token;
    assert_eq!(world.views.api_tokens(&made.value.id).await.unwrap(), [theirs]);
    assert!(world.views.api_tokens("pr_default").await.unwrap().is_empty());
}

#[tokio::test]
async fn tokens_and_projects_are_waited_for() {
    let world = World::in_memory(1).await;
    let token = world.token("Mine", None).await.id;
    for (kind, id) in [("api_token", token.as_str()), ("project", "pr_default")] {
        let wait = async |sequence, millis| {
            world.views.wait_for(kind, id, sequence, Duration::from_millis(millis)).await.unwrap()
        };
        assert_eq!(wait(1, 20_000).await, Waited::Reached, "{kind}");
        assert_eq!(wait(2, 20).await, Waited::TimedOut, "{kind}");
    }
}
