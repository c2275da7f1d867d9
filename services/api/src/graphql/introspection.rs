//! How often the schema may be asked for itself. One answer is bounded by its own limit; this bounds how many there are.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::sync::Arc;

use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use async_graphql::{Name, Positioned};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::errors::{Code, Fault};

/// Questions for the schema that a token may ask a second, once it has used up its first [`BURST`].
const A_SECOND: NonZeroU32 = NonZeroU32::new(2).unwrap();
/// Questions for the schema that a token may ask at once: a tool asks one or two when it starts.
const BURST: NonZeroU32 = NonZeroU32::new(10).unwrap();
/// Tokens that are told apart; beyond them, those that have not asked of late are forgotten.
const TOKENS: usize = 1_000;

/// Counts who asks for the schema. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Introspection(Arc<DefaultKeyedRateLimiter<String>>);

impl Default for Introspection {
    fn default() -> Self {
        let quota = Quota::per_second(A_SECOND).allow_burst(BURST);
        Self(Arc::new(RateLimiter::keyed(quota)))
    }
}

impl Introspection {
    /// Refuses a document that asks for the schema where its token has asked too often of late.
    pub(crate) fn admit(&self, document: &ExecutableDocument, who: &str) -> Result<(), Fault> {
        if !asks_for_schema(document) {
            return Ok(());
        }
        if self.0.len() > TOKENS {
            self.0.retain_recent();
        }
        self.0.check_key(&who.to_owned()).map_err(|_not_yet| {
            let message = format!(
                "this token may ask for the schema {A_SECOND} times a second: keep its answer, or read \
                 schema/graphql/schema.graphql"
            );
            Fault::new(Code::RateLimited, message).because("INTROSPECTION")
        })
    }
}

/// Whether any operation selects `__schema` or `__type` at its root, fragments opened.
fn asks_for_schema(document: &ExecutableDocument) -> bool {
    let mut opened = HashSet::new();
    document
        .operations
        .iter()
        .any(|(_, operation)| asks(document, &operation.node.selection_set, &mut opened))
}

fn asks<'a>(
    document: &'a ExecutableDocument,
    set: &'a Positioned<SelectionSet>,
    opened: &mut HashSet<&'a Name>,
) -> bool {
    set.node.items.iter().any(|item| match &item.node {
        Selection::Field(field) => matches!(field.node.name.node.as_str(), "__schema" | "__type"),
        Selection::InlineFragment(fragment) => asks(document, &fragment.node.selection_set, opened),
        Selection::FragmentSpread(spread) => {
            let name = &spread.node.fragment_name.node;
            let fragment = document.fragments.get(name).filter(|_| opened.insert(name));
            fragment.is_some_and(|fragment| asks(document, &fragment.node.selection_set, opened))
        }
    })
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    #[test]
    fn who_asks_for_the_schema_is_known_through_fragments() {
        let asks = |query: &str| asks_for_schema(&parse_query(query).expect("a document"));
        assert!(asks("{ __schema { types { name } } }"));
        assert!(asks("{ ...F } fragment F on Query { ... { a: __type(name: \"X\") { name } } }"));
        assert!(!asks("{ channels { __typename } }"));
    }

    #[test]
    fn a_tool_starts_at_ease_and_a_flood_is_refused() {
        let introspection = Introspection::default();
        let document = parse_query("{ __schema { types { name } } }").expect("a document");
        let taken = (0..100).filter(|_| introspection.admit(&document, "tk_1").is_ok()).count();
        // The clock runs on while the hundred are asked.
        assert!((10..20).contains(&taken), "{taken}");
        assert!(introspection.admit(&document, "tk_2").is_ok());
        let other = parse_query("{ me { name } }").expect("a document");
        assert!(introspection.admit(&other, "tk_1").is_ok());
    }
}
