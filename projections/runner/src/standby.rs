//! How a projection stands, told by a node that does not run it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use sigma_tables::Rows;

use crate::failure::Failure;
use crate::generation::standing;
use crate::shelf::Shelf;
use crate::status::{Shared, Snapshot, Standing};

/// Rows that are not read within this time are told as trouble.
const PATIENCE: Duration = Duration::from_secs(2);

/// How a projection stands: what its task knows where it is run here, else what its rows say.
pub(crate) async fn snapshot(shelf: &Shelf, shared: &Shared) -> Snapshot {
    let known = || Snapshot { node: node(shelf), ..shared.snapshot().clone() };
    if shared.runs_here.load(Ordering::Acquire) || shelf.board().is_none() {
        return known();
    }
    let trouble = match sigma_clock::timeout(PATIENCE, read(shelf, shared)).await {
        Ok(Ok(snapshot)) => return snapshot,
        Ok(Err(failure)) => failure.tell(shelf),
        Err(_) => Failure::View(sqlx::Error::PoolTimedOut).tell(shelf),
    };
    Snapshot { trouble: Some(trouble), node: None, ..known() }
}

fn node(shelf: &Shelf) -> Option<String> {
    shelf.board().map(|(board, _)| board.cluster.node_id().to_owned())
}

async fn read(shelf: &Shelf, shared: &Shared) -> Result<Snapshot, Failure> {
    let Some((board, of)) = shelf.board() else { return Ok(Snapshot::default()) };
    let Some(posted) = board.posted(of).await? else { return Ok(Snapshot::default()) };
    let own = shared.snapshot().trouble.clone();
    Ok(Snapshot {
        serving: read_standing(shelf, shared, posted.generation).await?,
        building: read_standing(shelf, shared, posted.building).await?,
        trouble: posted.trouble.or(own),
        node: Some(posted.node),
    })
}

/// Where a generation is. One that was replaced in this very moment is none.
async fn read_standing(
    shelf: &Shelf,
    shared: &Shared,
    generation: Option<u32>,
) -> Result<Option<Standing>, Failure> {
    let Some(generation) = generation else { return Ok(None) };
    let shown = shared.serving.borrow().clone().filter(|shown| shown.generation == generation);
    let read = match shown {
        Some(shown) => standing(Rows::from(&mut shown.pool.acquire().await?), generation).await,
        None => standing(Rows::from(&mut shelf.place(generation).connect().await?), generation).await,
    };
    match read.map_err(Failure::View) {
        Err(failure) if failure.is_lost() => Ok(None),
        read => Ok(Some(read?)),
    }
}
