//! The root of a subscription: exactly one field (GraphQL October 2021 §5.2.3.1).
//!
//! The engine follows only fields that stand at the root themselves, so a fragment there is opened before it runs.

use std::collections::HashSet;

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet,
};
use async_graphql::{Name, Positioned};

use super::errors::{Code, Fault};

/// The document with the fragments at its subscriptions' roots opened; none where there are none. The document holds no
/// circle of fragments.
pub(crate) fn opened(document: &ExecutableDocument) -> Result<Option<ExecutableDocument>, Fault> {
    let subscriptions = || {
        let operations = document.operations.iter().map(|(_, operation)| operation);
        operations.filter(|operation| operation.node.ty == OperationType::Subscription)
    };
    let mut spread = HashSet::new();
    for operation in subscriptions() {
        let mut fields = Vec::new();
        collect(document, &operation.node.selection_set, &mut fields, &mut spread)?;
        if fields.len() != 1 {
            let found = fields.len();
            let message =
                format!("a subscription follows exactly one field, not {found}: ask for each on its own");
            return Err(Fault::new(Code::BadInput, message));
        }
    }
    let is_field = |item: &Positioned<Selection>| matches!(item.node, Selection::Field(_));
    if subscriptions().all(|operation| operation.node.selection_set.node.items.iter().all(is_field)) {
        return Ok(None);
    }
    let mut whole = document.clone();
    match &mut whole.operations {
        DocumentOperations::Single(operation) => open(document, &mut operation.node)?,
        DocumentOperations::Multiple(operations) => {
            for operation in operations.values_mut() {
                open(document, &mut operation.node)?;
            }
        }
    }
    // A fragment of the root is spread nowhere else; the engine refuses one that is not spread at all.
    whole.fragments.retain(|name, _| !spread.contains(name));
    Ok(Some(whole))
}

fn open(document: &ExecutableDocument, operation: &mut OperationDefinition) -> Result<(), Fault> {
    if operation.ty == OperationType::Subscription {
        let mut fields = Vec::new();
        collect(document, &operation.selection_set, &mut fields, &mut HashSet::new())?;
        operation.selection_set.node.items = fields;
    }
    Ok(())
}

fn collect<'a>(
    document: &'a ExecutableDocument,
    set: &'a Positioned<SelectionSet>,
    fields: &mut Vec<Positioned<Selection>>,
    spread: &mut HashSet<&'a Name>,
) -> Result<(), Fault> {
    for item in &set.node.items {
        match &item.node {
            Selection::Field(_) => fields.push(item.clone()),
            Selection::InlineFragment(fragment) if fragment.node.directives.is_empty() => {
                collect(document, &fragment.node.selection_set, fields, spread)?;
            }
            Selection::FragmentSpread(one) if one.node.directives.is_empty() => {
                // One that is not there is refused by the engine, by name.
                if let Some((name, fragment)) = document.fragments.get_key_value(&one.node.fragment_name.node)
                {
                    spread.insert(name);
                    collect(document, &fragment.node.selection_set, fields, spread)?;
                }
            }
            Selection::InlineFragment(_) | Selection::FragmentSpread(_) => {
                let message = "a fragment at a subscription's root takes no directive: put it on the field";
                return Err(Fault::new(Code::BadInput, message));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    fn root(query: &str) -> Result<Option<Vec<String>>, Fault> {
        let opened = opened(&parse_query(query).expect("a document"))?;
        Ok(opened.map(|document| {
            assert!(document.fragments.keys().all(|name| name != "F"), "{document:?}");
            let (_, operation) = document.operations.iter().next().expect("an operation");
            let items = operation.node.selection_set.node.items.iter();
            items
                .map(|item| match &item.node {
                    Selection::Field(field) => field.node.name.node.to_string(),
                    other => panic!("{other:?}"),
                })
                .collect()
        }))
    }

    #[test]
    fn fragments_at_the_root_are_opened() {
        assert_eq!(root("subscription { a { b } }"), Ok(None));
        let opened = Ok(Some(vec!["a".to_owned()]));
        assert_eq!(root("subscription { ... on Subscription { a { b } } }"), opened);
        assert_eq!(root("subscription { ...F } fragment F on Subscription { ... { a { b } } }"), opened);
        let below = "subscription { ...F } fragment F on Subscription { a { ...G } } fragment G on A { b }";
        assert_eq!(root(below), opened);
    }

    #[test]
    fn a_subscription_follows_one_field() {
        for query in [
            "subscription { a { b } c { d } }",
            "subscription { a { b } ...F } fragment F on Subscription { c { d } }",
            "subscription { ...F @include(if: true) } fragment F on Subscription { c { d } }",
        ] {
            assert!(root(query).is_err(), "{query}");
        }
    }
}
