//! The texts in a Rust file that a person may be told.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use syn::Lit;

/// Macros whose texts go into traces, JSON or the panic of a bug.
const QUIET: [&str; 18] = [
    "trace",
    "debug",
    "info",
    "warn",
    "error",
    "event",
    "span",
    "assert",
    "assert_eq",
    "assert_ne",
    "debug_assert",
    "debug_assert_eq",
    "unreachable",
    "panic",
    "json",
    "include_str",
    "env",
    "matches",
];

/// Every text of a file outside of its tests, in order.
pub fn of_file(text: &str) -> Vec<String> {
    let tokens: TokenStream = text.parse().expect("Rust");
    let mut texts = Vec::new();
    walk(tokens, &mut texts);
    texts
}

fn walk(tokens: TokenStream, into: &mut Vec<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += match (token, tokens.get(at + 1), tokens.get(at + 2)) {
            (TokenTree::Punct(hash), Some(TokenTree::Group(attribute)), _)
                if hash.as_char() == '#' && attribute.delimiter() == Delimiter::Bracket =>
            {
                2 + of_attribute(attribute, &tokens[at + 2..], into)
            }
            (TokenTree::Punct(hash), Some(TokenTree::Punct(bang)), Some(TokenTree::Group(_)))
                if hash.as_char() == '#' && bang.as_char() == '!' =>
            {
                3
            }
            (TokenTree::Ident(name), Some(TokenTree::Punct(bang)), Some(TokenTree::Group(_)))
                if bang.as_char() == '!' && QUIET.iter().any(|quiet| name == quiet) =>
            {
                3
            }
            (TokenTree::Ident(name), Some(TokenTree::Group(_)), _) if name == "expect" => 2,
            (TokenTree::Group(group), ..) => {
                walk(group.stream(), into);
                1
            }
            (TokenTree::Literal(literal), ..) => {
                into.extend(text(&literal.to_string()));
                1
            }
            _ => 1,
        };
    }
}

/// How many of the tokens behind an attribute it takes away: the whole item where it is for tests.
fn of_attribute(attribute: &Group, behind: &[TokenTree], into: &mut Vec<String>) -> usize {
    let written = attribute.stream().to_string().replace(' ', "");
    if written.starts_with("error(") {
        walk(attribute.stream(), into);
    }
    if !written.starts_with("cfg(test)") {
        return 0;
    }
    let is_end = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(mark) => mark.as_char() == ';',
        _ => false,
    };
    behind.iter().position(is_end).map_or(behind.len(), |end| end + 1)
}

fn text(literal: &str) -> Option<String> {
    match syn::parse_str(literal).ok()? {
        Lit::Str(text) => Some(text.value()),
        _ => None,
    }
}

/// A text as the catalogue has it: its holes are named, by their numbers where they have no name.
pub fn message(text: &str) -> String {
    let (mut message, mut rest, mut unnamed) = (String::new(), text, 0);
    while let Some((before, (hole, after))) =
        rest.split_once('{').and_then(|(before, hole)| Some((before, hole.split_once('}')?)))
    {
        let name = hole.split(':').next().unwrap_or_default();
        let name: String =
            name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
        unnamed += usize::from(name.is_empty());
        let name = if name.is_empty() { unnamed.to_string() } else { name };
        message.push_str(before);
        message.push('{');
        message.push_str(name.trim_matches('_'));
        message.push('}');
        rest = after;
    }
    message + rest
}

/// The texts in the arguments of calls of these methods.
pub fn of_calls(text: &str, methods: &[&str]) -> Vec<String> {
    let mut texts = Vec::new();
    calls(text.parse().expect("Rust"), methods, &mut texts);
    texts
}

fn calls(tokens: TokenStream, methods: &[&str], into: &mut Vec<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        let before = at.checked_sub(1).and_then(|at| tokens.get(at));
        match before {
            Some(TokenTree::Ident(name)) if methods.iter().any(|method| name == method) => {
                walk(group.stream(), into);
            }
            _ => calls(group.stream(), methods, into),
        }
    }
}
