//! What breaks clients between two schemas: the released one, `schema/graphql/released.graphql`, and the one that stands.
//!
//! After a release: `cp schema/graphql/schema.graphql schema/graphql/released.graphql`.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, FieldDefinition, InputValueDefinition, Type, TypeKind, TypeSystemDefinition,
};
use async_graphql::{Name, Positioned};

/// A type's parts as a client depends on them.
enum Shape {
    Scalar,
    Enum(BTreeSet<String>),
    Union(BTreeSet<String>),
    Input(BTreeMap<String, Input>),
    Output { fields: BTreeMap<String, Output>, implements: BTreeSet<String>, is_interface: bool },
}

struct Input {
    ty: Type,
    has_default: bool,
    default: Option<String>,
}

struct Output {
    ty: Type,
    arguments: BTreeMap<String, Input>,
}

impl Shape {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Scalar => "a scalar",
            Self::Enum(_) => "an enum",
            Self::Union(_) => "a union",
            Self::Input(_) => "an input",
            Self::Output { is_interface: true, .. } => "an interface",
            Self::Output { is_interface: false, .. } => "an object",
        }
    }
}

/// Everything in `now` that breaks a client made for `then`, as sentences.
pub(crate) fn breaks(then: &str, now: &str) -> Vec<String> {
    let (then, now) = (shapes(then), shapes(now));
    let mut found = Vec::new();
    for (name, old) in &then {
        match now.get(name) {
            None => found.push(format!("the type {name} is gone")),
            Some(new) => compare(name, old, new, &mut found),
        }
    }
    found
}

fn compare(name: &str, old: &Shape, new: &Shape, found: &mut Vec<String>) {
    match (old, new) {
        (Shape::Scalar, Shape::Scalar) => {}
        (Shape::Enum(old), Shape::Enum(new)) => {
            found.extend(old.difference(new).map(|value| format!("the value {name}.{value} is gone")));
        }
        (Shape::Union(old), Shape::Union(new)) => {
            found.extend(
                old.difference(new).map(|member| format!("{member} is no member of {name} any more")),
            );
        }
        (Shape::Input(old), Shape::Input(new)) => inputs("the input field", name, old, new, found),
        (
            Shape::Output { fields: old, implements: were, is_interface: was },
            Shape::Output { fields: new, implements: are, is_interface: is },
        ) if was == is => {
            found.extend(were.difference(are).map(|one| format!("{name} does not implement {one} any more")));
            outputs(name, old, new, found);
        }
        _ => found.push(format!("{name} was {} and is {}", old.kind(), new.kind())),
    }
}

fn outputs(
    name: &str,
    old: &BTreeMap<String, Output>,
    new: &BTreeMap<String, Output>,
    found: &mut Vec<String>,
) {
    for (field, was) in old {
        let path = format!("{name}.{field}");
        let Some(is) = new.get(field) else {
            found.push(format!("the field {path} is gone"));
            continue;
        };
        if !promises_as_much(&was.ty, &is.ty) {
            found.push(format!("the field {path} was {} and is {}", was.ty, is.ty));
        }
        inputs("the argument", &path, &was.arguments, &is.arguments, found);
    }
}

fn inputs(
    what: &str,
    of: &str,
    old: &BTreeMap<String, Input>,
    new: &BTreeMap<String, Input>,
    found: &mut Vec<String>,
) {
    for (name, was) in old {
        match new.get(name) {
            None => found.push(format!("{what} {of}.{name} is gone")),
            Some(is) if !promises_as_much(&is.ty, &was.ty) => {
                found.push(format!("{what} {of}.{name} was {} and is {}", was.ty, is.ty));
            }
            Some(is) if was.has_default && is.default != was.default => {
                found.push(format!("{what} {of}.{name} has another default"));
            }
            Some(_) => {}
        }
    }
    let added =
        new.iter().filter(|(name, is)| !old.contains_key(*name) && !is.ty.nullable && !is.has_default);
    found.extend(added.map(|(name, _)| format!("{what} {of}.{name} is new and required")));
}

/// Whether every value of `is` is one of `was`: what a client reads may become narrower, what it sends wider.
fn promises_as_much(was: &Type, is: &Type) -> bool {
    (was.nullable || !is.nullable)
        && match (&was.base, &is.base) {
            (BaseType::Named(was), BaseType::Named(is)) => was == is,
            (BaseType::List(was), BaseType::List(is)) => promises_as_much(was, is),
            _ => false,
        }
}

fn shapes(sdl: &str) -> BTreeMap<String, Shape> {
    let document = parse_schema(sdl).expect("a schema");
    let types = document.definitions.into_iter().filter_map(|definition| match definition {
        TypeSystemDefinition::Type(definition) => Some(definition.node),
        TypeSystemDefinition::Schema(_) | TypeSystemDefinition::Directive(_) => None,
    });
    types.map(|definition| (definition.name.node.to_string(), shape(definition.kind))).collect()
}

fn shape(kind: TypeKind) -> Shape {
    let names = |names: Vec<Positioned<Name>>| names.into_iter().map(|name| name.node.to_string()).collect();
    match kind {
        TypeKind::Scalar => Shape::Scalar,
        TypeKind::Enum(kind) => {
            Shape::Enum(kind.values.into_iter().map(|value| value.node.value.node.to_string()).collect())
        }
        TypeKind::Union(kind) => Shape::Union(names(kind.members)),
        TypeKind::InputObject(kind) => Shape::Input(input(kind.fields)),
        TypeKind::Object(kind) => {
            let (fields, implements) = (output(kind.fields), names(kind.implements));
            Shape::Output { fields, implements, is_interface: false }
        }
        TypeKind::Interface(kind) => {
            let (fields, implements) = (output(kind.fields), names(kind.implements));
            Shape::Output { fields, implements, is_interface: true }
        }
    }
}

fn output(fields: Vec<Positioned<FieldDefinition>>) -> BTreeMap<String, Output> {
    let fields = fields.into_iter().map(|field| field.node);
    fields
        .map(|field| {
            let output = Output { ty: field.ty.node, arguments: input(field.arguments) };
            (field.name.node.to_string(), output)
        })
        .collect()
}

fn input(values: Vec<Positioned<InputValueDefinition>>) -> BTreeMap<String, Input> {
    let values = values.into_iter().map(|value| value.node);
    values
        .map(|value| {
            let default = value.default_value.map(|default| default.node.to_string());
            (
                value.name.node.to_string(),
                Input { ty: value.ty.node, has_default: default.is_some(), default },
            )
        })
        .collect()
}

#[test]
fn no_client_of_the_released_schema_is_broken() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schema/graphql/released.graphql");
    let released = std::fs::read_to_string(path).expect("the released schema");
    assert_eq!(breaks(&released, &sigma_api::graphql::sdl()), Vec::<String>::new());
}

const THEN: &str = "
    type Query { channel(id: ID!, deep: Boolean = false): Channel  any: Thing }
    type Channel implements Node { id: ID!  name: String  tags: [String!]!  state: State! }
    type Session implements Node { id: ID! }
    interface Node { id: ID! }
    union Thing = Channel | Session
    enum State { IDLE ACTIVE }
    input Wish { name: String!  size: Int }
    scalar Long";

/// `THEN` with one thing changed, and what is found.
fn mutant(old: &str, new: &str) -> Vec<String> {
    assert!(THEN.contains(old), "{old}");
    breaks(THEN, &THEN.replacen(old, new, 1))
}

#[test]
fn each_kind_of_break_is_found() {
    let cases = [
        ("scalar Long", "", "the type Long is gone"),
        ("scalar Long", "enum Long { ONE }", "Long was a scalar and is an enum"),
        ("name: String  tags", "tags", "the field Channel.name is gone"),
        ("name: String  tags", "name: Int  tags", "the field Channel.name was String and is Int"),
        ("state: State!", "state: State", "the field Channel.state was State! and is State"),
        ("tags: [String!]!", "tags: [String]!", "the field Channel.tags was [String!]! and is [String]!"),
        ("tags: [String!]!", "tags: String!", "the field Channel.tags was [String!]! and is String!"),
        (", deep: Boolean = false", "", "the argument Query.channel.deep is gone"),
        (
            "deep: Boolean = false",
            "deep: Int = false",
            "the argument Query.channel.deep was Boolean and is Int",
        ),
        (
            "deep: Boolean = false",
            "deep: Boolean = true",
            "the argument Query.channel.deep has another default",
        ),
        ("deep: Boolean = false", "deep: Boolean", "the argument Query.channel.deep has another default"),
        ("any: Thing", "any(of: ID!): Thing", "the argument Query.any.of is new and required"),
        ("IDLE ACTIVE", "ACTIVE", "the value State.IDLE is gone"),
        ("| Session", "", "Session is no member of Thing any more"),
        ("Session implements Node", "Session", "Session does not implement Node any more"),
        ("size: Int", "", "the input field Wish.size is gone"),
        ("size: Int", "size: Int!", "the input field Wish.size was Int and is Int!"),
        ("size: Int", "size: Int  colour: String!", "the input field Wish.colour is new and required"),
    ];
    for (old, new, wanted) in cases {
        assert_eq!(mutant(old, new), [wanted], "{old} -> {new}");
    }
}

#[test]
fn what_breaks_nobody_is_let_through() {
    let cases = [
        ("scalar Long", "scalar Long scalar Wide"),
        ("IDLE ACTIVE", "IDLE ACTIVE STOP"),
        ("name: String  tags", "name: String!  tags"),
        ("any: Thing", "any(of: ID): Thing"),
        ("any: Thing", "any(of: ID! = 5): Thing"),
        ("channel(id: ID!,", "channel(id: ID,"),
        ("size: Int", "size: Int  colour: String"),
        ("name: String!  size", "name: String  size"),
        ("scalar Long", "\"\"\" told \"\"\" scalar Long"),
    ];
    for (old, new) in cases {
        assert_eq!(mutant(old, new), Vec::<String>::new(), "{old} -> {new}");
    }
}
