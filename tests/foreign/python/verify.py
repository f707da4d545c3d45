"""Checks a whole tlog-tiles log with aics-tlog, and post-quantum cosignatures with cryptography:
verify.py [--old CHECKPOINT] DIR LOG-KEY [WITNESS-KEY...]

Every witness whose key is given must have cosigned. Exit status 3 means that the log is refused.
"""

import argparse
import pathlib
import sys

import aics_tlog as tlog
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

ED25519, ML_DSA_44 = 0x04, 0x06


class Refused(Exception):
    """What was looked at is not what it claims to be."""


def demand(holds, why):
    if not holds:
        raise Refused(why)


def checkpoint(note, log_key, ed25519):
    """The checkpoint that the log and all Ed25519 witnesses have signed."""
    policy = tlog.WitnessPolicy(len(ed25519), tuple(ed25519)) if ed25519 else None
    result = tlog.verify_checkpoint(note, log_key, expected_origin=log_key.name, policy=policy)
    demand(result.ok, result.error)
    return tlog.parse_checkpoint(note.text)


def post_quantum(note, seen, key):
    """C2SP tlog-cosignature, type 0x06, which aics-tlog does not know: the message is made here, the
    signature checked by cryptography."""
    lines = [s for s in note.signatures if s.name == key.name and s.key_id == key.key_id]
    demand(len(lines) == 1, f"{key.name} has not cosigned")
    time, signature = lines[0].signature[:8], lines[0].signature[8:]
    name, origin = key.name.encode(), seen.origin.encode()
    message = b"subtree/v1\n\0" + bytes([len(name)]) + name + time + bytes([len(origin)]) + origin
    message += (0).to_bytes(8, "big") + seen.size.to_bytes(8, "big") + seen.root
    try:
        MLDSA44PublicKey.from_public_bytes(key.public_key).verify(signature, message)
    except InvalidSignature:
        raise Refused(f"the cosignature of {key.name} does not verify") from None


def inclusion(files, seen):
    """Proofs made from the tiles, over entries read from the bundles."""
    size = seen.size
    for index in sorted({0, 1, 255, 256, size // 2, size - 1} & set(range(size))):
        leaf = tlog.leaf_hash(tlog.read_entry(files, index, size))
        proof = tlog.inclusion_proof_from_tiles(files, index, size)
        demand(tlog.verify_inclusion(leaf, index, size, proof, seen.root), f"entry {index}")


def consistency(files, seen, old):
    """The tree extends the one of an earlier checkpoint."""
    proof = tlog.consistency_proof_from_tiles(files, old.size, seen.size)
    grown = tlog.verify_consistency(old.size, seen.size, old.root, seen.root, proof)
    demand(grown, f"no extension of the tree of {old.size}")


def check(args):
    log_key = tlog.parse_vkey(args.log_key)
    witnesses = [tlog.parse_vkey(key) for key in args.witness_keys]
    ed25519 = [key for key in witnesses if key.key_type == ED25519]
    ml_dsa = [key for key in witnesses if key.key_type == ML_DSA_44]
    demand(len(ed25519) + len(ml_dsa) == len(witnesses), "a witness key of another type")
    note = tlog.parse_note((args.dir / "checkpoint").read_bytes())
    seen = checkpoint(note, log_key, ed25519)
    for key in ml_dsa:
        post_quantum(note, seen, key)
    files = tlog.FileSystemTileReader(args.dir)
    report = tlog.audit_tiles(files, seen.size, seen.root)
    inclusion(files, seen)
    if args.old:
        consistency(files, seen, checkpoint(tlog.parse_note(args.old.read_bytes()), log_key, []))
    cosigned = f"{len(ed25519)}+{len(ml_dsa)} cosignatures"
    return f"{seen.size} entries, {report.tiles} tiles, {report.bundles} bundles, {cosigned}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dir", type=pathlib.Path)
    parser.add_argument("log_key")
    parser.add_argument("--old", type=pathlib.Path)
    parser.add_argument("witness_keys", nargs="*")
    try:
        print(check(parser.parse_intermixed_args()))
    # What aics-tlog raises for files that do not fit each other.
    except (Refused, ValueError, FileNotFoundError) as error:
        print("refused:", error, file=sys.stderr)
        sys.exit(3)


main()
