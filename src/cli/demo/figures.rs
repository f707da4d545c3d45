//! What the case adds up to: figures that agree, because they are counted from what both have signed.

use anyhow::{Result, ensure};
use serde_json::json;

use super::story::{Part, Story};
use super::teller::Teller;
use crate::domain::MessageKind;
use crate::domain::request::{Body, Content, StatisticsReturn};
use crate::domain::statistics::{Column, Dimension, ReturnLine, Way};

use Part::{Destination, Origin, Transit};

/// Each of the States, and what it is called in the list of messages.
const STATES: [(Part, &str); 3] = [
    (Origin, "figures of xa.oag"),
    (Transit, "figures of xb.pps"),
    (Destination, "figures of xc.moj"),
];

impl Story {
    /// Each State's figures agree with those of the others, and each sends them a return.
    pub(super) async fn figures(&mut self, teller: &mut Teller<'_>) -> Result<()> {
        let mut cells = 0;
        for (one, other) in [(Destination, Origin), (Destination, Transit), (Origin, Transit)] {
            let names = (self.desk(one).id.clone(), self.desk(other).id.clone());
            let mine = self.desk(one).figures(Some(&names.1)).await?;
            let theirs = self.desk(other).figures(Some(&names.0)).await?;
            cells += agree(&mine, &theirs)? + agree(&theirs, &mine)?;
        }
        for (from, label) in STATES {
            let figures = self.desk(from).figures(None).await?;
            let body = Body::Statistics(figures);
            let content = Content::of(MessageKind::StatisticsReturn, body);
            for (to, _) in STATES.iter().filter(|(to, _)| *to != from) {
                self.passes(label, from, *to, None, &content).await?;
            }
        }
        teller.step(
            "figures",
            "Each of the three sends the others its figures of the year. They agree.",
            &[
                &format!(
                    "{cells} counts were compared: what one has made the other has received. \
                     Nobody keeps a list: they are counted from what was signed, and an auditor counts \
                     them again."
                ),
                "In a return small counts are left out: two requests a year could be two known persons.",
            ],
            json!({ "compared": cells, "returns": STATES.len() * 2 }),
        );
        Ok(())
    }
}

/// Compares what one has made with what the other has received; gives how many cells there are.
fn agree(made: &StatisticsReturn, received: &StatisticsReturn) -> Result<usize> {
    let mut cells = 0;
    for dimension in Dimension::ALL.iter().filter(|one| **one != Dimension::Peer) {
        let (made, received) =
            (lines(made, Way::Made, *dimension), lines(received, Way::Received, *dimension));
        ensure!(made.len() == received.len(), "the figures differ in {dimension}");
        for (made, received) in made.into_iter().zip(received) {
            for column in Column::ALL {
                let same =
                    made.value == received.value && made.cell(column) == received.cell(column);
                ensure!(
                    same,
                    "the figures differ in {dimension} {} {}",
                    made.value,
                    column.as_str()
                );
                cells += 1;
            }
        }
    }
    Ok(cells)
}

fn lines(figures: &StatisticsReturn, way: Way, dimension: Dimension) -> Vec<&ReturnLine> {
    let fits = |line: &&ReturnLine| line.way == way && line.dimension == dimension;
    figures.lines.iter().filter(fits).collect()
}
