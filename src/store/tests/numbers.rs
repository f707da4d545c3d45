//! The numbers of entries with each peer, and stores that are older than their table.

use super::*;

async fn number_all(store: &Store) {
    while !store.number_page().await.expect("numbers") {}
}

fn places(store: &Store, peer: &str, from: u64, limit: usize) -> Vec<(u64, u64)> {
    store.numbered(peer, from, limit).expect("reads")
}

#[tokio::test]
async fn an_entry_is_found_by_its_number_with_the_peer() {
    let home = Home::new();
    let store = home.create();
    for peer in ["xb.moj", "xc.moj", "xb.moj", "xb.moj"] {
        let append = move |tx: &mut Tx<'_>| Ok::<_, &str>(tx.append(about(peer)));
        store.commit(append).await.expect("commits");
    }
    assert_eq!(places(&store, "xb.moj", 1, 9), [(1, 0), (2, 2), (3, 3)]);
    assert_eq!(places(&store, "xb.moj", 2, 1), [(2, 2)]);
    assert_eq!(places(&store, "xc.moj", 1, 9), [(1, 1)]);
    assert_eq!(places(&store, "xc.moj", 2, 9), []);
    assert_eq!(places(&store, "xd.moj", 1, 9), []);
    let last = ["xb.moj", "xc.moj", "xd.moj"].map(|peer| store.last_number(peer).expect("reads"));
    assert_eq!(last, [3, 1, 0]);
    home.check(&store);
}

#[tokio::test]
async fn an_older_store_is_numbered_once_and_what_comes_meanwhile_too() {
    let home = Home::new();
    let store = home.create();
    for n in 0..700 {
        let peer = if n % 3 == 0 { "xc.moj" } else { "xb.moj" };
        let append = move |tx: &mut Tx<'_>| Ok::<_, &str>(tx.append(about(peer)));
        store.commit(append).await.expect("commits");
    }
    let whole = places(&store, "xb.moj", 1, 4096);
    // As the store of an earlier version has it.
    let keys = store.scan(Table::Numbers, b"", None, Direction::Forward, 4096).expect("scans");
    let forget = move |tx: &mut Tx<'_>| {
        keys.iter().for_each(|(key, _)| tx.delete(Table::Numbers, key));
        Ok::<_, &str>(())
    };
    store.commit(forget).await.expect("commits");
    assert_eq!(places(&store, "xb.moj", 1, 9), []);
    assert!(!store.is_numbered().expect("reads"));
    assert!(!store.number_page().await.expect("numbers"), "one page of two");
    let append = move |tx: &mut Tx<'_>| Ok::<_, &str>(tx.append(about("xb.moj")));
    store.commit(append).await.expect("commits");
    store.stop();
    drop(store);
    let (store, _) = home.open();
    assert!(!store.is_numbered().expect("reads"), "it knows how far it came");
    number_all(&store).await;
    let all = places(&store, "xb.moj", 1, 4096);
    assert_eq!(all[..whole.len()], whole);
    assert_eq!(all[whole.len()..], [(whole.len() as u64 + 1, 700)]);
    let before = store.head();
    number_all(&store).await;
    assert_eq!(store.head(), before, "nothing is left to do");
}
