//! One holds a lease at a time, and none writes whose time is over.

use sigma_tables::{Connection, Place, Schema};

use crate::{Mortal, database, in_time, join};

async fn connection(address: &sigma_tables::Address) -> Connection {
    Place::Schema(Schema::new(address, "public")).connect().await.unwrap()
}

#[tokio::test]
async fn one_of_two_holds_a_lease_and_the_other_gets_it_once_it_is_given_back() {
    let address = database().await;
    let (one, two) = (join(&address, "one").await, join(&address, "two").await);
    let mut first = one.claim("views");
    let fence = in_time("the first holds", first.held()).await;
    let mut second = two.claim("views");
    // A round of the second's keeper has asked by the time that it holds something else.
    in_time("the second holds another", two.claim("other").held()).await;
    assert_eq!(second.fence(), None);
    drop(first);
    let next = in_time("the second holds", second.held()).await;
    assert!(next.number() > fence.number());
}

#[tokio::test]
async fn who_dies_loses_his_lease_and_what_he_writes_late_is_refused() {
    let address = database().await;
    let mut dead = Mortal::join(&address, "dead").await;
    let mut claim = dead.cluster.claim("views");
    let fence = in_time("the first holds", claim.held()).await;
    let mut rows = connection(&address).await;
    assert!(fence.holds(&mut rows).await.unwrap());
    dead.kill();
    let heir = join(&address, "heir").await;
    let mut inherited = heir.claim("views");
    let next = in_time("the heir holds", inherited.held()).await;
    assert!(!fence.holds(&mut rows).await.unwrap());
    assert!(next.holds(&mut rows).await.unwrap());
}

#[tokio::test]
async fn nobody_takes_a_lease_while_its_holder_commits() {
    let address = database().await;
    let mut dead = Mortal::join(&address, "dead").await;
    let mut claim = dead.cluster.claim("views");
    let fence = in_time("it holds", claim.held()).await;
    let mut writing = connection(&address).await;
    let mut transaction = writing.begin().await.unwrap();
    // Else the server takes it back before the lease has run out.
    let patient = "set local idle_in_transaction_session_timeout = 0";
    sigma_tables::query(patient).execute(&mut transaction).await.unwrap();
    assert!(fence.holds(&mut transaction).await.unwrap());
    dead.kill();
    let heir = join(&address, "heir").await;
    let mut inherited = heir.claim("views");
    let early =
        sigma_clock::timeout(sigma_cluster::TERM + sigma_cluster::RENEWAL * 3, inherited.held()).await;
    assert!(early.is_err(), "the lease was taken under a transaction of its holder");
    transaction.commit().await.unwrap();
    in_time("the heir holds", inherited.held()).await;
}

#[tokio::test]
async fn a_lease_outlives_a_connection_that_the_server_ends() {
    let address = database().await;
    let node = join(&address, "one").await;
    let mut claim = node.claim("views");
    let fence = in_time("it holds", claim.held()).await;
    let mut rows = connection(&address).await;
    let end = "select pg_terminate_backend(pid) from pg_stat_activity \
               where datname = current_database() and pid <> pg_backend_pid()";
    sigma_tables::query(end).fetch_all(&mut rows).await.unwrap();
    // Two rounds later it has said again that it lives.
    let renewed = async {
        let mut best = None;
        loop {
            let left = sigma_cluster::nodes(&address).await.unwrap()[0].left;
            if best.is_some_and(|best| left > best) {
                return;
            }
            best = Some(left);
            sigma_clock::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    in_time("its word is renewed", renewed).await;
    assert_eq!(claim.fence(), Some(fence.clone()));
    assert!(fence.holds(&mut rows).await.unwrap());
}

#[tokio::test]
async fn who_leaves_gives_everything_back() {
    let address = database().await;
    let (one, two) = (join(&address, "one").await, join(&address, "two").await);
    let mut claims = [one.claim("a"), one.claim("b")];
    for claim in &mut claims {
        in_time("it holds", claim.held()).await;
    }
    one.leave().await;
    let nodes = two.nodes().await.unwrap();
    assert!(nodes[0].leases.is_empty(), "{nodes:?}");
    in_time("the other holds", two.claim("a").held()).await;
}

#[tokio::test]
async fn a_node_that_is_started_again_has_its_leases_back_at_once() {
    let address = database().await;
    let mut dead = Mortal::join(&address, "one").await;
    let mut claim = dead.cluster.claim("views");
    let fence = in_time("it holds", claim.held()).await;
    dead.kill();
    let again = join(&address, "one").await;
    let began = sigma_clock::monotonic();
    let mut claimed = again.claim("views");
    let next = in_time("it holds again", claimed.held()).await;
    assert!(next.number() > fence.number());
    assert!(began.elapsed() < sigma_cluster::TERM / 2, "{:?}", began.elapsed());
}
