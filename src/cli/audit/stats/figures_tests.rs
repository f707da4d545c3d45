use super::*;
use crate::audit::testing::{TestLog, authority, delivery, message};
use crate::domain::MessageKind;
use crate::domain::request::{Decision, MlaRequest, Note};
use crate::domain::statistics::{Dimension, Outcome};
use crate::envelope::wire::content_to_pb;

fn said(index: u64, sent: bool, content: Content) -> Message {
    let at = message(1).at();
    let about = (!content.kind.is_request()).then(|| message(1));
    let peer = authority("xb.pps");
    Message {
        index,
        at,
        arrived: None,
        sent,
        peer,
        content,
        about,
        answers: None,
        told: None,
        refused: false,
        unanswered: false,
    }
}

fn note(kind: MessageKind, note: Note) -> Content {
    Content::note(kind, note)
}

fn refusal() -> Content {
    let grounds = vec!["ESSENTIAL_INTERESTS".to_owned()];
    note(
        MessageKind::Decision,
        Note { decision: Some(Decision::Refuse), grounds, ..Note::default() },
    )
}

/// Facts of a request that we made, as the messages about it have them.
fn heard(about: Vec<Message>) -> Facts {
    let request = Content::request(MessageKind::Request, MlaRequest::default());
    let all = std::iter::once(said(1, true, request)).chain(about);
    let all = all.enumerate().map(|(number, one)| (message(number as u64 + 1), one)).collect();
    let targets = Targets::default();
    let mut lives = lives(&all, &targets);
    lives.next().expect("a request")
}

#[test]
fn of_each_side_an_auditor_hears_what_is_for_it_to_say() {
    let asks = || note(MessageKind::AdditionalInfoRequest, Note::default());
    for (sent, grounds, rounds) in [(false, 1, 1), (true, 0, 0)] {
        let facts = heard(vec![said(2, sent, refusal()), said(3, sent, asks())]);
        assert_eq!((facts.grounds.len(), facts.info_rounds), (grounds, rounds), "sent: {sent}");
    }
}

/// A request that we received and refused, and the other side would not hear of that.
#[test]
fn a_decision_that_was_refused_at_the_door_stands_and_is_not_counted() {
    let request = Content::request(MessageKind::Request, MlaRequest::default());
    let refused = Message {
        told: Some((RequestState::Refused.into(), 1)),
        refused: true,
        ..said(2, true, refusal())
    };
    let all = [said(1, false, request), refused];
    let all = (1..).zip(all).map(|(number, one)| (message(number), one)).collect();
    let targets = Targets::default();
    let facts = lives(&all, &targets).next().expect("a request");
    assert_eq!(facts.outcome(), Outcome::Refused);
    assert!(facts.grounds.is_empty(), "nobody was told why");
    // A request that was refused there was never made.
    let bare = Content::request(MessageKind::Request, MlaRequest::default());
    let never = Message { refused: true, ..said(1, true, bare) };
    assert_eq!(lives(&BTreeMap::from([(message(1), never)]), &targets).count(), 0);
}

#[test]
fn what_the_node_has_not_counted_is_named() {
    let mut log = TestLog::new("xa.moj", 1);
    let mut state = State::new(authority("xa.moj"));
    let mut told = Told::new(None);
    log.push(delivery(Event::SubmissionAcceptance, "xa.moj", "xb.pps", 1).payload([1; 32]));
    log.push(delivery(Event::RelayAcceptance, "xa.moj", "xb.pps", 2));
    log.push(delivery(Event::ContentConsignment, "xa.moj", "xb.pps", 2));
    for (index, entry) in log.entries.iter().enumerate() {
        let entry = Entry::parse(entry).expect("an entry");
        told.observe(index as u64, &entry, &state);
        let _ = state.apply(index as u64, &entry);
    }
    let request = Content::request(MessageKind::Request, MlaRequest::default());
    let asks = note(MessageKind::AdditionalInfoRequest, Note::default());
    for request_unknown in [false, true] {
        let disclosed = |content: &Content, unknown| Disclosed {
            body: pb::MessageBody {
                content: Some(content_to_pb(content)),
                request: message(1).as_bytes().to_vec().into(),
                ..Default::default()
            },
            answers: None,
            request_unknown: unknown,
        };
        let contents = BTreeMap::from([
            // Of what it sends a node knows what it is about.
            (message(1), disclosed(&request, true)),
            (message(2), disclosed(&asks, request_unknown)),
        ]);
        let period = Period::year(message(1).at().year()).expect("a year");
        let counted = count(period, &Targets::default(), &told, &state, &contents);
        let Figures { counted, request_unknown: named, .. } = counted.expect("counted");
        let total = counted.lines.iter().find(|line| line.dimension == Dimension::Total);
        let total = total.expect("a total");
        assert_eq!(total.requests, Some(1));
        assert_eq!(total.info_rounds, Some(u64::from(!request_unknown)));
        assert_eq!(named, if request_unknown { vec![message(2)] } else { vec![] });
    }
}
