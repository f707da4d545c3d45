// Witness runs the witness of transparency-dev's omniwitness for the logs whose keys are given:
// witness NAME LOG-KEY...
//
// It is omniwitness's own code behind its own HTTP handler, without what reaches out to public
// logs. It listens on a loopback port of its choice, with new keys of both kinds, and prints one
// line each: "url URL", "key VKEY" (type 0x04) and "key VKEY" (type 0x06). It remembers nothing
// when it ends.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	fnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/witness/persistence/inmemory"
	"github.com/transparency-dev/witness/witness"
	"golang.org/x/mod/sumdb/note"

	"rogatory.invalid/foreign/trust"
)

func main() {
	trust.Usage(2, "witness NAME LOG-KEY...")
	log.SetPrefix("witness: ")
	signers, keys, err := newKeys(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	logs := map[string]note.Verifier{}
	for _, key := range os.Args[2:] {
		verifier, err := note.NewVerifier(key)
		if err != nil {
			log.Fatalf("%s: %v", key, err)
		}
		logs[verifier.Name()] = verifier
	}
	log.Fatal(serve(signers, keys, logs))
}

// newKeys makes an Ed25519 and an ML-DSA-44 key.
func newKeys(name string) ([]note.Signer, []string, error) {
	secret, public, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return nil, nil, err
	}
	if public, err = fnote.VKeyToCosignatureV1(public); err != nil {
		return nil, nil, err
	}
	mldsaSecret, mldsaPublic, err := fnote.GenerateMLDSAKey(name)
	if err != nil {
		return nil, nil, err
	}
	var signers []note.Signer
	for _, key := range []string{secret, mldsaSecret} {
		signer, err := fnote.NewSignerForCosignatureV1(strings.TrimSpace(key))
		if err != nil {
			return nil, nil, err
		}
		signers = append(signers, signer)
	}
	return signers, []string{public, mldsaPublic}, nil
}

func serve(signers []note.Signer, keys []string, logs map[string]note.Verifier) error {
	w, err := witness.New(context.Background(), witness.Opts{
		Persistence: inmemory.New(),
		Signers:     signers,
		VerifierForLog: func(_ context.Context, origin string) (note.Verifier, bool, error) {
			verifier, known := logs[origin]
			return verifier, known, nil
		},
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", witness.NewHTTPHandler(w).AddCheckpoint)
	fmt.Printf("url http://%s\nkey %s\n", listener.Addr(), strings.Join(keys, "\nkey "))
	server := http.Server{Handler: mux, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second}
	return server.Serve(listener)
}
