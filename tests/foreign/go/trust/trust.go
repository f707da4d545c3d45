// Package trust opens checkpoints with the keys that somebody gave.
package trust

import (
	"fmt"
	"os"

	"filippo.io/torchwood"
	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// Open verifies a checkpoint: the signature of its log, and the cosignature of every witness
// whose key is given (types 0x04 and 0x06).
func Open(text []byte, logKey string, witnesses []string) (torchwood.Checkpoint, error) {
	var none torchwood.Checkpoint
	log, err := note.NewVerifier(logKey)
	if err != nil {
		return none, err
	}
	known := []note.Verifier{log}
	for _, key := range witnesses {
		witness, err := fnote.NewVerifierForCosignatureV1(key)
		if err != nil {
			return none, fmt.Errorf("%s: %w", key, err)
		}
		known = append(known, witness)
	}
	signed, err := note.Open(text, note.VerifierList(known...))
	if err != nil {
		return none, err
	}
	if len(signed.Sigs) != len(known) {
		return none, fmt.Errorf("%d of %d keys have signed", len(signed.Sigs), len(known))
	}
	checkpoint, err := torchwood.ParseCheckpoint(signed.Text)
	if err == nil && checkpoint.Origin != log.Name() {
		err = fmt.Errorf("the checkpoint is of %s", checkpoint.Origin)
	}
	return checkpoint, err
}

// Usage ends the program when it has fewer arguments than it needs.
func Usage(needed int, usage string) {
	if len(os.Args) <= needed {
		fmt.Fprintln(os.Stderr, "usage:", usage)
		os.Exit(2)
	}
}

// Report prints what was found. Status 3 says that what was looked at is refused: no other fault
// of a program ends with it.
func Report(told string, err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "refused:", err)
		os.Exit(3)
	}
	fmt.Println(told)
}
