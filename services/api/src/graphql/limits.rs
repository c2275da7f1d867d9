//! What one request may cost, judged before anything of it runs: cheapest first.

use async_graphql::{Request, ServerError};

use super::errors::{Code, Fault};
use super::operation::{self, Kind};

/// Brackets within brackets that a query may hold: the parser goes down one level of its stack for each.
const NESTING: usize = 64;
/// Nodes of the schema that introspection may visit. What tools ask for visits some 100,000 of a schema like ours.
const INTROSPECTION: u64 = 200_000;

/// A name of the request's own is given back to so many characters.
const NAMED: usize = 64;

/// What one request may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryLimits {
    /// Fields within fields.
    pub depth: usize,
    /// Fields, a list's times the rows it asks for.
    pub complexity: usize,
    /// Selections once every fragment is opened where it is spread.
    pub selections: u64,
    /// Fields under another name, once every fragment is opened.
    pub aliases: u64,
    /// Names, numbers, strings and signs of the query's text.
    pub tokens: usize,
    /// Directives on one field.
    pub directives: usize,
}

impl Default for QueryLimits {
    fn default() -> Self {
        Self { depth: 20, complexity: 10_000, selections: 10_000, aliases: 60, tokens: 5_000, directives: 10 }
    }
}

/// The operation of a request that may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its name, where it has one.
    pub name: Option<String>,
    /// What it does; none where no operation of the document is the one that was asked for.
    pub kind: Option<Kind>,
    /// How many fields of `Mutation` it selects; none when it is no mutation.
    pub mutations: Option<usize>,
}

/// Parses the request's query and holds it against the limits. Nothing of it runs.
///
/// # Errors
/// The parser's, or one that says which limit it meets.
pub fn admit(request: &mut Request, limits: &QueryLimits) -> Result<Operation, Vec<ServerError>> {
    judge(request, limits).map_err(|error| vec![error])
}

fn judge(request: &mut Request, limits: &QueryLimits) -> Result<Operation, ServerError> {
    let refuse = |code, message: String| Fault::new(code, message).into_server_error();
    let too_complex = |message: String| refuse(Code::TooComplex, message);
    count(&request.query, limits.tokens).map_err(|flaw| match flaw {
        Flaw::TooMuch(message) => too_complex(message),
        Flaw::Endless => refuse(Code::BadInput, "a block string has no end; close it with \"\"\"".to_owned()),
    })?;
    let asked = request.operation_name.clone();
    let document = request.parsed_query()?;
    let Some(measure) = operation::measure(document) else {
        return Err(refuse(Code::BadInput, "a fragment contains itself; take the circle out".to_owned()));
    };
    let bounds = [
        (measure.levels as u64, NESTING as u64, "goes down", "levels"),
        (measure.depth as u64, limits.depth as u64, "nests fields", "deep"),
        (measure.size, limits.selections, "selects", "fields"),
        (measure.aliases, limits.aliases, "holds", "aliases"),
        (measure.introspection, INTROSPECTION, "visits", "nodes of the schema"),
    ];
    for (found, most, does, what) in bounds {
        if found > most {
            return Err(too_complex(format!(
                "the request {does} {found} {what}; {most} are taken at most: ask for less"
            )));
        }
    }
    if let Some(name) = operation::answered_twice(document, asked.as_deref()) {
        let name: String = name.chars().take(NAMED).collect();
        let message = format!(
            "the mutation asks twice for `{name}` and could show one answer only: ask once, or give one an alias"
        );
        return Err(refuse(Code::BadInput, message));
    }
    Ok(Operation {
        name: operation::name(document, asked.as_deref()),
        kind: operation::kind(document, asked.as_deref()),
        mutations: operation::mutation_fields(document, asked.as_deref()),
    })
}

/// What a query's text has that it must not have.
#[derive(Debug, PartialEq, Eq)]
enum Flaw {
    /// Too many tokens, or brackets within brackets.
    TooMuch(String),
    /// A block string without an end: the specification's lexer refuses it, the parser takes it for other strings.
    Endless,
}

/// Counts the tokens of a query's text (GraphQL October 2021 §2.1) and the depth of its brackets in one pass, and
/// stops at the first that is too much. What is no token is left to the parser. Strings and numbers end where the parser
/// ends them: what it reads as brackets and values is never taken for a piece of a string or of a number here.
fn count(query: &str, most: usize) -> Result<(), Flaw> {
    let bytes = query.as_bytes();
    let (mut at, mut tokens, mut depth) = (0, 0, 0_usize);
    while let Some(&byte) = bytes.get(at) {
        let length = match byte {
            b' ' | b',' | b'\t' | b'\r' | b'\n' => {
                at += 1;
                continue;
            }
            b'#' => {
                at += length_while(&bytes[at..], |byte| byte != b'\n' && byte != b'\r');
                continue;
            }
            b'"' if bytes[at..].starts_with(BLOCK) => block_string(&bytes[at..]).ok_or(Flaw::Endless)?,
            b'"' => string(&bytes[at..]),
            b'_' | b'A'..=b'Z' | b'a'..=b'z' => name(&bytes[at..]),
            b'-' | b'0'..=b'9' => number(&bytes[at..]),
            b'.' if bytes[at..].starts_with(b"...") => 3,
            _ => 1,
        };
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        tokens += 1;
        at += length;
        if tokens > most {
            let message = format!("the query holds more than {most} tokens; ask for less at once");
            return Err(Flaw::TooMuch(message));
        }
        if depth > NESTING {
            let message = format!("the query nests brackets more than {NESTING} deep; ask for less at once");
            return Err(Flaw::TooMuch(message));
        }
    }
    Ok(())
}

fn length_while(bytes: &[u8], holds: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|byte| !holds(*byte)).unwrap_or(bytes.len())
}

/// The length of the name at the start of `bytes`. The parser takes these three for values also where a name goes on.
fn name(bytes: &[u8]) -> usize {
    let value = ["null", "true", "false"].into_iter().find(|value| bytes.starts_with(value.as_bytes()));
    let whole = || length_while(bytes, |byte| byte == b'_' || byte.is_ascii_alphanumeric());
    value.map_or_else(whole, str::len)
}

/// The length of the string at the start of `bytes`: to its line's end where nothing closes it, behind which the parser
/// does not come.
fn string(bytes: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\n' | b'\r' => return at,
            b'\\' if matches!(bytes.get(at + 1), Some(b'"' | b'\\')) => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// What begins and ends a block string.
const BLOCK: &[u8] = b"\"\"\"";

/// The length of the block string at the start of `bytes`. None: nothing closes it.
fn block_string(bytes: &[u8]) -> Option<usize> {
    let mut at = BLOCK.len();
    loop {
        let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
        if rest.starts_with(BLOCK) {
            return Some(at + BLOCK.len());
        }
        // `\"""` is the only escape, and no backslash escapes another.
        at += if rest[0] == b'\\' && rest[1..].starts_with(BLOCK) { 4 } else { 1 };
    }
}

/// The length of the number at the start of `bytes` (§2.9.1, §2.9.2). The parser lets the next one follow at once.
fn number(bytes: &[u8]) -> usize {
    let digits =
        |from: usize| length_while(bytes.get(from..).unwrap_or_default(), |byte| byte.is_ascii_digit());
    let sign = usize::from(bytes[0] == b'-');
    let mut at = sign + if bytes.get(sign) == Some(&b'0') { 1 } else { digits(sign) };
    if bytes.get(at) == Some(&b'.') && digits(at + 1) > 0 {
        at += 1 + digits(at + 1);
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        if digits(at + 1 + sign) > 0 {
            at += 1 + sign + digits(at + 1 + sign);
        }
    }
    at.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(query: &str) -> Option<String> {
        let errors = admit(&mut Request::new(query), &QueryLimits::default()).err()?;
        let code = errors[0].extensions.as_ref().and_then(|extensions| extensions.get("code").cloned());
        Some(code.map_or("none".to_owned(), |code| code.to_string()))
    }

    const TOO_COMPLEX: Option<&str> = Some("\"TOO_COMPLEX\"");

    #[test]
    fn tokens_are_names_numbers_strings_and_signs() {
        let query = "query Q($a: [Int!]) { # a comment { ( [\n b(c: \"x { \\\" y\", d: -1.5e3) ... on T { e } \
            f(g: \"\"\"block \\\"\"\" { \" still\"\"\") }";
        let tokens = 12 + 9 + 6 + 6 + 1;
        assert_eq!(count(query, tokens), Ok(()));
        assert!(count(query, tokens - 1).is_err());
    }

    #[test]
    fn a_string_that_does_not_end_ends_with_its_line() {
        for query in ["{ a(b: \"x", "{ a(b: \"x\\", "{ a(b: \"x\\\""] {
            assert_eq!(count(query, 6), Ok(()), "{query}");
            assert!(count(&format!("{query}\n{{"), 6).is_err(), "{query}");
        }
        for query in ["{ a(b: \"\"\"x\"\"", "\"\"\"", "\"\"\"\\", "\"\"\"\\\"\"\"", "\"\"\"\"\""] {
            assert_eq!(count(query, 10), Err(Flaw::Endless), "{query}");
        }
        assert_eq!(count("\"\"\"\"\"\" \"\" \"\"\"\\\"\"\"\"\"\"", 3), Ok(()));
    }

    #[test]
    fn more_tokens_than_the_limit_are_refused_before_anything_is_parsed() {
        let many = format!("{{ {} }}", "a ".repeat(5_000));
        assert_eq!(code(&many).as_deref(), TOO_COMPLEX);
        let no_query = "! ".repeat(6_000);
        assert_eq!(code(&no_query).as_deref(), TOO_COMPLEX);
    }

    #[test]
    fn brackets_are_not_hidden_in_a_block_string_that_the_parser_ends_elsewhere() {
        let lists = format!("{}1{}", "[".repeat(200), "]".repeat(200));
        // Behind a backslash that escapes nothing the next one still may escape the end of the string.
        let escaped = format!("{{ a(b: [\"\"\"\\\\\"\"\" \"\"\", {lists}]) }}");
        assert_eq!(code(&escaped).as_deref(), TOO_COMPLEX);
        // Where no end follows, the parser takes three quotes for an empty string and the beginning of another.
        let endless = format!("{{ a(b: [\"\"\" x \", {lists}]) }}");
        assert_eq!(code(&endless).as_deref(), Some("\"BAD_INPUT\""));
    }

    #[test]
    fn values_that_stand_close_count_one_by_one() {
        for close in ["0", "1-", "1.5", "-0", "null", "truefalse"] {
            let many = format!("{{ a(b: [{}1]) }}", close.repeat(5_000));
            assert_eq!(code(&many).as_deref(), TOO_COMPLEX, "{close}");
        }
        assert_eq!(count("1 -1 0.5 1.5e-3 12E+4 -0", 6), Ok(()));
        assert!(count("1 -1 0.5 1.5e-3 12E+4 -0", 5).is_err());
    }

    #[test]
    fn brackets_within_brackets_never_reach_the_parsers_stack() {
        let lists = format!("{{ a(b: {}1{}) }}", "[".repeat(2_000), "]".repeat(2_000));
        assert_eq!(code(&lists).as_deref(), TOO_COMPLEX);
        let open = format!("{{ a(b: {}", "[{a:".repeat(1_000));
        assert_eq!(code(&open).as_deref(), TOO_COMPLEX);
    }

    #[test]
    fn each_limit_is_told_apart_from_what_is_allowed() {
        let nested = |depth: usize| format!("{}x{}", "{ x ".repeat(depth - 1) + "{ ", " }".repeat(depth));
        assert_eq!(code(&nested(20)), None);
        assert_eq!(code(&nested(21)).as_deref(), TOO_COMPLEX);
        let aliased = |count: usize| {
            let fields: String = (0..count).map(|n| format!("a{n}: x ")).collect();
            format!("{{ {fields} }}")
        };
        assert_eq!(code(&aliased(60)), None);
        assert_eq!(code(&aliased(61)).as_deref(), TOO_COMPLEX);
        let spread = |count: usize| {
            format!("{{ {} }} fragment F on Query {{ {} }}", "...F ".repeat(count), "x ".repeat(99))
        };
        assert_eq!(code(&spread(100)), None);
        assert_eq!(code(&spread(101)).as_deref(), TOO_COMPLEX);
        let aliased_by_spreading = "{ ...F ...F } fragment F on Query { ".to_owned()
            + &(0..31).map(|n| format!("a{n}: x ")).collect::<String>()
            + "}";
        assert_eq!(code(&aliased_by_spreading).as_deref(), TOO_COMPLEX);
    }

    #[test]
    fn a_chain_of_fragments_is_as_deep_as_brackets_may_be() {
        let chain = |length: usize| {
            let links: String =
                (0..length).map(|n| format!(" fragment F{n} on Query {{ ...F{} }}", n + 1)).collect();
            format!("{{ ...F0 }}{links} fragment F{length} on Query {{ x }}")
        };
        assert_eq!(code(&chain(50)), None);
        assert_eq!(code(&chain(70)).as_deref(), TOO_COMPLEX);
        assert_eq!(code(&chain(600)).as_deref(), TOO_COMPLEX);
    }

    #[test]
    fn what_tools_ask_of_the_schema_is_allowed_and_its_square_is_not() {
        let reference = "kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { \
            kind name ofType { kind name ofType { kind name } } } } } } }";
        let tools = format!(
            "query IntrospectionQuery {{ __schema {{ queryType {{ name }} mutationType {{ name }} types {{ ...Full }} \
             directives {{ name description locations args(includeDeprecated: true) {{ ...Input }} }} }} }} \
             fragment Full on __Type {{ kind name description fields(includeDeprecated: true) {{ name description \
             args(includeDeprecated: true) {{ ...Input }} type {{ ...Ref }} isDeprecated deprecationReason }} \
             inputFields(includeDeprecated: true) {{ ...Input }} interfaces {{ ...Ref }} \
             enumValues(includeDeprecated: true) {{ name description isDeprecated deprecationReason }} possibleTypes {{ ...Ref }} }} \
             fragment Input on __InputValue {{ name description type {{ ...Ref }} defaultValue isDeprecated deprecationReason }} \
             fragment Ref on __Type {{ {reference} }}"
        );
        assert_eq!(code(&tools), None);
        let square = "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }";
        assert_eq!(code(square).as_deref(), TOO_COMPLEX);
        let again = format!(
            "{{ {} }} fragment F on __Schema {{ types {{ fields {{ args {{ name type {{ name }} }} }} }} }}",
            (0..50).map(|n| format!("a{n}: __schema {{ ...F }} ")).collect::<String>()
        );
        assert_eq!(code(&again).as_deref(), TOO_COMPLEX);
    }

    #[test]
    fn fields_of_ours_that_are_named_like_the_schemas_own_cost_nothing_more() {
        assert_eq!(code("{ types { fields { args { types { fields { args { x } } } } } } }"), None);
    }
}
