//! `sigma token …` and `sigma project …`

use clap::Subcommand;

use super::{ConnectArgs, WatchArgs};

#[derive(Subcommand, Debug)]
pub(crate) enum TokenCommand {
    /// Make an API token; it is printed this once
    Create {
        /// What it is for
        name: String,
        /// What it may do, as channels:read; again for more, or with commas
        #[arg(long = "scope", value_name = "SCOPE", required = true, value_delimiter = ',')]
        scopes: Vec<String>,
        /// How long it holds, as 90s, 12h, 30d [default: for ever]
        #[arg(long, value_name = "SPAN", value_parser = span)]
        expires_in: Option<i64>,
        /// Only for this channel; again for more
        #[arg(long = "channel", value_name = "ID", value_delimiter = ',')]
        channels: Vec<String>,
        /// For this project instead of one's own
        #[arg(long, value_name = "ID")]
        project: Option<String>,
        #[command(flatten)]
        connect: ConnectArgs,
    },
    /// List API tokens, newest first; never what they say
    List {
        #[command(flatten)]
        watch: WatchArgs,
        #[command(flatten)]
        connect: ConnectArgs,
    },
    /// Make an API token worthless, at once and for ever
    Revoke {
        /// The token's id, tk_…
        id: String,
        #[command(flatten)]
        connect: ConnectArgs,
    },
}

#[derive(Subcommand, Debug)]
pub(crate) enum ProjectCommand {
    /// Make a project
    Create {
        /// Its name
        name: String,
        #[command(flatten)]
        connect: ConnectArgs,
    },
    /// List projects
    List {
        #[command(flatten)]
        watch: WatchArgs,
        #[command(flatten)]
        connect: ConnectArgs,
    },
}

/// A span of time in seconds: `90s`, `30m`, `12h`, `30d`.
fn span(text: &str) -> Result<i64, String> {
    let mend = || "write a number and s, m, h or d, as 12h".to_owned();
    let unit = text.chars().last().ok_or_else(mend)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(mend()),
    };
    let number: i64 = text[..text.len() - 1].parse().map_err(|_| mend())?;
    number.checked_mul(seconds).filter(|span| *span > 0).ok_or_else(mend)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_with_their_unit() {
        assert_eq!(
            [span("90s"), span("2m"), span("1h"), span("30d")],
            [Ok(90), Ok(120), Ok(3_600), Ok(2_592_000)]
        );
        for text in ["", "5", "d", "-1d", "0s", "1w", "9223372036854775807d", "1é"] {
            assert!(span(text).is_err(), "{text}");
        }
    }
}
