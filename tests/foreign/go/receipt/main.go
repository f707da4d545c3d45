// Receipt checks receipts, which are C2SP tlog-proofs, with two implementations of that format:
// receipt LOG-KEY POLICY ED25519-POLICY RECEIPT...
//
// torchwood verifies the whole proof under a policy that may have witnesses with Ed25519 keys
// only; the packages of transparency-dev take the proof apart, apply a policy with witnesses of
// both kinds, verify the path, and write the proof again. Exit status 3 means refused.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"filippo.io/torchwood"
	"github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/formats/witness"
	merkle "github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"

	"rogatory.invalid/foreign/trust"
)

func main() {
	trust.Usage(4, "receipt LOG-KEY POLICY ED25519-POLICY RECEIPT...")
	trust.Report(check(os.Args[1], os.Args[2], os.Args[3], os.Args[4:]))
}

func check(logKey, policy, ed25519Policy string, receipts []string) (string, error) {
	one, err := torchwoodPolicy(ed25519Policy)
	if err != nil {
		return "", err
	}
	other, err := witnessPolicy(policy)
	if err != nil {
		return "", err
	}
	for _, path := range receipts {
		text, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		entry, err := torchwood.ProofExtraData(text)
		if err != nil {
			return "", fmt.Errorf("%s: %w", path, err)
		}
		if err := torchwood.VerifyProof(one, tlog.RecordHash(entry), text); err != nil {
			return "", fmt.Errorf("%s: %w", path, err)
		}
		if err := takeApart(text, logKey, other); err != nil {
			return "", fmt.Errorf("%s: %w", path, err)
		}
	}
	return fmt.Sprintf("%d receipts, twice", len(receipts)), nil
}

func torchwoodPolicy(path string) (torchwood.Policy, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return torchwood.ParsePolicy(text)
}

func witnessPolicy(path string) (witness.Group, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return witness.Group{}, err
	}
	return witness.ParsePolicy(text)
}

func takeApart(text []byte, logKey string, policy witness.Group) error {
	var receipt proof.TLogProof
	if err := receipt.Unmarshal(text); err != nil {
		return err
	}
	if !bytes.Equal(receipt.Marshal(), text) {
		return errors.New("it is another text when it is written again")
	}
	checkpoint, err := trust.Open(receipt.Checkpoint, logKey, nil)
	if err != nil {
		return err
	}
	if !policy.Satisfied(receipt.Checkpoint) {
		return errors.New("the policy is not satisfied")
	}
	path := make([][]byte, 0, len(receipt.Hashes))
	for _, hash := range receipt.Hashes {
		path = append(path, hash[:])
	}
	hasher := rfc6962.DefaultHasher
	leaf := hasher.HashLeaf(receipt.ExtraData)
	return merkle.VerifyInclusion(hasher, receipt.Index, uint64(checkpoint.N), leaf, path, checkpoint.Hash[:])
}
