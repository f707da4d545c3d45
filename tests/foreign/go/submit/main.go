// Submit asks a witness for cosignatures as C2SP tlog-witness says, and looks at how it refuses:
// submit [-strict] [-fork FILE] [-out FILE] URL LOG-KEY DIR OLD NEW WITNESS-KEY...
//
// DIR is a tlog-tiles log; OLD and NEW are two of its checkpoints, the second one of all its
// entries. The witness knows the log's key and has cosigned nothing of it yet. Each request is a
// line of the report: the answer, what was asked, and what the specification says where the answer
// is another. Under -strict that ends in status 3, as a cosignature that does not verify always
// does. The cosignatures of NEW go to -out.
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"rogatory.invalid/foreign/trust"
)

var (
	strict = flag.Bool("strict", false, "demand what the specification demands")
	fork   = flag.String("fork", "", "a signed checkpoint of NEW's size with another root")
	out    = flag.String("out", "", "where the cosignatures of NEW go")
)

func main() {
	flag.Parse()
	if flag.NArg() < 6 {
		fmt.Fprintln(os.Stderr, "usage: submit [OPTION...] URL LOG-KEY DIR OLD NEW WITNESS-KEY...")
		os.Exit(2)
	}
	c := &client{url: strings.TrimSuffix(flag.Arg(0), "/"), log: flag.Arg(1), witnesses: flag.Args()[5:]}
	trust.Report("both checkpoints are cosigned", submit(c, flag.Arg(2), flag.Arg(3), flag.Arg(4)))
}

// request is the body of add-checkpoint.
func request(old int64, proof []tlog.Hash, note string) string {
	body := fmt.Sprintf("old %d\n", old)
	for _, hash := range proof {
		body += hash.String() + "\n"
	}
	return body + "\n" + note
}

func submit(c *client, dir, oldPath, newPath string) error {
	old, err := c.read(oldPath)
	if err != nil {
		return err
	}
	grown, err := c.read(newPath)
	if err != nil {
		return err
	}
	files, err := torchwood.NewTileFS(os.DirFS(dir))
	if err != nil {
		return err
	}
	reader := torchwood.TileHashReaderWithContext(context.Background(), grown.Tree, files)
	proof, err := tlog.ProveTree(grown.N, old.N, reader)
	if err != nil {
		return err
	}
	if err := c.begin(old, proof); err != nil {
		return err
	}
	lines, err := c.grow(old, grown, proof)
	if err != nil {
		return err
	}
	c.get(fmt.Sprintf("%x/checkpoint", sha256.Sum256([]byte(old.Origin))))
	if *out != "" {
		if err := os.WriteFile(*out, []byte(lines), 0o644); err != nil {
			return err
		}
	}
	if *strict {
		return errors.Join(c.differ...)
	}
	return nil
}

// begin has the first checkpoint cosigned.
func (c *client) begin(old checkpoint, proof []tlog.Hash) error {
	n := old.N
	stranger := strings.Replace(old.note, old.Origin, old.Origin+"x", 1)
	altered := strings.Replace(old.note, fmt.Sprintf("\n%d\n", n), fmt.Sprintf("\n%d\n", n+1), 1)
	c.refused("something that is no request", 400, "", "new 0\n\n"+old.note)
	c.refused("a log that it does not know", 404, "", request(0, nil, stranger))
	c.refused("a signature that fails", 403, "", request(0, nil, altered))
	c.refused("fewer entries than before", 400, "", request(n+1, nil, old.note))
	c.refused("from more than it has seen", 409, "0\n", request(n, nil, old.note))
	c.refused("a proof where there is nothing to prove", 422, "", request(0, proof, old.note))
	// Where one of these was cosigned after all, the way from nothing is closed.
	if _, err := c.cosigned("the old checkpoint", old, request(0, nil, old.note), request(n, nil, old.note)); err != nil {
		return err
	}
	_, err := c.cosigned("the same once more", old, request(n, nil, old.note))
	return err
}

// grow has the second one cosigned; gives the lines.
func (c *client) grow(old, grown checkpoint, proof []tlog.Hash) (string, error) {
	n := old.N
	damaged := append([]tlog.Hash{}, proof...)
	damaged[0][0] ^= 1
	c.refused("from nothing, when it has seen more", 409, fmt.Sprintf("%d\n", n), request(0, nil, grown.note))
	c.refused("no proof where one is needed", 422, "", request(n, nil, grown.note))
	c.refused("a proof with a bit changed", 422, "", request(n, damaged, grown.note))
	lines, err := c.cosigned("the new checkpoint", grown, request(n, proof, grown.note))
	if err != nil {
		return "", err
	}
	c.refused("the old one again", 409, fmt.Sprintf("%d\n", grown.N), request(n, nil, old.note))
	if *fork != "" {
		forked, err := c.read(*fork)
		if err != nil {
			return "", err
		}
		c.refused("another root of the same size", 422, "", request(grown.N, nil, forked.note))
	}
	return lines, nil
}
