use async_graphql::{
    Positioned, Value as ConstValue,
    parser::{
        parse_query,
        types::{ExecutableDocument, Field, Selection, SelectionSet},
    },
};
use sigma_api::graphql::{QueryLimits, Request, admit};

/// Small enough for a short text to meet.
const SMALL: QueryLimits =
    QueryLimits { depth: 5, complexity: 100, selections: 40, aliases: 4, tokens: 200, directives: 2 };
/// The most levels of brackets, and of selections opened, that the limits let through.
const NESTING: usize = 64;

/// A request's text through the limits and the parser, as the door does it.
///
/// What is let in parses, and is within the limits by a plain walk that opens every fragment: no string and no comment hides
/// brackets from the scan that goes ahead of the parser.
pub fn graphql(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for limits in [SMALL, QueryLimits::default()] {
        let mut request = Request::new(text.clone());
        let Ok(operation) = admit(&mut request, &limits) else { continue };
        let document = parse_query(&text).unwrap_or_else(|error| panic!("let in, and not parsed: {error}"));
        let mut walk = Walk { document: &document, limits, fields: 0, aliases: 0 };
        let mut nodes = 0;
        for (_, operation) in document.operations.iter() {
            walk.set(&operation.node.selection_set, 0, 0);
            nodes += counted(&operation.node.selection_set);
        }
        nodes +=
            document.fragments.values().map(|fragment| counted(&fragment.node.selection_set)).sum::<usize>();
        assert!(nodes <= limits.tokens, "{nodes} fields and values of {} tokens", limits.tokens);
        assert!(walk.aliases <= limits.aliases, "{} aliases", walk.aliases);
        assert_eq!(operation.mutations.is_some(), operation.kind == Some(sigma_api::graphql::Kind::Mutation));
    }
}

struct Walk<'a> {
    document: &'a ExecutableDocument,
    limits: QueryLimits,
    fields: u64,
    aliases: u64,
}

impl Walk<'_> {
    fn set(&mut self, set: &Positioned<SelectionSet>, depth: usize, levels: usize) {
        assert!(levels <= NESTING, "{levels} levels");
        for item in &set.node.items {
            self.fields += 1;
            assert!(self.fields <= self.limits.selections, "{} selections", self.fields);
            match &item.node {
                Selection::Field(field) => self.field(&field.node, depth + 1, levels + 1),
                Selection::InlineFragment(fragment) => {
                    self.set(&fragment.node.selection_set, depth, levels + 1)
                }
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.node.fragment_name.node) {
                        self.set(&fragment.node.selection_set, depth, levels + 1);
                    }
                }
            }
        }
    }

    fn field(&mut self, field: &Field, depth: usize, levels: usize) {
        assert!(depth <= self.limits.depth, "{depth} deep");
        self.aliases += u64::from(field.alias.is_some());
        for value in arguments(field) {
            assert!(nested(&value) <= NESTING, "a value of {} levels", nested(&value));
        }
        self.set(&field.selection_set, depth, levels);
    }
}

/// A field's arguments, with nothing for its variables.
fn arguments(field: &Field) -> impl Iterator<Item = ConstValue> {
    let values = field.arguments.iter().map(|(_, value)| value.node.clone());
    values.filter_map(|value| value.into_const_with(|_| Ok::<_, ()>(ConstValue::Null)).ok())
}

/// Fields, spreads and values of a set, as they stand in the text. Each takes a token.
fn counted(set: &Positioned<SelectionSet>) -> usize {
    let items = set.node.items.iter().map(|item| match &item.node {
        Selection::Field(field) => {
            let values: usize = arguments(&field.node).map(|value| values(&value)).sum();
            1 + values + counted(&field.node.selection_set)
        }
        Selection::InlineFragment(fragment) => 1 + counted(&fragment.node.selection_set),
        Selection::FragmentSpread(_) => 1,
    });
    items.sum()
}

fn values(value: &ConstValue) -> usize {
    match value {
        ConstValue::List(all) => 1 + all.iter().map(values).sum::<usize>(),
        ConstValue::Object(all) => 1 + all.values().map(values).sum::<usize>(),
        _ => 1,
    }
}

/// Brackets within brackets of a value.
fn nested(value: &ConstValue) -> usize {
    match value {
        ConstValue::List(values) => 1 + values.iter().map(nested).max().unwrap_or(0),
        ConstValue::Object(values) => 1 + values.values().map(nested).max().unwrap_or(0),
        _ => 0,
    }
}
