use super::*;
use crate::crypto::keys::{Algorithm, Seed};
use crate::exchange::retention::Rules;
use crate::exchange::testing::Lone;

fn id() -> KeyId {
    Seed::generate().public(Algorithm::Ed25519).id()
}

fn logged(lone: &Lone, event: Event) -> Vec<String> {
    lone.entries(event).into_iter().filter_map(|(_, entry)| entry.key).collect()
}

#[tokio::test]
async fn keys_are_logged_when_they_come_and_when_they_go() {
    let mut lone = Lone::new("xa.oag", Rules::default());
    let [signing, next, witness, other] = [id(), id(), id(), id()];
    let mut keys = KeysInUse::default();
    keys.add("signing", signing);
    keys.add("witness", witness);
    // The log of an older home has told of all, but of nothing that was not there then.
    let changed = lone.x().log_keys(&keys).await.expect("logged");
    assert_eq!(changed, KeysChanged::default());
    keys.add("witness-pq", other);
    keys.add("signing-next", next);
    let changed = lone.x().log_keys(&keys).await.expect("logged");
    let mut both = [next.to_string(), other.to_string()];
    both.sort();
    assert_eq!((changed.added.as_slice(), changed.retired.len()), (both.as_slice(), 0));
    lone.restart();
    let changed = lone.x().log_keys(&keys).await.expect("logged");
    assert_eq!(changed, KeysChanged::default(), "once each");
    // The announced one is in use: it has come before.
    let mut keys = KeysInUse::default();
    keys.add("signing", next);
    keys.add("witness", witness);
    keys.add("witness-pq", other);
    let changed = lone.x().log_keys(&keys).await.expect("logged");
    assert_eq!((changed.added.len(), changed.retired), (0, vec![signing.to_string()]));
    assert_eq!(logged(&lone, Event::KeyAdded), both);
    assert_eq!(logged(&lone, Event::KeyRetired), [signing.to_string()]);
}

#[tokio::test]
async fn the_first_start_of_an_older_home_tells_of_what_is_new_in_it() {
    let lone = Lone::new("xa.oag", Rules::default());
    let [witness, new] = [id(), id()];
    let mut keys = KeysInUse::default();
    keys.add("witness", witness);
    keys.add("witness-pq", new);
    let changed = lone.x().log_keys(&keys).await.expect("logged");
    assert_eq!(changed.added, [new.to_string()]);
}
