// Fsck checks a whole tlog-tiles log with the Go project's own note and tlog packages and with
// torchwood's client: fsck DIR LOG-KEY [WITNESS-KEY...].
//
// Every witness whose key is given must have cosigned. Exit status 3 means that the log is refused.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"rogatory.invalid/foreign/trust"
)

func main() {
	trust.Usage(2, "fsck DIR LOG-KEY [WITNESS-KEY...]")
	trust.Report(check(os.DirFS(os.Args[1]), os.Args[2], os.Args[3:]))
}

func check(dir fs.FS, logKey string, witnesses []string) (string, error) {
	text, err := fs.ReadFile(dir, "checkpoint")
	if err != nil {
		return "", err
	}
	checkpoint, err := trust.Open(text, logKey, witnesses)
	if err != nil {
		return "", err
	}
	files, err := torchwood.NewTileFS(dir)
	if err != nil {
		return "", err
	}
	tree := checkpoint.Tree
	hashes, err := replay(files, tree)
	if err != nil {
		return "", err
	}
	tiles, err := compareTiles(dir, tree.N, hashes)
	if err != nil {
		return "", err
	}
	proofs, err := prove(torchwood.TileHashReaderWithContext(context.Background(), tree, files), tree, hashes)
	return fmt.Sprintf("%d entries, %d tiles, %d proofs, %d cosignatures", tree.N, tiles, proofs, len(witnesses)), err
}

type memory []tlog.Hash

// ReadHashes makes the hashes a tlog.HashReader.
func (m memory) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	read := make([]tlog.Hash, 0, len(indexes))
	for _, index := range indexes {
		if index >= int64(len(m)) {
			return nil, fmt.Errorf("there is no hash %d", index)
		}
		read = append(read, m[index])
	}
	return read, nil
}

// replay reads every entry through torchwood's client, which checks it against the tiles, and
// builds the tree anew.
func replay(files torchwood.TileReader, tree tlog.Tree) (memory, error) {
	client, err := torchwood.NewClient(files)
	if err != nil {
		return nil, err
	}
	var hashes memory
	for index, entry := range client.AllEntries(context.Background(), tree, 0) {
		more, err := tlog.StoredHashes(index, entry, hashes)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, more...)
	}
	if err := client.Err(); err != nil {
		return nil, err
	}
	root, err := tlog.TreeHash(tree.N, hashes)
	if err == nil && root != tree.Hash {
		err = fmt.Errorf("the entries lead to the root %v", root)
	}
	return hashes, err
}

// compareTiles demands exactly the tiles of such a tree, with exactly the bytes they must have.
func compareTiles(dir fs.FS, size int64, hashes memory) (int, error) {
	due := map[string]bool{}
	for _, tile := range tlog.NewTiles(torchwood.TileHeight, 0, size) {
		want, err := tlog.ReadTileData(tile, hashes)
		if err != nil {
			return 0, err
		}
		path := torchwood.TilePath(tile)
		if got, err := fs.ReadFile(dir, path); err != nil || !bytes.Equal(got, want) {
			return 0, fmt.Errorf("%s is not the tile of these entries: %v", path, err)
		}
		due[filepath.Clean(path)] = true
	}
	return len(due), fs.WalkDir(dir, "tile", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(path, "tile/entries/") || due[path] {
			return err
		}
		return fmt.Errorf("%s is a tile too many", path)
	})
}

// prove makes proofs from the tiles alone and checks them.
func prove(tiles tlog.HashReader, tree tlog.Tree, hashes memory) (int, error) {
	n, checked := tree.N, 0
	for _, at := range []int64{0, 1, 255, 256, 257, n / 2, 65535, 65536, n - 2, n - 1} {
		if at < 0 || at >= n {
			continue
		}
		path, err := tlog.ProveRecord(n, at, tiles)
		if err != nil {
			return 0, err
		}
		if err := tlog.CheckRecord(path, n, tree.Hash, at, hashes[tlog.StoredHashIndex(0, at)]); err != nil {
			return 0, fmt.Errorf("inclusion of %d: %w", at, err)
		}
		old, err := tlog.TreeHash(at+1, hashes)
		if err != nil {
			return 0, err
		}
		grown, err := tlog.ProveTree(n, at+1, tiles)
		if err != nil {
			return 0, err
		}
		if err := tlog.CheckTree(grown, n, tree.Hash, at+1, old); err != nil {
			return 0, fmt.Errorf("consistency with %d: %w", at+1, err)
		}
		checked += 2
	}
	return checked, nil
}
