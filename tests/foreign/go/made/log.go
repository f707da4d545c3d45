package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func (m *made) makeKey() {
	seed := sha256.Sum256([]byte("a key for tests, known to everybody"))
	public := ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey)
	m.key = must(note.NewEd25519VerifierKey(origin, public))
	secret := base64.StdEncoding.EncodeToString(append([]byte{1}, seed[:]...))
	m.signer = must(note.NewSigner("PRIVATE+KEY+" + origin + "+" + strings.Split(m.key, "+")[1] + "+" + secret))
}

// entry gives number at: the log is opened, then there are messages and starts of the program.
func (m *made) entry(at int64) map[string]any {
	nonce := sha256.Sum256([]byte(fmt.Sprint("nonce ", at)))
	envelope := sha256.Sum256([]byte(fmt.Sprint("envelope ", at)))
	time := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(at) * time.Second)
	entry := map[string]any{"at": time.Format("2006-01-02T15:04:05.000Z"), "nonce": nonce[:16], "v": 1}
	switch {
	case at == 0:
		entry["ev"], entry["key"] = "log.opened", m.key
	case at >= 250:
		entry["ev"], entry["by"], entry["peer"], entry["pseq"] = "RelayAcceptance", authority, "xa.oag", at-249
		entry["mid"], entry["env"] = fmt.Sprintf("019a3f00-0000-7000-8000-%012x", at), envelope[:]
		root := sha256.Sum256([]byte(fmt.Sprint("root ", at)))
		entry["rem"] = map[string]any{"i": at, "n": at + 1, "o": "xa.oag/log/2026", "r": root[:]}
	default:
		entry["ev"], entry["soft"] = "node.started", "made 1"
	}
	return entry
}

func (m *made) reader() tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var read []tlog.Hash
		for _, index := range indexes {
			read = append(read, m.hashes[index])
		}
		return read, nil
	})
}

func (m *made) checkpoint(size int64, root tlog.Hash) []byte {
	return m.sign(torchwood.Checkpoint{Origin: origin, Tree: tlog.Tree{N: size, Hash: root}}.String())
}

func (m *made) manifest() string {
	var lines []string
	for path, bytes := range m.files {
		lines = append(lines, fmt.Sprintf("%x  %s\n", sha256.Sum256(bytes), path))
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[66:], b[66:]) })
	return fmt.Sprintf("rogatory/v1/export-manifest\n%s\n%d\n", origin, size) + strings.Join(lines, "")
}

func (m *made) sign(text string) []byte {
	return must(note.Sign(&note.Note{Text: text}, m.signer))
}
