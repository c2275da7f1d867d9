//! What recordings take.

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, ID, Result, SimpleObject};
use sigma_app::{AssetFilter, Scope, StorageUse};

use super::asset::AssetKind;
use super::channel::Channel;
use super::context::{asked, behind};
use super::errors::Fault;
use super::guard::Needs;
use super::scalars::Long;

/// So many channels are told, those that take the most.
const CHANNELS: u32 = 100;

/// What READY recordings take. Each counts with all of its media, trimmed parts included: a source record, a catchup and clips
/// of one broadcast share their media on the disk, so that they take less together than is said here of each.
#[derive(SimpleObject)]
pub(crate) struct Storage {
    /// How many recordings are READY.
    assets: Long,
    /// Bytes of their media.
    bytes: Long,
    /// The same of each kind that there is.
    by_kind: Vec<StorageOfKind>,
    /// The same of each channel, the greatest first: of 100 at most.
    by_channel: Vec<StorageOfChannel>,
}

/// What recordings of a kind take.
#[derive(SimpleObject)]
pub(crate) struct StorageOfKind {
    /// The kind.
    kind: AssetKind,
    /// How many are READY.
    assets: Long,
    /// Bytes of their media.
    bytes: Long,
}

/// What recordings of a channel take.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(crate) struct StorageOfChannel {
    /// The channel's id, also where the channel was deleted.
    channel_id: ID,
    /// How many are READY.
    assets: Long,
    /// Bytes of their media.
    bytes: Long,
}

#[ComplexObject]
impl StorageOfChannel {
    /// The channel; null once it is deleted. Scope: `channels:read`.
    #[graphql(guard = "Needs(Scope::ChannelsRead)")]
    async fn channel(&self, context: &Context<'_>) -> Result<Option<Channel>> {
        Ok(asked(context)?.channel(&self.channel_id).await?.map(Channel))
    }
}

/// What the caller's project has: of one channel, or of all that he sees.
pub(crate) async fn storage(context: &Context<'_>, channel: Option<String>) -> Result<Storage> {
    let asked = asked(context)?;
    let filter = AssetFilter { channel, only_channels: asked.only_channels(), ..AssetFilter::default() };
    let channels = filter.channels();
    let (reads, project) = (Arc::clone(&behind(context)?.reads), asked.caller.project.as_str());
    let by_kind = reads.storage_by_kind(project, channels.as_deref()).await.map_err(Fault::from)?;
    let by_channel = reads.storage_by_channel(project, channels.as_deref(), CHANNELS).await;
    let by_channel = by_channel.map_err(Fault::from)?;
    let sum = |of: fn(&StorageUse) -> u64| Long::from(by_kind.iter().map(|(_, used)| of(used)).sum::<u64>());
    Ok(Storage {
        assets: sum(|used| used.assets),
        bytes: sum(|used| used.bytes),
        by_kind: by_kind
            .iter()
            .map(|(kind, used)| StorageOfKind {
                kind: (*kind).into(),
                assets: used.assets.into(),
                bytes: used.bytes.into(),
            })
            .collect(),
        by_channel: by_channel
            .into_iter()
            .map(|(channel, used)| StorageOfChannel {
                channel_id: ID(channel),
                assets: used.assets.into(),
                bytes: used.bytes.into(),
            })
            .collect(),
    })
}
