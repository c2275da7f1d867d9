//! How much a request's arguments weigh once every fragment is opened and every variable stands where it is used: the engine
//! copies a value for each use, and a variable of a megabyte may be used a thousand times.

use std::collections::HashMap;

use async_graphql::parser::types::{Directive, ExecutableDocument, Selection, SelectionSet};
use async_graphql::{Name, Positioned, Value, Variables};

use super::errors::{Code, Fault};

/// Bytes of arguments that one request may come to.
const MOST: u64 = 4 * 1024 * 1024;
/// Wrong arguments that are named at most.
const MOST_NAMED: usize = 20;

/// Refuses a document whose arguments come to more than [`MOST`]. It holds no circle of fragments.
pub(crate) fn admit(document: &ExecutableDocument, variables: &Variables) -> Result<(), Fault> {
    // What a variable costs is not worth telling apart from what the largest one would.
    let defaults = document.operations.iter().flat_map(|(_, operation)| {
        let variables = operation.node.variable_definitions.iter();
        variables.filter_map(|variable| variable.node.default_value.as_ref())
    });
    let values = variables.values().chain(defaults.map(|value| &value.node));
    let largest = values.map(|value| value.to_string().len() as u64).max().unwrap_or(0);
    let mut scales = Scales { document, largest, known: HashMap::new() };
    let operations = document.operations.iter();
    let weight = operations.fold(0_u64, |weight, (_, operation)| {
        weight.saturating_add(scales.of_set(&operation.node.selection_set))
    });
    if weight > MOST {
        let message = format!(
            "the request's arguments come to more than {MOST} bytes where they are used: send less at once"
        );
        return Err(Fault::new(Code::TooComplex, message));
    }
    let mut wrong = Vec::new();
    let fragments = document.fragments.values().map(|fragment| &fragment.node.selection_set);
    for set in document.operations.iter().map(|(_, operation)| &operation.node.selection_set).chain(fragments)
    {
        large_numbers(set, variables, &mut wrong);
    }
    if wrong.is_empty() { Ok(()) } else { Err(Fault::together(wrong)) }
}

/// Whole numbers that no argument of ours can hold. The engine would refuse them too, but only while the request runs,
/// and without the argument's name.
fn large_numbers(set: &Positioned<SelectionSet>, variables: &Variables, wrong: &mut Vec<Fault>) {
    for item in &set.node.items {
        match &item.node {
            Selection::Field(field) => {
                for (name, value) in &field.node.arguments {
                    let value = value.node.clone().into_const_with(|name| {
                        Ok::<_, std::convert::Infallible>(variables.get(&name).cloned().unwrap_or_default())
                    });
                    let Ok(value) = value;
                    large_number(&name.node, &value, wrong);
                }
                large_numbers(&field.node.selection_set, variables, wrong);
            }
            Selection::InlineFragment(fragment) => {
                large_numbers(&fragment.node.selection_set, variables, wrong);
            }
            // Every fragment is looked at by itself.
            Selection::FragmentSpread(_) => {}
        }
    }
}

fn large_number(name: &Name, value: &Value, wrong: &mut Vec<Fault>) {
    match value {
        Value::Number(number) if number.is_i64() || number.is_u64() => {
            let fits = number.as_i64().is_some_and(|number| i32::try_from(number).is_ok());
            if !fits && wrong.len() < MOST_NAMED {
                let (path, most) = (name.as_str(), i32::MAX);
                wrong.push(Fault::field(path, format!("{path} must be a whole number of at most {most}")));
            }
        }
        Value::List(items) => items.iter().for_each(|item| large_number(name, item, wrong)),
        Value::Object(fields) => fields.iter().for_each(|(name, value)| large_number(name, value, wrong)),
        _ => {}
    }
}

struct Scales<'a> {
    document: &'a ExecutableDocument,
    largest: u64,
    known: HashMap<&'a Name, u64>,
}

impl<'a> Scales<'a> {
    fn of_set(&mut self, set: &'a Positioned<SelectionSet>) -> u64 {
        let mut weight = 0_u64;
        for item in &set.node.items {
            let one = match &item.node {
                Selection::Field(field) => {
                    let arguments = field.node.arguments.iter().map(|(_, value)| self.of_value(&value.node));
                    sum(arguments)
                        .saturating_add(self.of_directives(&field.node.directives))
                        .saturating_add(self.of_set(&field.node.selection_set))
                }
                Selection::InlineFragment(fragment) => self
                    .of_directives(&fragment.node.directives)
                    .saturating_add(self.of_set(&fragment.node.selection_set)),
                Selection::FragmentSpread(spread) => self
                    .of_directives(&spread.node.directives)
                    .saturating_add(self.of_fragment(&spread.node.fragment_name.node)),
            };
            weight = weight.saturating_add(one);
        }
        weight
    }

    /// Weighed once, however often it is spread.
    fn of_fragment(&mut self, name: &Name) -> u64 {
        if let Some(weight) = self.known.get(name) {
            return *weight;
        }
        let Some((name, fragment)) = self.document.fragments.get_key_value(name) else {
            return 0;
        };
        let weight = self.of_set(&fragment.node.selection_set);
        self.known.insert(name, weight);
        weight
    }

    fn of_directives(&self, directives: &[Positioned<Directive>]) -> u64 {
        let values = directives.iter().flat_map(|directive| &directive.node.arguments);
        sum(values.map(|(_, value)| self.of_value(&value.node)))
    }

    /// Its text, and a variable for each sign of one. A sign within a string counts too: nobody needs many.
    fn of_value(&self, value: &impl ToString) -> u64 {
        let text = value.to_string();
        let variables = text.bytes().filter(|byte| *byte == b'$').count() as u64;
        (text.len() as u64).saturating_add(variables.saturating_mul(self.largest))
    }
}

fn sum(weights: impl Iterator<Item = u64>) -> u64 {
    weights.fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use serde_json::json;

    use super::*;

    fn refused(query: &str, variable: usize) -> bool {
        let variables = Variables::from_json(json!({ "v": "x".repeat(variable) }));
        admit(&parse_query(query).expect("a document"), &variables).is_err()
    }

    #[test]
    fn one_large_value_is_taken_and_many_uses_of_it_are_not() {
        let megabyte = 1_000_000;
        assert!(!refused("query($v: String) { channels(search: $v) { nodes { id } } }", megabyte));
        let listed = format!("query($v: String) {{ a(b: [{}]) }}", "$v ".repeat(5));
        assert!(refused(&listed, megabyte));
        assert!(!refused(&listed, 1_000));
        let default =
            format!("query($v: String = \"{}\") {{ {} }}", "x".repeat(megabyte), "a(b: $v) ".repeat(5));
        assert!(refused(&default, 0));
        let aliased: String = (0..5).map(|n| format!("a{n}: x @include(if: $v) ")).collect();
        assert!(refused(&format!("query($v: String) {{ {aliased} }}"), megabyte));
    }

    #[test]
    fn numbers_that_nothing_can_hold_are_named_all_together() {
        let named = |query: &str, variables| -> Vec<String> {
            let document = parse_query(query).expect("a document");
            let refused = admit(&document, &Variables::from_json(variables)).err();
            refused
                .map(|fault| fault.fields.into_iter().map(|field| field.path).collect())
                .unwrap_or_default()
        };
        let query = "query($in: I) { a(first: 99999999999) ...F c(input: $in) } fragment F on Q { b(last: -2147483649, x: 5) }";
        let input =
            json!({ "in": { "seconds": [1, 4294967296_u64], "name": "99999999999", "share": 1e300 } });
        assert_eq!(named(query, input), ["first", "seconds", "last"]);
        assert!(named("{ a(first: 2147483647, last: -2147483648) }", json!({})).is_empty());
    }

    #[test]
    fn fragments_are_weighed_where_they_are_spread() {
        let literal = "x".repeat(100_000);
        let spread = |times: usize| {
            format!("{{ {} }} fragment F on Q {{ a(b: \"{literal}\") }}", "... { ...F } ".repeat(times))
        };
        assert!(!refused(&spread(40), 0));
        assert!(refused(&spread(42), 0));
    }
}
