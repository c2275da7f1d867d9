//! `docs/settings.md`, made from the table: stale, a test fails.

use std::fmt::Write as _;
use std::path::Path;

use super::table::{Group, SETTINGS, Setting, Shape};

const GROUPS: [Group; 6] =
    [Group::Platform, Group::Kafka, Group::Log, Group::Secrets, Group::Limits, Group::Health];

fn document() -> String {
    let mut text = "# Settings\n\n\
        Each is a flag of `sigma serve` and `sigma demo`, an environment variable and a key of `sigma.toml`; the flag wins, then the \
        environment, then the file. `sigma serve --print-config` prints each with where it came from (`--json` for programs); \
        `sigma doctor` says what is amiss. A key of the file that is not known is refused with the nearest right one; a variable \
        that is not known is warned of. `--config FILE` or `SIGMA_CONFIG` names the file, else `sigma.toml` where there is one.\n\n\
        This page is made from the table in `services/sigma/src/settings/table.rs`: \
        `INSTA_UPDATE=always cargo test -p sigma settings` writes it anew.\n"
        .to_owned();
    for group in GROUPS {
        let title = group.title();
        let _ = write!(text, "\n## {title}\n\n");
        if group == Group::Secrets {
            text.push_str(
                "In the environment only: never on a command line, never in a file of settings.\n\n",
            );
        }
        text.push_str("| setting | variable | default | what it is for |\n|---|---|---|---|\n");
        for setting in SETTINGS.iter().filter(|setting| setting.group == group) {
            text.push_str(&row(setting));
        }
    }
    text
}

fn row(setting: &Setting) -> String {
    let name = if setting.is_secret() { "–".to_owned() } else { format!("`--{}`", setting.name) };
    let default = match &setting.default {
        super::table::Default::Is(text) => format!("`{text}`"),
        super::table::Default::None(words) => (*words).to_owned(),
    };
    let bounds = match setting.shape {
        Shape::Number { least, most, unit } => format!(" ({least} to {most} {unit})"),
        _ => String::new(),
    };
    format!("| {name} | `{}` | {default} | {}{bounds} |\n", setting.variable(), setting.help)
}

#[test]
fn the_page_of_settings_is_the_tables_own() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/settings.md");
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(&path, document()).expect("the page can be written");
    }
    let stands = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stands == document(),
        "docs/settings.md is stale: INSTA_UPDATE=always cargo test -p sigma settings"
    );
}
