use super::*;
use crate::crypto::SealingSecret;
use crate::domain::AuthorityId;
use crate::domain::time::DAY_MS;
use crate::home::{InitOptions, init};

const NOW_MS: i64 = 1_795_000_000_000;

fn at(days: i64) -> Timestamp {
    Timestamp::from_unix_ms(NOW_MS + days * DAY_MS)
}

struct Home {
    dir: tempfile::TempDir,
    keys: HomeKeys,
}

impl Home {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let options = InitOptions {
            kind: crate::domain::AuthorityKind::default(),
            home: dir.path().to_owned(),
            authority: AuthorityId::parse("xa.oag").expect("valid"),
            name: "Office A".into(),
            country: "XA".into(),
            endpoint: Some("localhost:7443".into()),
            listen: None,
            agency_listen: None,
            passphrase: None,
            passphrase_file: None,
            insecure_plain_keys: true,
            languages: vec!["en".into()],
            functions: vec!["mla".into()],
            suite: 1,
        };
        init(&options, at(0)).expect("made");
        let keys = HomeKeys::unlock(&dir.path().join("keys"), None).expect("unlocked");
        Self { dir, keys }
    }

    fn change(&self, change: KeyChange, now: Timestamp) -> Result<Card, KeyChangeError> {
        change_key(self.dir.path(), &self.keys, change, now)
    }

    fn card(&self) -> Card {
        let text = fs::read_to_string(self.dir.path().join(CARD)).expect("readable");
        Card::parse(&text).expect("a card")
    }

    fn public(&self, role: Role) -> PublicKey {
        self.keys.public(role).expect("opens")
    }

    fn files(&self) -> Vec<String> {
        let all = [self.dir.path().to_owned(), self.dir.path().join("keys")];
        let names = all.iter().flat_map(|dir| fs::read_dir(dir).expect("readable"));
        let names = names.map(|one| one.expect("readable").file_name());
        let mut names: Vec<_> = names.map(|name| name.to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

#[test]
fn the_key_of_a_witness_is_another_one_in_the_next_card() {
    let home = Home::new();
    for role in [Role::Witness, Role::WitnessPq] {
        let (before, old, files) = (home.card(), home.public(role), home.files());
        let card = home.change(KeyChange::Rotate(role), at(1)).expect("changed");
        assert_eq!((card.text(), card.version()), (home.card().text(), before.version() + 1));
        assert_eq!((card.fingerprint(), card.expires()), (before.fingerprint(), before.expires()));
        let named: Vec<_> = card.witness_keys().iter().map(|key| key.public().clone()).collect();
        assert!(named.contains(&home.public(role)) && !named.contains(&old));
        assert_eq!((named.len(), home.files()), (2, files));
    }
}

#[test]
fn what_was_sealed_to_the_old_key_opens_after_it_was_changed() {
    let home = Home::new();
    let old = home.public(Role::Sealing);
    let (enc, sealed) = old.seal(b"info", b"secret").expect("sealed");
    for day in 1..3 {
        let card = home.change(KeyChange::Rotate(Role::Sealing), at(day)).expect("changed");
        assert_eq!(card.sealing_keys(at(day)), [home.public(Role::Sealing)]);
    }
    let kept = home.keys.retired_sealing().expect("opens");
    assert_eq!(kept.len(), 2);
    let opened = kept.iter().filter(|seed| {
        let opened = SealingSecret::new(seed).open(&enc, b"info", &sealed);
        opened.is_ok_and(|opened| *opened == *b"secret")
    });
    assert_eq!(opened.count(), 1);
}

#[test]
fn a_key_that_signs_is_announced_before_it_is_used_and_the_old_one_stays_for_what_it_signed() {
    let home = Home::new();
    let refused = home.change(KeyChange::Rotate(Role::Signing), at(1));
    assert!(matches!(refused, Err(KeyChangeError::NotAnnounced("signing"))));
    let old = home.public(Role::Signing);
    let card = home.change(KeyChange::Add(Role::Signing), at(1)).expect("added");
    let next = home.keys.next(Role::Signing).expect("opens").expect("there");
    assert_eq!(home.public(Role::Signing), old, "it is not used yet");
    let named = |card: &Card, at| {
        let keys = card.signing_keys(at);
        (keys.contains(&old), keys.contains(&next))
    };
    assert_eq!(named(&card, at(1)), (true, true));
    let again = home.change(KeyChange::Add(Role::Signing), at(1));
    assert!(matches!(again, Err(KeyChangeError::There("signing"))));
    let card = home.change(KeyChange::Rotate(Role::Signing), at(9)).expect("changed");
    assert_eq!(home.public(Role::Signing), next);
    assert_eq!(home.keys.next(Role::Signing).expect("readable"), None);
    assert_eq!((named(&card, at(9)), named(&card, at(10))), ((true, true), (false, true)));
    // The other suite's key is as it was.
    assert!(card.signing_keys(at(10)).contains(&home.public(Role::SigningPq)));
    // At the next change it goes.
    home.change(KeyChange::Add(Role::Signing), at(20)).expect("added");
    let card = home.change(KeyChange::Rotate(Role::Signing), at(30)).expect("changed");
    assert_eq!(named(&card, at(9)), (false, true));
    assert_eq!(card.body().signing.len(), 3);
}

#[test]
fn what_cannot_be_changed_is_said() {
    let home = Home::new();
    for role in [Role::Root, Role::Tls, Role::Archive, Role::Log, Role::AgencyCa] {
        for change in [KeyChange::Add(role), KeyChange::Rotate(role)] {
            assert!(matches!(home.change(change, at(1)), Err(KeyChangeError::Fixed(_))));
        }
    }
    let there = home.change(KeyChange::Add(Role::WitnessPq), at(1));
    assert!(matches!(there, Err(KeyChangeError::There("witness-pq"))));
    fs::remove_file(home.keys.path(Role::WitnessPq)).expect("removed");
    let absent = home.change(KeyChange::Rotate(Role::WitnessPq), at(1));
    assert!(matches!(absent, Err(KeyChangeError::Absent("witness-pq"))));
    let files = home.files();
    fs::rename(home.keys.path(Role::Root), home.dir.path().join("root")).expect("moved");
    let offline = home.change(KeyChange::Rotate(Role::Witness), at(1));
    assert!(matches!(offline, Err(KeyChangeError::NoRoot)));
    fs::rename(home.dir.path().join("root"), home.keys.path(Role::Root)).expect("moved");
    assert_eq!(home.files(), files, "nothing is left of it");
    assert_eq!(home.card().version(), 1);
}

/// Every place at which the process can end, as the files then are.
#[test]
fn a_change_that_is_cut_off_is_ended_or_never_was() {
    for role in [Role::Witness, Role::Sealing] {
        let home = Home::new();
        let (keys, before) = (home.dir.path().join("keys"), home.card());
        let old = home.public(role);
        let seed = Seed::generate();
        let new = || home.keys.write_at(&beside(&home.keys.path(role)), role, &seed);
        // The new card is not there: it never was.
        new().expect("written");
        finish(home.dir.path(), &keys).expect("taken back");
        assert_eq!((home.public(role), home.card().text()), (old.clone(), before.text()));
        // It is there, with all, or with the key in its place already.
        new().expect("written");
        let mut body = before.body().clone();
        let public = seed.public(role.algorithm());
        name_key(&mut body, role, KeyChange::Rotate(role), &public, at(1)).expect("named");
        let root = home.keys.seed(Role::Root).expect("opens");
        let root = SigningSecret::new(&root, Algorithm::Ed25519).expect("it signs");
        let card = Card::sign(&body, &root).expect("signed");
        write_next_card(home.dir.path(), &keys, &card).expect("written");
        put_in_place(&keys, &beside(&home.keys.path(role)), &home.keys.path(role)).expect("put");
        for _ in 0..2 {
            finish(home.dir.path(), &keys).expect("ended");
            assert_eq!((home.public(role), home.card().text()), (public.clone(), card.text()));
        }
        let kept = usize::from(role == Role::Sealing);
        assert_eq!(home.keys.retired_sealing().expect("opens").len(), kept);
    }
}
