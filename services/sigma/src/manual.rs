//! `sigma completions` and `sigma man`: made from the command line's own words, so that they are never stale.

use std::io::Write;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::client::print;
use crate::fault::Fault;
use crate::folder::plain;

/// Prints what makes `shell` complete our commands.
pub(crate) fn completions(shell: Shell) -> Result<(), Fault> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "sigma", &mut script);
    print::lines([String::from_utf8_lossy(&script).trim_end()])
}

/// Prints the manual page, or writes one for each command into `folder`.
pub(crate) fn man(folder: Option<&Path>) -> Result<(), Fault> {
    let unwritable = |path: &Path, error: &std::io::Error| {
        Fault::new(
            format!("{} cannot be written: {}", path.display(), plain(error)),
            "name a folder that can be",
        )
    };
    let Some(folder) = folder else {
        return print::lines([page(&Cli::command())?]);
    };
    std::fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    let pages = pages()?;
    for (name, text) in &pages {
        let path = folder.join(name);
        let written = std::fs::File::create(&path).and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| unwritable(&path, &error))?;
    }
    print::lines([format!(
        "{} pages are written; read them with: man -l {}",
        pages.len(),
        folder.join("sigma.1").display()
    )])
}

/// Every command's page with its file's name.
fn pages() -> Result<Vec<(String, String)>, Fault> {
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    let mut pages = Vec::new();
    let mut waiting = vec![("sigma".to_owned(), root)];
    while let Some((name, command)) = waiting.pop() {
        let below = command.get_subcommands().filter(|below| !below.is_hide_set());
        waiting.extend(below.map(|below| (format!("{name}-{}", below.get_name()), below.clone())));
        // Clap wants names that live for ever; a manual's are few.
        let leaked: &'static str = Box::leak(name.clone().into_boxed_str());
        pages.push((format!("{name}.1"), page(&command.name(leaked))?));
    }
    Ok(pages)
}

fn page(command: &Command) -> Result<String, Fault> {
    let mut page = Vec::new();
    // Clap leaves out of a page what the short help leaves out; a manual is where it belongs.
    let command = command.clone().mut_args(|arg| arg.hide_short_help(false));
    let written = clap_mangen::Man::new(command).render(&mut page);
    written.map_err(|error| Fault::new(format!("no manual page can be made: {error}"), "try again"))?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page() {
        let pages = pages().expect("pages");
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        for name in [
            "sigma.1",
            "sigma-serve.1",
            "sigma-channel.1",
            "sigma-channel-rotate-key.1",
            "sigma-events-tail.1",
        ] {
            assert!(names.contains(&name), "{name} is missing: {names:?}");
        }
        let serve = &pages.iter().find(|(name, _)| name == "sigma-serve.1").expect("a page").1;
        assert!(serve.contains("limit\\-depth") && serve.contains("SIGMA_LIMIT_DEPTH"), "{serve}");
    }

    #[test]
    fn every_shell_gets_its_script() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell, Shell::Elvish] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "sigma", &mut script);
            assert!(String::from_utf8_lossy(&script).contains("rotate-key"), "{shell}");
        }
    }
}
