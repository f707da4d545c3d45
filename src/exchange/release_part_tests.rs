//! One package of a message, given to an agency that is given nothing else of it.

use super::*;
use crate::domain::request::Handling;

/// What came with two packages, of which one is limited.
struct Part {
    two: Two,
    id: MessageId,
    limited: PackageId,
    free: PackageId,
}

impl Part {
    async fn new() -> Self {
        let two = Two::new().await;
        let [limited, free] = [two.b.upload(b"limited").await.id, two.b.upload(b"free").await.id];
        let mut content = information("", LimitKind::Restricted);
        if let Body::Note(note) = &mut content.body {
            note.use_limits[0].package = Some(limited);
        }
        let submission = Submission { content, ..two.b.submission(&two.a, &[limited, free]) };
        let id = two.b.x().submit(&desk(), submission).await.map(|view| view.id).expect("sent");
        two.a.arrives(&two.b, id).await;
        two.a.x().consign_all().await.expect("opened");
        Self { two, id, limited, free }
    }

    async fn share(
        &self,
        package: Option<PackageId>,
        purpose: ReleasePurpose,
    ) -> Result<MessageRow, ActionError> {
        let agency = "tax".to_owned();
        let wish = Wish { agency, package, purpose, consent: None, notice_follows: false };
        self.two.a.x().share_message(&desk(), self.id, wish).await
    }

    async fn read(&self) -> crate::exchange::query::MessageView {
        let read = self.two.a.x().read(&tax(), self.id).await;
        read.map_err(|error| error.to_string()).expect("read")
    }
}

/// Of two packages one is limited: the other one is given alone, and nothing beside it is told.
#[tokio::test]
async fn a_part_is_bound_by_its_own_limits_and_is_all_that_is_given() {
    let part = Part::new().await;
    let Part { ref two, id, limited, free } = part;
    let other_purpose = ReleasePurpose::OtherPurpose;
    for bound in [None, Some(limited)] {
        assert!(broken(part.share(bound, other_purpose).await).contains("restricted"), "{bound:?}");
    }
    let other = PackageId::new(two.a.x().now(), random());
    assert_eq!(
        broken(part.share(Some(other), other_purpose).await),
        "package: is no package of this message"
    );
    let shared = part.share(Some(free), other_purpose).await.expect("no limit binds it");
    assert_eq!(shared.shares[0].ground, "NO_LIMIT");
    let logged = two.a.entries(Event::AccessShared).pop().expect("logged").1;
    assert_eq!(logged.package, Some(free));

    let x = two.a.x();
    let read = part.read().await;
    assert!(read.body.is_none() && read.limits.is_empty(), "what the message says is not told");
    assert_eq!(read.row.packages.len(), 1);
    x.read_package(&tax(), id, free).await.expect("given");
    assert!(x.package_of(&tax(), id, free).is_ok());
    assert!(x.read_package(&tax(), id, limited).await.is_err());
    assert!(x.package_of(&tax(), id, limited).is_err());
    let listed = x.list(&tax(), &Default::default(), None, 9).map_err(|e| e.to_string());
    let listed = listed.expect("listed");
    assert_eq!((listed.len(), listed[0].row.packages.len()), (1, 1));
    // A part beside a part stays; all takes the place of parts, and a part that of all.
    for (package, shares) in [(Some(limited), 2), (None, 1), (Some(free), 1)] {
        let row = part.share(package, ReleasePurpose::SameProceeding).await.expect("shared");
        assert_eq!(row.shares.len(), shares, "{package:?}");
        let told: Vec<_> = part.read().await.limits.iter().map(|limit| limit.package).collect();
        let bound = if package == Some(free) { Vec::new() } else { vec![Some(limited)] };
        assert_eq!(told, bound, "of {package:?}");
    }
    assert!(x.read_package(&tax(), id, limited).await.is_err());
    x.unshare_message(&desk(), id, "tax".into()).await.expect("taken back");
    assert!(!two.reads(id).await);
    assert_eq!(two.a.found().await, Vec::<String>::new());
}

#[tokio::test]
async fn whoever_has_a_part_is_told_nothing_of_the_rest() {
    let part = Part::new().await;
    let (two, id) = (&part.two, part.id);
    // What the row says of the content, as if it had all of that.
    let says = move |tx: &mut Tx<'_>| {
        let mut row = message_in(tx, id)?.expect("there");
        row.handling = Handling::ProtectedChild as i32;
        (row.request_state, row.move_notice) = (RequestState::Accepted as i32, "CROSSED".into());
        (row.request, row.in_reply_to) = (vec![1; 16], vec![2; 16]);
        let event = Event::ContentAccessTracking.as_str().to_owned();
        row.receipts.push(rows::ReceiptRow { event, ..rows::ReceiptRow::default() });
        put_message(tx, id, &row);
        Ok::<_, ActionError>(())
    };
    two.a.x().store.commit(says).await.expect("committed");
    part.share(Some(part.free), ReleasePurpose::OtherPurpose).await.expect("no limit binds it");
    let (x, read) = (two.a.x(), part.read().await);
    let (row, receipts) = x.receipts(&tax(), id).map_err(|e| e.to_string()).expect("readable");
    for row in [&read.row, &row] {
        assert_eq!((row.handling, row.request_state), (0, 0));
        assert!(row.request.is_empty() && row.in_reply_to.is_empty());
        assert!(row.move_notice.is_empty());
    }
    let of_annex = Event::ContentAccessTracking.as_str();
    assert!(!receipts.iter().any(|receipt| receipt.event == of_annex));
    assert!(!read.row.receipts.iter().any(|receipt| receipt.event == of_annex));
    assert_ne!(two.a.row(id).handling, 0, "it is the view that does not tell");
}
