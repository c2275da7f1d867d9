//! What a document asks for, counted before it runs.

use std::collections::{HashMap, HashSet};

use async_graphql::parser::types::{ExecutableDocument, OperationType, Selection, SelectionSet};
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
    let mut operations = document.operations.iter();
    let operation = match name {
        Some(name) => operations.find(|(known, _)| known.is_some_and(|known| known.as_str() == name)),
        None => operations.next(),
    };
    let (_, operation) = operation?;
    if operation.node.ty != OperationType::Mutation {
        return None;
    }
    let mut opened = HashSet::new();
    Some(fields(document, &operation.node.selection_set, &mut opened))
}

/// How many selections the document has once every fragment is opened where it is spread; each fragment is measured
/// once, so that fragments within fragments cost nothing to refuse. None where a fragment contains itself.
pub(crate) fn opened_size(document: &ExecutableDocument) -> Option<u64> {
    let mut known = HashMap::new();
    let operations = document.operations.iter();
    operations.map(|(_, operation)| size(document, &operation.node.selection_set, &mut known)).sum()
}

fn size<'a>(
    document: &'a ExecutableDocument,
    set: &'a Positioned<SelectionSet>,
    known: &mut HashMap<&'a Name, Option<u64>>,
) -> Option<u64> {
    let mut total = 0u64;
    for item in &set.node.items {
        let inside = match &item.node {
            Selection::Field(field) => size(document, &field.node.selection_set, known)?,
            Selection::InlineFragment(fragment) => size(document, &fragment.node.selection_set, known)?,
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                match (known.get(name), document.fragments.get(name)) {
                    // Being measured, and met again: a circle.
                    (Some(None), _) => return None,
                    (Some(Some(size)), _) => *size,
                    (None, None) => 0,
                    (None, Some(fragment)) => {
                        known.insert(name, None);
                        let measured = size(document, &fragment.node.selection_set, known)?;
                        known.insert(name, Some(measured));
                        measured
                    }
                }
            }
        };
        total = total.saturating_add(inside).saturating_add(1);
    }
    Some(total)
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
                // Each fragment once: the fields of one that is spread twice are merged when they run.
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
        assert!(opened_size(&parse_query(&document).expect("a document")) > Some(1 << 60));
        assert_eq!(count(&document, None), None);
    }

    #[test]
    fn a_fragment_in_a_circle_has_no_size() {
        let document = parse_query("{ ...F } fragment F on Query { x { ...G } } fragment G on X { ...F }");
        assert_eq!(opened_size(&document.expect("a document")), None);
    }

    #[test]
    fn a_fragment_in_a_circle_ends() {
        assert_eq!(count("mutation { ...F } fragment F on Mutation { a ...F }", None), Some(1));
    }
}
