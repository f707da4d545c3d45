// Made writes a log that rogatory had no hand in: made DIR.
//
// Tree, tiles, proofs and notes are golang.org/x/mod's and torchwood's; the entries, and the
// manifest that makes an export of it, follow docs/audit-log.md. Keys and contents are fixed, so it
// writes the same bytes each time. What it writes:
//
//	key       the log's key
//	old       the checkpoint of the first 100 entries
//	extends   the request of tlog-witness to cosign the whole log after that one
//	fork      a checkpoint of the same size with another root, signed as well
//	log/      the export
package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

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
	m.write("old", m.checkpoint(oldSize, must(tlog.TreeHash(oldSize, m.reader()))))
	m.write("fork", m.checkpoint(size, tlog.RecordHash(nil)))
	extends := fmt.Sprintf("old %d\n", oldSize)
	for _, hash := range must(tlog.ProveTree(size, oldSize, m.reader())) {
		extends += hash.String() + "\n"
	}
	m.write("extends", append([]byte(extends+"\n"), checkpoint...))
	fmt.Println("made a log of", size, "entries")
}

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
