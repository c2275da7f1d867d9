//! `sigma asset …`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{ConnectArgs, LimitArgs, WatchArgs};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AssetKind {
    /// What the broadcaster sent
    Source,
    /// What viewers saw
    Catchup,
    /// A piece that somebody cut
    Clip,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AssetState {
    /// Being recorded
    Started,
    /// All of it is there
    Ready,
    /// There was nothing to keep, or it is lost
    Failed,
    /// Somebody deleted it
    Deleted,
    /// Its time was up
    Expired,
}

#[derive(Subcommand, Debug)]
pub(crate) enum AssetCommand {
    /// List recordings, catchups and clips, newest first; without those that are gone, unless asked for
    List {
        /// Only those of this channel
        #[arg(long, value_name = "ID")]
        channel: Option<String>,
        /// Only those of this session
        #[arg(long, value_name = "ID")]
        session: Option<String>,
        /// Only those of this kind
        #[arg(long, value_enum)]
        kind: Option<AssetKind>,
        /// Only those in this state
        #[arg(long, value_enum)]
        state: Option<AssetState>,
        #[command(flatten)]
        limit: LimitArgs,
        #[command(flatten)]
        watch: WatchArgs,
        #[command(flatten)]
        connect: ConnectArgs,
    },
    /// Show a recording, catchup or clip
    Show {
        #[command(flatten)]
        watch: WatchArgs,
        #[command(flatten)]
        asset: AssetArgs,
    },
    /// Cut a clip out of a session, also while it is on air, or out of an asset
    Clip(ClipArgs),
    /// Show only a part of an asset; nothing is cut away
    Trim {
        /// Where the part begins, in seconds from the beginning of all of it
        #[arg(long, value_name = "SECONDS")]
        from: f64,
        /// Where it ends
        #[arg(long, value_name = "SECONDS")]
        to: f64,
        /// To the picture, not to the key frame at or before it; of H.264 with AAC alone
        #[arg(long)]
        exact: bool,
        #[command(flatten)]
        asset: AssetArgs,
    },
    /// Let the picture of a moment stand for an asset
    Poster {
        /// The moment, in seconds from the beginning of what is shown of it
        #[arg(long, value_name = "SECONDS")]
        at: f64,
        #[command(flatten)]
        asset: AssetArgs,
    },
    /// Show all of an asset again
    Untrim(AssetArgs),
    /// Download a recording, catchup or clip as an MP4 with its index in front. Where its format changed it has several files
    Download {
        /// The asset's id, as_…
        id: String,
        /// Where to write it
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Which of its files
        #[arg(long, value_name = "NUMBER", default_value_t = 1)]
        number: u32,
        /// Of a source record: as it was sent, in fragments, with its own timestamps. Nothing is made for it
        #[arg(long)]
        source: bool,
        #[command(flatten)]
        connect: ConnectArgs,
    },
    /// Delete a recording, catchup or clip, for ever
    Delete(AssetArgs),
}

#[derive(Args, Debug)]
pub(crate) struct AssetArgs {
    /// The asset's id, as_…
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ClipArgs {
    /// What to cut from: a session, se_…, or an asset, as_…
    pub(crate) id: String,
    /// Where it begins, in seconds; of a session on air it may be negative: back from now
    #[arg(
        long,
        value_name = "SECONDS",
        allow_negative_numbers = true,
        requires = "to",
        required_unless_present = "range"
    )]
    pub(crate) from: Option<f64>,
    /// Where it ends; 0 is now where it begins back from now
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, requires = "from")]
    pub(crate) to: Option<f64>,
    /// One of several ranges, joined in this order: two numbers of seconds, as 61.5,90; may be said up to 50 times
    #[arg(long, value_name = "FROM,TO", allow_hyphen_values = true, value_parser = range, conflicts_with_all = ["from", "to"])]
    pub(crate) range: Vec<(f64, f64)>,
    /// To the picture, not to the key frame at or before it; of H.264 with AAC alone
    #[arg(long)]
    pub(crate) exact: bool,
    /// What it is called
    #[arg(long)]
    pub(crate) title: Option<String>,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
}

/// `FROM,TO`
fn range(text: &str) -> Result<(f64, f64), String> {
    let points = text.split_once(',').and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    points.ok_or_else(|| "give two numbers of seconds with a comma between them, as 61.5,90".to_owned())
}
