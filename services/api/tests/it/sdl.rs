//! The schema as clients are given it. `SIGMA_UPDATE_SDL=1 cargo test -p sigma-api` writes it anew.

use std::path::Path;

#[test]
fn the_schema_is_the_one_that_stands_in_the_repository() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schema/graphql/schema.graphql");
    let sdl = sigma_api::graphql::sdl();
    if std::env::var_os("SIGMA_UPDATE_SDL").is_some() {
        std::fs::write(&path, &sdl).expect("written");
    }
    let stands = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stands == sdl,
        "the schema and schema/graphql/schema.graphql differ; if that is meant, run SIGMA_UPDATE_SDL=1 cargo test \
         -p sigma-api the_schema and look at the difference:\n{}",
        difference(&stands, &sdl)
    );
}

fn difference(stands: &str, sdl: &str) -> String {
    let gone = stands.lines().filter(|line| !sdl.contains(line)).map(|line| format!("-{line}"));
    let come = sdl.lines().filter(|line| !stands.contains(line)).map(|line| format!("+{line}"));
    gone.chain(come).take(40).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_type_and_field_has_a_description() {
    let sdl = sigma_api::graphql::sdl();
    let mut described = false;
    let mut bare = Vec::new();
    for line in sdl.lines().map(str::trim) {
        let declares = ["type ", "enum ", "input ", "scalar "].iter().any(|word| line.starts_with(word));
        let is_field = line.contains(':') && line.chars().next().is_some_and(|c| c.is_ascii_lowercase());
        // Arguments on lines of their own carry theirs within the parentheses of the field.
        if (declares || is_field) && !described && !line.starts_with("schema") {
            bare.push(line.to_owned());
        }
        described = line.ends_with("\"\"\"") || line.starts_with('"');
    }
    bare.retain(|line| !line.starts_with("query:") && !line.starts_with("mutation:"));
    assert_eq!(bare, Vec::<String>::new());
}
