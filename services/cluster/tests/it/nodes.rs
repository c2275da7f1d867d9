//! Who is there, who is silent, who was lost.

use sigma_cluster::{Cluster, ClusterError, NodeState, Standing};

use crate::{Mortal, database, in_time, join, me};

#[tokio::test]
async fn nodes_see_each_other_with_what_they_are_for_and_what_they_hold() {
    let address = database().await;
    let (one, two) = (join(&address, "one").await, join(&address, "two").await);
    let mut claim = two.claim("projection/channels");
    in_time("it holds", claim.held()).await;
    let nodes = one.nodes().await.unwrap();
    let told: Vec<_> = nodes.iter().map(|node| (node.id.as_str(), node.state, node.leases.clone())).collect();
    assert_eq!(
        told,
        [("one", NodeState::Up, vec![]), ("two", NodeState::Up, vec!["projection/channels".to_owned()]),]
    );
    assert_eq!((nodes[0].roles.clone(), nodes[0].version.as_str()), (vec!["api".to_owned()], "1.2.3"));
    assert_eq!(nodes[1].url, "http://two:8080");
    two.leave().await;
    let left: Vec<String> = one.nodes().await.unwrap().into_iter().map(|node| node.id).collect();
    assert_eq!(left, ["one"], "who stops in order is none any more");
}

#[tokio::test]
async fn a_second_process_does_not_run_as_a_node_that_lives() {
    let address = database().await;
    let _one = join(&address, "one").await;
    let refused = Cluster::join(&address, me("one")).await;
    let told = refused.unwrap_err();
    assert!(matches!(told, ClusterError::Taken(_)), "{told}");
    assert!(told.to_string().contains("--node-id"), "{told}");
}

#[tokio::test]
async fn a_node_that_died_comes_back_before_its_word_has_run_out() {
    let address = database().await;
    let mut dead = Mortal::join(&address, "one").await;
    let Standing::In(first) = dead.cluster.membership().standing() else { panic!("it is out") };
    dead.kill();
    let began = sigma_clock::monotonic();
    let again = join(&address, "one").await;
    assert!(began.elapsed() < sigma_cluster::TERM, "{:?}", began.elapsed());
    let Standing::In(second) = again.membership().standing() else { panic!("it is out") };
    assert!(second > first);
}

#[tokio::test]
async fn a_node_that_was_taken_for_lost_is_told_so_and_comes_back_under_another_token() {
    let address = database().await;
    let judge = join(&address, "judge").await;
    let mut silent = Mortal::join(&address, "silent").await;
    let token = judge.nodes().await.unwrap()[1].token;
    assert!(!judge.take_for_lost("silent", token).await.unwrap(), "its word is still good");
    silent.kill();
    let lost = async {
        while !judge.take_for_lost("silent", token).await.unwrap() {
            sigma_clock::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    in_time("it is taken for lost", lost).await;
    assert!(!judge.take_for_lost("silent", token).await.unwrap(), "twice");
    assert_eq!(judge.nodes().await.unwrap()[1].state, NodeState::Lost);
    let again = join(&address, "silent").await;
    assert_eq!(judge.nodes().await.unwrap()[1].state, NodeState::Up);
    drop(again);
}

#[tokio::test]
async fn one_who_slept_finds_out_and_rejoins() {
    let address = database().await;
    let sleeper = join(&address, "sleeper").await;
    let mut membership = sleeper.membership();
    let Standing::In(token) = membership.standing() else { panic!("it is out") };
    // As the others do after its term; its own keeper meets it in its next round.
    let mut rows = sigma_tables::Place::Schema(sigma_tables::Schema::new(&address, "sigma_cluster"))
        .connect()
        .await
        .unwrap();
    let bury = "update node set token = token + 1, lost_at = clock_timestamp() where id = 'sleeper'";
    sigma_tables::query(bury).execute(&mut rows).await.unwrap();
    in_time("it is out", membership.out()).await;
    sleeper.rejoin().await.unwrap();
    let Standing::In(next) = membership.standing() else { panic!("it is out") };
    assert!(next > token + 1);
}

#[tokio::test]
async fn one_process_alone_is_its_only_node_and_holds_what_it_claims() {
    let alone = Cluster::alone(me("only"), 7);
    let fence = alone.claim("views").fence().expect("it is held at once");
    assert_eq!(fence.number(), 0);
    let nodes = alone.nodes().await.unwrap();
    assert_eq!((nodes.len(), nodes[0].started_at_ms, nodes[0].state), (1, 7, NodeState::Up));
    alone.leave().await;
}
