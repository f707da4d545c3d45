// Made writes a log that rogatory had no hand in: made DIR.
//
// Tree, tiles, proofs and notes are golang.org/x/mod's and torchwood's; the entries, and the
// manifest that makes an export of it, follow docs/audit.md. Keys and contents are fixed, so it
// writes the same bytes each time. What it writes:
//
//	key       the log's key
//	old       the checkpoint of the first 100 entries
//	extends   the request of tlog-witness to cosign the whole log after that one
//	fork      a checkpoint of the same size with another root, signed as well
//	evidence/ that fork, and one of the old checkpoint, as evidence of equivocation
//	log/      the export
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"rogatory.invalid/foreign/trust"
)

const (
	authority = "xz.foreign"
	origin    = authority + "/log/2026"
	oldSize   = 100
	// One full bundle and tile, and partial ones.
	size = 260
)

type made struct {
	dir    string
	signer note.Signer
	key    string
	hashes []tlog.Hash
	files  map[string][]byte
}

func main() {
	trust.Usage(1, "made DIR")
	m := made{dir: os.Args[1], files: map[string][]byte{}}
	m.makeKey()
	var bundle []byte
	var entries [][]byte
	for at := range int64(size) {
		entry := must(json.Marshal(m.entry(at)))
		entries = append(entries, entry)
		m.hashes = append(m.hashes, must(tlog.StoredHashes(at, entry, m.reader()))...)
		bundle = must(torchwood.AppendTileEntry(bundle, entry))
		if full := (at+1)%torchwood.TileWidth == 0; full || at+1 == size {
			width := int(at%torchwood.TileWidth) + 1
			tile := tlog.Tile{H: torchwood.TileHeight, L: -1, N: at / torchwood.TileWidth, W: width}
			m.files[torchwood.TilePath(tile)], bundle = bundle, nil
		}
	}
	for _, tile := range tlog.NewTiles(torchwood.TileHeight, 0, size) {
		m.files[torchwood.TilePath(tile)] = must(tlog.ReadTileData(tile, m.reader()))
	}
	checkpoint := m.checkpoint(size, must(tlog.TreeHash(size, m.reader())))
	m.files["checkpoint"] = checkpoint
	for _, at := range []int64{255, 256, 259} {
		proof := must(tlog.ProveRecord(size, at, m.reader()))
		text := torchwood.FormatProofWithExtraData(at, entries[at], proof, checkpoint)
		m.files[fmt.Sprintf("receipts/%d.tlog-proof", at)] = text
	}
	m.files["manifest"] = m.sign(m.manifest())
	for path, bytes := range m.files {
		m.write("log/"+path, bytes)
	}
	m.write("key", []byte(m.key+"\n"))
	m.forks(checkpoint)
	fmt.Println("made a log of", size, "entries")
}

// forks writes what a witness is shown: the old checkpoint, the way from there, and two pasts.
func (m *made) forks(checkpoint []byte) {
	oldRoot := must(tlog.TreeHash(oldSize, m.reader()))
	fork, proof := m.checkpoint(size, tlog.RecordHash(nil)), ""
	for _, hash := range must(tlog.ProveTree(size, oldSize, m.reader())) {
		proof += "hash " + hash.String() + "\n"
	}
	m.write("old", m.checkpoint(oldSize, oldRoot))
	m.write("fork", fork)
	m.write("extends", fmt.Appendf(nil, "old %d\n%s\n%s", oldSize,
		strings.ReplaceAll(proof, "hash ", ""), checkpoint))
	const header = "rogatory/v1/equivocation\n"
	m.write("evidence/same-size", fmt.Appendf(nil, "%ssame-size\n\n%s\n%s", header, checkpoint, fork))
	oldFork := m.checkpoint(oldSize, tlog.RecordHash(nil))
	m.write("evidence/other-prefix", fmt.Appendf(nil, "%sother-prefix\nroot %v\n%s\n%s\n%s",
		header, oldRoot, proof, oldFork, checkpoint))
}

func (m *made) write(path string, bytes []byte) {
	path = filepath.Join(m.dir, path)
	must(0, os.MkdirAll(filepath.Dir(path), 0o755))
	must(0, os.WriteFile(path, bytes, 0o644))
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
