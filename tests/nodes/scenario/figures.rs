//! What the case adds up to: each authority's figures, which agree with those of the others.

use rogatory::domain::AuthorityId;
use rogatory::domain::request::StatisticsReturn;
use rogatory::domain::statistics::{Column, Dimension, ReturnLine, Way};
use rogatory::envelope::wire::{statistics_from_pb, statistics_to_pb};
use rogatory::pb::v1 as pb;

use super::Office;
use crate::support::{DEADLINE, submission};

impl Office {
    /// What the requests of this year add up to; of all peers, where none is named.
    async fn figures(&mut self, peer: Option<&AuthorityId>) -> StatisticsReturn {
        let year = rogatory::node::now().year();
        let request = pb::GetStatisticsRequest {
            from: format!("{year}-01-01"),
            until: format!("{year}-12-31"),
            peer: peer.map(AuthorityId::to_string).unwrap_or_default(),
            unsuppressed: peer.is_some(),
        };
        let answer = self.desk.get_statistics(request).await.expect("counted").into_inner();
        statistics_from_pb(answer.statistics.expect("figures")).expect("sound")
    }
}

fn of(figures: &StatisticsReturn, way: Way, dimension: Dimension) -> Vec<&ReturnLine> {
    let fits = |line: &&ReturnLine| line.way == way && line.dimension == dimension;
    figures.lines.iter().filter(fits).collect()
}

fn count(figures: &StatisticsReturn, way: Way, dimension: Dimension, value: &str) -> u64 {
    let lines = of(figures, way, dimension);
    let line = lines.iter().find(|line| line.value == value);
    line.and_then(|line| line.requests).unwrap_or(0)
}

/// What one has made to the other, the other has received: line by line and cell by cell.
async fn agree(one: &mut Office, other: &mut Office) {
    let (name, others) = (one.id(), other.id());
    let (mine, theirs) = (one.figures(Some(&others)).await, other.figures(Some(&name)).await);
    for (made, received) in [(&mine, &theirs), (&theirs, &mine)] {
        for dimension in Dimension::ALL.iter().filter(|one| **one != Dimension::Peer) {
            let (made, received) =
                (of(made, Way::Made, *dimension), of(received, Way::Received, *dimension));
            assert_eq!(made.len(), received.len(), "{dimension}");
            for (made, received) in made.into_iter().zip(received) {
                assert_eq!(made.value, received.value);
                for column in Column::ALL {
                    let what = format!("{dimension} {} {}", made.value, column.as_str());
                    assert_eq!(made.cell(column), received.cell(column), "{what}");
                }
            }
        }
    }
}

/// Everybody's figures agree, and everybody sends everybody else a return.
pub async fn returns(origin: &mut Office, transit: &mut Office, destination: &mut Office) {
    agree(destination, origin).await;
    agree(destination, transit).await;
    agree(origin, transit).await;
    let made = destination.figures(Some(&origin.id())).await;
    let total = |way| count(&made, way, Dimension::Total, "");
    assert_eq!((total(Way::Made), total(Way::Received)), (1, 0));
    assert_eq!(count(&made, Way::Made, Dimension::Outcome, "executed"), 1);
    assert_eq!(made.lines.iter().filter_map(|line| line.info_rounds).max(), Some(1));
    let refused = transit.figures(Some(&destination.id())).await;
    assert_eq!(count(&refused, Way::Received, Dimension::Outcome, "refused"), 1);
    assert_eq!(count(&refused, Way::Received, Dimension::Ground, "NE_BIS_IN_IDEM"), 1);
    let all = [origin, transit, destination];
    for sender in 0..all.len() {
        let figures = all[sender].figures(None).await;
        for reader in (0..all.len()).filter(|reader| *reader != sender) {
            let content = pb::MessageContent {
                kind: pb::MessageKind::StatisticsReturn as i32,
                body: Some(pb::message_content::Body::Statistics(statistics_to_pb(&figures))),
                ..Default::default()
            };
            let to = submission(&all[reader].node);
            let request = pb::SubmitMessageRequest { content: Some(content), ..to };
            let sent = all[sender].desk.submit_message(request).await.expect("sent").into_inner();
            let read = tokio::time::timeout(DEADLINE, all[reader].finds(&sent)).await;
            let Some(pb::message_content::Body::Statistics(read)) = read.expect("it comes") else {
                panic!("a return is read as what it is")
            };
            assert!(statistics_from_pb(read).expect("sound") == figures, "as it was sent");
        }
    }
}

impl Office {
    /// What a message says, once it is here.
    async fn finds(&mut self, message: &pb::Message) -> Option<pb::message_content::Body> {
        loop {
            let request = pb::GetMessageRequest { name: message.name.clone() };
            if let Ok(found) = self.desk.get_message(request).await
                && let Some(content) = found.into_inner().content
            {
                return content.body;
            }
        }
    }
}
