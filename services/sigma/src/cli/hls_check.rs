//! `sigma hls-check`.

use clap::Args;

/// The longest run, in seconds: everything that is seen is kept until it is judged.
const LONGEST: u64 = 3_600;

/// Judge any LL-HLS origin by 44 rules of the specification
#[derive(Args, Debug)]
#[command(
    after_help = "Exit codes: 0 no rule is broken, 1 a rule is broken or nothing could be judged, 2 the command was not understood."
)]
pub(crate) struct HlsCheckArgs {
    /// The address of a live multivariant or media playlist
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// How long to look, in seconds; a broadcast that ends is judged to its end
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=LONGEST))]
    pub(crate) seconds: u64,
    /// Take any certificate
    #[arg(long, short = 'k')]
    pub(crate) insecure: bool,
    /// Print the verdicts with all their evidence as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
