//! The schema as clients are given it. `SIGMA_UPDATE_SDL=1 cargo test -p sigma-api` writes it anew.

use std::path::Path;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{TypeDefinition, TypeKind, TypeSystemDefinition};
use async_graphql::{Name, Positioned};

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
fn every_type_field_argument_and_value_has_a_description() {
    let document = parse_schema(sigma_api::graphql::sdl()).expect("a schema");
    let mut bare = Vec::new();
    let mut look = |path: String, description: &Option<Positioned<String>>| {
        let said = description.as_ref().is_some_and(|text| text.node.trim().len() > 3);
        if !said {
            bare.push(path);
        }
    };
    for definition in document.definitions {
        let TypeSystemDefinition::Type(definition) = definition else { continue };
        let TypeDefinition { name, description, kind, .. } = definition.node;
        look(name.node.to_string(), &description);
        let path = |field: &Name| format!("{}.{field}", name.node);
        let inputs = match kind {
            TypeKind::InputObject(kind) => kind.fields,
            TypeKind::Object(kind) => {
                for field in &kind.fields {
                    look(path(&field.node.name.node), &field.node.description);
                    for argument in &field.node.arguments {
                        let path = format!("{}({})", path(&field.node.name.node), argument.node.name.node);
                        look(path, &argument.node.description);
                    }
                }
                Vec::new()
            }
            TypeKind::Enum(kind) => {
                for value in &kind.values {
                    look(path(&value.node.value.node), &value.node.description);
                }
                Vec::new()
            }
            _ => Vec::new(),
        };
        for input in inputs {
            look(path(&input.node.name.node), &input.node.description);
        }
    }
    assert_eq!(bare, Vec::<String>::new());
}
