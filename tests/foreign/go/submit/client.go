package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"filippo.io/torchwood"

	"rogatory.invalid/foreign/trust"
)

type client struct {
	url       string
	log       string
	witnesses []string
	// What was not as the specification says.
	differ []error
}

type checkpoint struct {
	torchwood.Checkpoint
	note string
}

func (c *client) read(path string) (checkpoint, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return checkpoint{}, err
	}
	opened, err := trust.Open(text, c.log, nil)
	return checkpoint{opened, string(text)}, err
}

type answer struct {
	status int
	kind   string
	body   string
}

var http1 = http.Client{Timeout: 10 * time.Second}

func (c *client) do(method, path, body string) (answer, error) {
	asked, err := http.NewRequest(method, c.url+"/"+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	got, err := http1.Do(asked)
	if err != nil {
		return answer{}, err
	}
	defer got.Body.Close()
	text, err := io.ReadAll(io.LimitReader(got.Body, 64<<10))
	return answer{got.StatusCode, got.Header.Get("Content-Type"), string(text)}, err
}

func (c *client) say(status int, what, otherwise string) {
	if otherwise == "" {
		fmt.Printf("  %d  %s\n", status, what)
		return
	}
	fmt.Printf("  %d  %s; the specification says %s\n", status, what, otherwise)
	c.differ = append(c.differ, fmt.Errorf("%s: %d, not %s", what, status, otherwise))
}

// refused asks for what must not be cosigned.
func (c *client) refused(what string, status int, size, body string) {
	got, err := c.do("POST", "add-checkpoint", body)
	switch {
	case err != nil:
		c.say(0, what+": "+err.Error(), fmt.Sprint(status))
	case got.status != status:
		c.say(got.status, what, fmt.Sprint(status))
	case size != "" && (got.body != size || got.kind != "text/x.tlog.size"):
		c.say(got.status, what, fmt.Sprintf("%q of type text/x.tlog.size, not %q of %q", size, got.body, got.kind))
	default:
		c.say(got.status, what, "")
	}
}

// cosigned asks for a cosignature, in the next way where there is a conflict; gives the lines.
func (c *client) cosigned(what string, of checkpoint, bodies ...string) (string, error) {
	for at, body := range bodies {
		got, err := c.do("POST", "add-checkpoint", body)
		if err != nil {
			return "", err
		}
		if got.status == http.StatusConflict && at+1 < len(bodies) {
			continue
		}
		if got.status != http.StatusOK {
			return "", fmt.Errorf("%s: %d %s", what, got.status, got.body)
		}
		if _, err := trust.Open([]byte(of.note+got.body), c.log, c.witnesses); err != nil {
			return "", fmt.Errorf("%s: %w", what, err)
		}
		c.say(got.status, what, "")
		return got.body, nil
	}
	return "", fmt.Errorf("%s: no request", what)
}

// get asks for the checkpoint that monitors would see, which witnesses SHOULD show.
func (c *client) get(path string) {
	got, err := c.do("GET", path, "")
	if err != nil {
		fmt.Printf("  GET: %v\n", err)
		return
	}
	_, err = trust.Open([]byte(got.body), c.log, c.witnesses)
	fmt.Printf("  %d  GET %.12s…/checkpoint, cosigned: %t\n", got.status, path, err == nil)
}
