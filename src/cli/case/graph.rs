//! What a case consists of and leads to: as a tree, and as JSON.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::cli::out::Out;
use crate::cli::view;
use crate::pb::v1 as pb;

/// How deep it is followed: a case of a case of a case says little about the first.
const DEPTH_MAX: usize = 4;

/// The cases that a case names.
pub(super) fn names(case: &pb::Case) -> Vec<String> {
    let named = case.related_cases.iter().map(|related| related.case_id.clone());
    named.filter(|id| !id.is_empty()).collect()
}

/// The word for how a case is related.
fn relation(number: i32) -> String {
    let relation = pb::CaseRelation::try_from(number).unwrap_or_default();
    relation.as_str_name().trim_start_matches("CASE_RELATION_").to_lowercase()
}

struct Node {
    text: String,
    below: Vec<Node>,
}

/// The case as a tree: its requests with what supplements them, its extraditions, the cases that it is
/// related to with theirs. Each case stands there with all of it once.
pub(super) fn drawn(case: &pb::Case, around: &BTreeMap<String, pb::Case>, out: &Out) -> String {
    let mut told = BTreeSet::from([case.case_id.clone()]);
    let mut text = case.case_id.clone();
    draw(&below(case, around, &mut told, 0), "", out, &mut text);
    text
}

fn draw(nodes: &[Node], before: &str, out: &Out, text: &mut String) {
    for (n, node) in nodes.iter().enumerate() {
        let is_last = n + 1 == nodes.len();
        let (branch, indent) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        text.push_str(&format!("\n{before}{branch}{}", out.told(&node.text)));
        draw(&node.below, &format!("{before}{indent}"), out, text);
    }
}

fn below(
    case: &pb::Case,
    around: &BTreeMap<String, pb::Case>,
    told: &mut BTreeSet<String>,
    depth: usize,
) -> Vec<Node> {
    let mut nodes = requests(case);
    nodes.extend(case.extradition_links.iter().map(link_node));
    for related in &case.related_cases {
        nodes.push(other(related, around, told, depth));
    }
    nodes
}

fn link_node(link: &pb::ExtraditionLink) -> Node {
    let (kind, peer) = (view::kind(link.kind), &link.peer);
    let id = link.message.trim_start_matches("messages/");
    let text = match pb::Direction::try_from(link.direction) {
        Ok(pb::Direction::Received) => format!("{kind} received from {peer}, {id}"),
        _ => format!("{kind} sent to {peer}, {id}"),
    };
    Node { text, below: Vec::new() }
}

/// The requests of a case; those that supplement or mend another one below that.
fn requests(case: &pb::Case) -> Vec<Node> {
    let known: BTreeSet<&str> = case.requests.iter().map(|one| one.message.as_str()).collect();
    let top = |request: &&pb::CaseRequest| !known.contains(request.parent.as_str());
    case.requests.iter().filter(top).map(|request| request_node(case, request, 0)).collect()
}

fn request_node(case: &pb::Case, request: &pb::CaseRequest, depth: usize) -> Node {
    let id = request.message.trim_start_matches("messages/");
    let (kind, state) = (view::kind(request.kind), view::request_state(request.state));
    let peer = &request.peer;
    let children = case.requests.iter().filter(|child| {
        depth < DEPTH_MAX && child.parent == request.message && child.message != request.message
    });
    Node {
        text: match request.is_requested {
            true => format!("{kind} from {peer}, {state} {id}"),
            false => format!("{kind} to {peer}, {state} {id}"),
        },
        below: children.map(|child| request_node(case, child, depth + 1)).collect(),
    }
}

fn other(
    related: &pb::RelatedCase,
    around: &BTreeMap<String, pb::Case>,
    told: &mut BTreeSet<String>,
    depth: usize,
) -> Node {
    let (relation, authority) = (relation(related.relation), &related.authority);
    let which = match (related.case_id.as_str(), related.reference.as_str()) {
        ("", reference) => format!("{reference:?}"),
        (id, "") => id.to_owned(),
        (id, reference) => format!("{id}, {reference:?}"),
    };
    let text = format!("{relation}: {which} ({authority})");
    match around.get(&related.case_id) {
        None => Node { text: format!("{text}, not of this node"), below: Vec::new() },
        Some(_) if !told.insert(related.case_id.clone()) => {
            Node { text: format!("{text}, see above"), below: Vec::new() }
        }
        Some(case) if depth + 1 < DEPTH_MAX => {
            Node { text, below: below(case, around, told, depth + 1) }
        }
        Some(_) => Node { text, below: Vec::new() },
    }
}

/// The related cases, those that may be seen with theirs.
pub(super) fn json(case: &pb::Case, around: &BTreeMap<String, pb::Case>) -> Value {
    related(case, around, &mut BTreeSet::from([case.case_id.clone()]), 0)
}

fn related(
    case: &pb::Case,
    around: &BTreeMap<String, pb::Case>,
    told: &mut BTreeSet<String>,
    depth: usize,
) -> Value {
    let mut list = Vec::new();
    for one in &case.related_cases {
        let known = around.get(&one.case_id);
        let below = match known {
            Some(case) if depth + 1 < DEPTH_MAX && told.insert(one.case_id.clone()) => {
                related(case, around, told, depth + 1)
            }
            _ => json!([]),
        };
        list.push(json!({
            "relation": relation(one.relation),
            "authority": one.authority,
            "case_id": one.case_id,
            "reference": one.reference,
            "is_known": known.is_some(),
            "related_cases": below,
        }));
    }
    Value::Array(list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::out::{Format, testing::memory};
    use crate::cli::testing::case;

    fn around(cases: &[pb::Case]) -> BTreeMap<String, pb::Case> {
        cases.iter().map(|case| (case.case_id.clone(), case.clone())).collect()
    }

    #[test]
    fn a_ring_of_cases_is_drawn_once() {
        let mut cases: Vec<pb::Case> = (1..=3).map(case).collect();
        let back = cases[0].case_id.clone();
        cases[2].related_cases = vec![pb::RelatedCase {
            relation: pb::CaseRelation::Origin as i32,
            authority: "xc.moj".into(),
            case_id: back,
            reference: String::new(),
        }];
        let text = drawn(&cases[0], &around(&cases), &memory(Format::Table).0);
        assert_eq!(text.matches(", see above").count(), 1, "{text}");
        assert!(
            text.contains("   └─ origin: ROG-XC-MOJ-2026-000001 (xc.moj), see above"),
            "{text}"
        );
        assert_eq!(json(&cases[0], &around(&cases))[0]["is_known"], true);
    }

    #[test]
    fn what_supplements_a_request_stands_below_it() {
        let mut one = case(1);
        let mut child = one.requests[0].clone();
        child.parent = std::mem::replace(&mut child.message, "messages/child".into());
        one.requests.push(child);
        one.related_cases = vec![pb::RelatedCase {
            relation: pb::CaseRelation::Transit as i32,
            authority: "xd.moj".into(),
            case_id: String::new(),
            reference: "D-9".into(),
        }];
        let text = drawn(&one, &around(&[one.clone()]), &memory(Format::Table).0);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].starts_with("├─ REQUEST to xa.oag, ACKNOWLEDGED "), "{text}");
        assert_eq!(lines[2], "│  └─ REQUEST to xa.oag, ACKNOWLEDGED child");
        assert_eq!(lines[3], "└─ transit: \"D-9\" (xd.moj), not of this node");
    }

    #[test]
    fn a_request_that_names_itself_ends_the_tree() {
        let mut one = case(1);
        one.requests[0].parent = one.requests[0].message.clone();
        let text = drawn(&one, &around(&[one.clone()]), &memory(Format::Table).0);
        assert!(text.starts_with("ROG-XC-MOJ-2026-000001"), "{text}");
    }
}
