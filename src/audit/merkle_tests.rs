use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;

use super::*;
use crate::audit::testing::node_of;

/// The leaves of the test tree that accompanies RFC 6962 (certificate-transparency, merkletree).
const LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];

/// Its roots for one leaf and more.
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn leaves(size: u64) -> Vec<Digest> {
    (0..size).map(|i| leaf_hash(&i.to_be_bytes())).collect()
}

fn root(leaves: &[Digest]) -> Digest {
    let mut frontier = Frontier::new();
    leaves.iter().for_each(|leaf| frontier.push(*leaf));
    frontier.root()
}

fn inclusion(leaves: &[Digest], index: u64, size: u64) -> Vec<Digest> {
    infallible(inclusion_proof(index, size, |node| Ok(node_of(leaves, node))))
}

fn consistency(leaves: &[Digest], old: u64, new: u64) -> Vec<Digest> {
    infallible(consistency_proof(old, new, |node| Ok(node_of(leaves, node))))
}

/// Every proof that differs from a good one by one mutation, with the mutation's name.
fn spoilt(good: &[Digest]) -> Vec<(String, Vec<Digest>)> {
    let mut all = vec![
        ("trailing hash".to_owned(), [good, &[[0; 32]]].concat()),
        ("leading hash".to_owned(), [&[[0; 32]], good].concat()),
    ];
    if let Some((_, truncated)) = good.split_last() {
        all.push(("truncated".to_owned(), truncated.to_vec()));
        all.push(("without the first".to_owned(), good[1..].to_vec()));
        all.push(("empty".to_owned(), Vec::new()));
    }
    for at in 0..good.len() {
        for byte in [0, 31] {
            let mut bad = good.to_vec();
            bad[at][byte] ^= 1;
            all.push((format!("flipped bit in byte {byte} of hash {at}"), bad));
        }
    }
    all
}

#[test]
fn roots_match_the_test_vectors_of_rfc_6962() {
    let mut frontier = Frontier::new();
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(hex::encode(frontier.root()), empty);
    for (leaf, expected) in LEAVES.iter().zip(ROOTS) {
        frontier.push(leaf_hash(&hex::decode(leaf).expect("hex")));
        assert_eq!(hex::encode(frontier.root()), expected);
    }
}

#[test]
fn paths_match_the_test_vectors_of_rfc_6962() {
    let leaves = LEAVES.map(|leaf| leaf_hash(&hex::decode(leaf).expect("hex")));
    let path: Vec<String> = inclusion(&leaves, 5, 8).iter().map(hex::encode).collect();
    assert_eq!(
        path,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
    );
    let path: Vec<String> = consistency(&leaves, 6, 8).iter().map(hex::encode).collect();
    assert_eq!(
        path,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
    );
}

#[test]
fn every_proof_of_every_small_tree_verifies() {
    let all = leaves(40);
    for new in 1..=40 {
        let new_root = root(&all[..new as usize]);
        for index in 0..new {
            let path = inclusion(&all, index, new);
            let leaf = &all[index as usize];
            assert_eq!(verify_inclusion(leaf, index, new, &path, &new_root), Ok(()));
        }
        for old in 0..=new {
            let old_root = root(&all[..old as usize]);
            let path = consistency(&all, old, new);
            assert_eq!(verify_consistency(old, &old_root, new, &new_root, &path), Ok(()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn another_implementation_agrees(size in 1u64..300, a in any::<u64>(), b in any::<u64>()) {
        let all = leaves(size);
        let mut other = MemoryBackedTree::<sha2::Sha256, [u8; 8]>::new();
        let mut old_root = other.root();
        let (index, old) = (a % size, 1 + b % size);
        for i in 0..size {
            other.push(i.to_be_bytes());
            if i + 1 == old {
                old_root = other.root();
            }
        }
        let new_root = root(&all);
        prop_assert_eq!(other.root().as_bytes().to_vec(), new_root);
        let path = inclusion(&all, index, size).concat();
        prop_assert_eq!(other.prove_inclusion(index as usize).as_bytes().to_vec(), path);
        if old < size {
            let path = consistency(&all, old, size);
            let theirs = other.prove_consistency((size - old) as usize);
            prop_assert_eq!(theirs.as_bytes().to_vec(), path.concat());
            let old_root = old_root.as_bytes().as_slice().try_into().expect("32 bytes");
            prop_assert_eq!(verify_consistency(old, &old_root, size, &new_root, &path), Ok(()));
        }
        let restored = infallible(root_at(old, |node| Ok(node_of(&all, node))));
        prop_assert_eq!(restored.as_slice(), old_root.as_bytes().as_slice());
    }
}

#[test]
fn spoilt_inclusion_proofs_are_refused() {
    let all = leaves(21);
    for (index, size) in [(0, 1), (0, 2), (6, 8), (7, 8), (16, 17), (20, 21), (3, 21)] {
        let root = root(&all[..size as usize]);
        let leaf = &all[index as usize];
        let good = inclusion(&all, index, size);
        for (defect, bad) in spoilt(&good) {
            let result = verify_inclusion(leaf, index, size, &bad, &root);
            assert!(result.is_err(), "{defect} at {index} of {size}");
        }
        let refused = |defect: &str, result: Result<(), ProofError>| {
            assert!(result.is_err(), "{defect} at {index} of {size}");
        };
        refused("index + 1", verify_inclusion(leaf, index + 1, size, &good, &root));
        refused("index - 1", verify_inclusion(leaf, index.wrapping_sub(1), size, &good, &root));
        refused("index = size", verify_inclusion(leaf, size, size, &good, &root));
        refused("size = 0", verify_inclusion(leaf, index, 0, &good, &root));
        refused("other leaf", verify_inclusion(&[0; 32], index, size, &good, &root));
        refused("other root", verify_inclusion(leaf, index, size, &good, &[0; 32]));
    }
}

#[test]
fn an_inclusion_proof_of_another_size_is_refused_where_its_shape_differs() {
    let all = leaves(9);
    let path = inclusion(&all, 8, 9);
    let root9 = root(&all);
    assert_eq!(verify_inclusion(&all[8], 8, 9, &path, &root9), Ok(()));
    assert_eq!(verify_inclusion(&all[8], 8, 10, &path, &root9), Err(ProofError::TooShort));
    assert_eq!(
        verify_inclusion(&all[8], 8, 8, &path, &root9),
        Err(ProofError::OutOfRange { index: 8, size: 8 })
    );
    assert_eq!(verify_inclusion(&all[8], 8, u64::MAX, &path, &root9), Err(ProofError::TooShort));
}

#[test]
fn spoilt_consistency_proofs_are_refused() {
    let all = leaves(21);
    for (old, new) in [(1, 2), (4, 8), (6, 8), (7, 8), (8, 9), (16, 21), (20, 21), (3, 21)] {
        let (old_root, new_root) = (root(&all[..old as usize]), root(&all[..new as usize]));
        let good = consistency(&all, old, new);
        let check = |old, a: &Digest, new, b: &Digest, path: &[Digest]| {
            verify_consistency(old, a, new, b, path)
        };
        assert_eq!(check(old, &old_root, new, &new_root, &good), Ok(()));
        for (defect, bad) in spoilt(&good) {
            let result = check(old, &old_root, new, &new_root, &bad);
            assert!(result.is_err(), "{defect} at {old}..{new}");
        }
        let swapped = check(old, &new_root, new, &old_root, &good);
        assert!(swapped.is_err(), "swapped roots at {old}..{new}");
        assert_eq!(
            check(new, &new_root, old, &old_root, &good),
            Err(ProofError::Shrinks { old: new, new: old })
        );
        assert!(check(old, &[0; 32], new, &new_root, &good).is_err(), "other old root");
        assert!(check(old, &old_root, new, &[0; 32], &good).is_err(), "other new root");
        assert!(
            check(old + 1, &old_root, new, &new_root, &good).is_err(),
            "old + 1 at {old}..{new}"
        );
        assert!(
            check(old - 1, &old_root, new, &new_root, &good).is_err(),
            "old - 1 at {old}..{new}"
        );
        assert!(check(old, &old_root, old, &new_root, &good).is_err(), "new = old at {old}..{new}");
    }
}

#[test]
fn a_proof_shows_the_old_root_of_the_tree_that_it_was_made_in() {
    let all = leaves(21);
    for new in 1..=21 {
        let new_root = root(&all[..new as usize]);
        for old in 0..=new {
            let path = consistency(&all, old, new);
            let shown = shown_old_root(old, new, &new_root, &path);
            let tells = old != 0 && old < new && !old.is_power_of_two();
            assert_eq!(shown, tells.then(|| root(&all[..old as usize])), "{old} of {new}");
            if tells {
                for (defect, bad) in spoilt(&path) {
                    assert_eq!(shown_old_root(old, new, &new_root, &bad), None, "{defect}");
                }
                assert_eq!(shown_old_root(old, new, &[0; 32], &path), None, "other new root");
            }
        }
    }
}

#[test]
fn trivial_consistency_needs_an_empty_proof_and_fitting_roots() {
    let one = root(&leaves(1));
    let empty = empty_root();
    assert_eq!(verify_consistency(0, &empty, 0, &empty, &[]), Ok(()));
    assert_eq!(verify_consistency(0, &empty, 1, &one, &[]), Ok(()));
    assert_eq!(verify_consistency(1, &one, 1, &one, &[]), Ok(()));
    assert_eq!(verify_consistency(1, &one, 1, &one, &[one]), Err(ProofError::TooLong));
    assert_eq!(verify_consistency(0, &empty, 1, &one, &[one]), Err(ProofError::TooLong));
    assert_eq!(verify_consistency(0, &one, 1, &one, &[]), Err(ProofError::OldRootMismatch));
    assert_eq!(verify_consistency(1, &one, 1, &empty, &[]), Err(ProofError::RootMismatch));
}

#[test]
fn a_frontier_comes_back_from_its_nodes() {
    let all = leaves(300);
    let mut frontier = Frontier::new();
    for leaf in &all {
        let again = Frontier::from_nodes(frontier.size(), frontier.nodes().to_vec());
        frontier = again.expect("its own nodes");
        frontier.push(*leaf);
    }
    assert_eq!(frontier.root(), root(&all));
    assert_eq!(Frontier::from_nodes(3, vec![[0; 32]]), None);
    assert_eq!(Frontier::from_nodes(4, vec![[0; 32]; 2]), None);
}

#[test]
fn asking_for_a_proof_that_does_not_exist_gives_an_empty_one() {
    let all = leaves(4);
    assert!(inclusion(&all, 4, 4).is_empty());
    assert!(inclusion(&all, 0, 0).is_empty());
    assert!(consistency(&all, 0, 4).is_empty());
    assert!(consistency(&all, 4, 3).is_empty());
}

#[test]
fn an_error_of_the_reader_comes_through() {
    assert_eq!(inclusion_proof(1, 9, |_| Err("gone")), Err("gone"));
    assert_eq!(consistency_proof(3, 9, |_| Err("gone")), Err("gone"));
}
