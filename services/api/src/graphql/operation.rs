//! What a document asks for, counted before it runs.

use std::collections::{HashMap, HashSet};

use async_graphql::parser::types::{
    ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet,
};
use async_graphql::{Name, Positioned};

/// The name of the operation that is to run: the one asked for, or the only one's.
pub(crate) fn name(document: &ExecutableDocument, asked: Option<&str>) -> Option<String> {
    let mut names = document.operations.iter().map(|(name, _)| name.map(|name| name.as_str().to_owned()));
    match asked {
        Some(asked) => names.flatten().find(|name| name == asked),
        None => names.next().flatten().filter(|_| names.next().is_none()),
    }
}

/// How many fields of `Mutation` the operation named selects at its root, fragments opened. None when the operation
/// is no mutation, or cannot be told.
pub(crate) fn mutation_fields(document: &ExecutableDocument, name: Option<&str>) -> Option<usize> {
    let operation = chosen(document, name)?;
    if operation.node.ty != OperationType::Mutation {
        return None;
    }
    let mut opened = HashSet::new();
    Some(fields(document, &operation.node.selection_set, &mut opened))
}

/// The name under which the mutation named answers twice, where it does: the engine would run both, and show one.
pub(crate) fn answered_twice<'a>(document: &'a ExecutableDocument, name: Option<&str>) -> Option<&'a str> {
    let operation = chosen(document, name)?;
    let is_mutation = operation.node.ty == OperationType::Mutation;
    is_mutation.then(|| again(document, &operation.node.selection_set, &mut HashSet::new())).flatten()
}

fn again<'a>(
    document: &'a ExecutableDocument,
    set: &'a Positioned<SelectionSet>,
    answered: &mut HashSet<&'a str>,
) -> Option<&'a str> {
    set.node.items.iter().find_map(|item| match &item.node {
        Selection::Field(field) if field.node.name.node.starts_with("__") => None,
        Selection::Field(field) => {
            let name = field.node.response_key().node.as_str();
            (!answered.insert(name)).then_some(name)
        }
        Selection::InlineFragment(fragment) => again(document, &fragment.node.selection_set, answered),
        Selection::FragmentSpread(spread) => {
            let fragment = document.fragments.get(&spread.node.fragment_name.node)?;
            again(document, &fragment.node.selection_set, answered)
        }
    })
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It reads.
    Query,
    /// It changes something.
    Mutation,
    /// It follows something.
    Subscription,
}

impl Kind {
    /// The word for it, as a label of figures.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
            Self::Subscription => "subscription",
        }
    }
}

/// What the operation that is to run does.
pub(crate) fn kind(document: &ExecutableDocument, asked: Option<&str>) -> Option<Kind> {
    chosen(document, asked).map(|operation| match operation.node.ty {
        OperationType::Query => Kind::Query,
        OperationType::Mutation => Kind::Mutation,
        OperationType::Subscription => Kind::Subscription,
    })
}

fn chosen<'a>(
    document: &'a ExecutableDocument,
    asked: Option<&str>,
) -> Option<&'a Positioned<OperationDefinition>> {
    let mut operations = document.operations.iter();
    let operation = match asked {
        Some(asked) => operations.find(|(known, _)| known.is_some_and(|known| known.as_str() == asked)),
        None => operations.next(),
    };
    operation.map(|(_, operation)| operation)
}

/// How much a document asks for once every fragment is opened where it is spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Measure {
    /// Selections.
    pub(crate) size: u64,
    /// Fields under another name.
    pub(crate) aliases: u64,
    /// Fields within fields.
    pub(crate) depth: usize,
    /// Selections within selections, spreads counted.
    pub(crate) levels: usize,
    /// Nodes of the schema that introspection visits.
    pub(crate) introspection: u64,
}

impl Measure {
    fn beside(self, other: Self) -> Self {
        Self {
            size: self.size.saturating_add(other.size),
            aliases: self.aliases.saturating_add(other.aliases),
            depth: self.depth.max(other.depth),
            levels: self.levels.max(other.levels),
            introspection: self.introspection.saturating_add(other.introspection),
        }
    }

    /// As the inside of one selection more.
    fn within(self) -> Self {
        Self { size: self.size.saturating_add(1), levels: self.levels.saturating_add(1), ..self }
    }
}

/// Measures a document. Each fragment is measured once, so that fragments within fragments cost nothing to refuse.
/// None where a fragment contains itself.
pub(crate) fn measure(document: &ExecutableDocument) -> Option<Measure> {
    let mut known = HashMap::new();
    let mut whole = Measure::default();
    for (_, operation) in document.operations.iter() {
        whole = whole.beside(of_set(document, &operation.node.selection_set, false, &mut known)?);
    }
    Some(whole)
}

type Known<'a> = HashMap<&'a Name, Option<Measure>>;

fn of_set<'a>(
    document: &'a ExecutableDocument,
    set: &'a Positioned<SelectionSet>,
    in_schema: bool,
    known: &mut Known<'a>,
) -> Option<Measure> {
    let mut whole = Measure::default();
    for item in &set.node.items {
        let one = match &item.node {
            Selection::Field(field) => {
                let name = field.node.name.node.as_str();
                let in_schema = in_schema || matches!(name, "__schema" | "__type");
                let inside = of_set(document, &field.node.selection_set, in_schema, known)?;
                Measure {
                    aliases: inside.aliases.saturating_add(u64::from(field.node.alias.is_some())),
                    depth: inside.depth.saturating_add(1),
                    introspection: if in_schema {
                        inside.introspection.saturating_add(1).saturating_mul(rows(name))
                    } else {
                        inside.introspection
                    },
                    ..inside
                }
            }
            Selection::InlineFragment(fragment) => {
                of_set(document, &fragment.node.selection_set, in_schema, known)?
            }
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                match (known.get(name), document.fragments.get(name)) {
                    // Being measured, and met again: a circle.
                    (Some(None), _) => return None,
                    (Some(Some(measured)), _) => *measured,
                    (None, None) => Measure::default(),
                    (None, Some(fragment)) => {
                        known.insert(name, None);
                        let in_schema = fragment.node.type_condition.node.on.node.starts_with("__");
                        let measured = of_set(document, &fragment.node.selection_set, in_schema, known)?;
                        known.insert(name, Some(measured));
                        measured
                    }
                }
            }
        };
        whole = whole.beside(one.within());
    }
    Some(whole)
}

/// How many nodes a list of the schema's own holds, roughly and for a schema like ours.
fn rows(field: &str) -> u64 {
    match field {
        "types" => 100,
        "fields" => 8,
        "args" | "inputFields" | "enumValues" | "possibleTypes" => 3,
        "directives" => 6,
        _ => 1,
    }
}

fn fields<'a>(
    document: &'a ExecutableDocument,
    set: &'a Positioned<SelectionSet>,
    opened: &mut HashSet<&'a Name>,
) -> usize {
    let items = set.node.items.iter();
    items
        .map(|item| match &item.node {
            Selection::Field(field) => usize::from(!field.node.name.node.starts_with("__")),
            Selection::InlineFragment(fragment) => fields(document, &fragment.node.selection_set, opened),
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                // Each fragment once: a mutation that spreads one twice is refused.
                match document.fragments.get(name) {
                    Some(fragment) if opened.insert(name) => {
                        fields(document, &fragment.node.selection_set, opened)
                    }
                    _ => 0,
                }
            }
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    fn count(query: &str, name: Option<&str>) -> Option<usize> {
        mutation_fields(&parse_query(query).expect("a document"), name)
    }

    #[test]
    fn fields_are_counted_through_fragments() {
        assert_eq!(count("mutation { a b: a }", None), Some(2));
        assert_eq!(count("mutation { ...F } fragment F on Mutation { a ... { b } }", None), Some(2));
        assert_eq!(count("mutation { __typename a }", None), Some(1));
    }

    #[test]
    fn an_operation_is_told_by_its_name() {
        let name = |query: &str, asked| name(&parse_query(query).expect("a document"), asked);
        assert_eq!(name("query Q { x }", None).as_deref(), Some("Q"));
        assert_eq!(name("query Q { x } query R { x }", Some("R")).as_deref(), Some("R"));
        assert_eq!(name("{ x }", None), None);
        assert_eq!(name("query Q { x }", Some("none")), None);
    }

    #[test]
    fn only_the_operation_that_is_named_counts() {
        assert_eq!(count("query Q { x } mutation M { a }", Some("M")), Some(1));
        assert_eq!(count("query Q { x } mutation M { a }", Some("Q")), None);
        assert_eq!(count("query { x }", None), None);
    }

    #[test]
    fn fragments_within_fragments_are_measured_without_opening_them() {
        let mut document = "query { ...F0 }".to_owned();
        for level in 0..60 {
            document.push_str(&format!(" fragment F{level} on Query {{ ...F{0} ...F{0} }}", level + 1));
        }
        document.push_str(" fragment F60 on Query { x }");
        let measured = measure(&parse_query(&document).expect("a document")).expect("no circle");
        assert!(measured.size > 1 << 60, "{measured:?}");
        assert_eq!(count(&document, None), None);
    }

    #[test]
    fn a_fragment_in_a_circle_has_no_size() {
        let document = parse_query("{ ...F } fragment F on Query { x { ...G } } fragment G on X { ...F }");
        assert_eq!(measure(&document.expect("a document")), None);
    }

    #[test]
    fn a_mutation_that_answers_twice_under_one_name_is_found() {
        let twice = |query: &str| {
            let document = parse_query(query).expect("a document");
            answered_twice(&document, None).map(str::to_owned)
        };
        for (query, name) in [
            ("mutation { a a }", "a"),
            ("mutation { x: a x: b }", "x"),
            ("mutation { a ... { b: a a } }", "a"),
            ("mutation { ...F ...F } fragment F on Mutation { a }", "a"),
            ("mutation { ...F ...G } fragment F on Mutation { ...G } fragment G on Mutation { b }", "b"),
        ] {
            assert_eq!(twice(query).as_deref(), Some(name), "{query}");
        }
        for query in ["mutation { a b: a __typename __typename c { d d } }", "query { a a }"] {
            assert_eq!(twice(query), None, "{query}");
        }
    }

    #[test]
    fn a_fragment_in_a_circle_ends() {
        assert_eq!(count("mutation { ...F } fragment F on Mutation { a ...F }", None), Some(1));
    }
}
