package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// Client asks a Server, for the commands that show and change a gateway that runs.
type Client struct {
	address string
	base    string
	token   string
	http    http.Client
}

// NewClient returns a Client of the Server at address, "host:port" or "unix:/path", with a token, which may be empty. It
// connects when it is used.
func NewClient(address, token string) *Client {
	c := &Client{address: address, base: "http://" + address, token: token}
	transport := &http.Transport{MaxIdleConns: 1, DisableCompression: true}
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		c.base = "http://localhost"
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		}
	}
	c.http = http.Client{Transport: transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }} // a token goes to this Server only
	return c
}

// clientMost is how much of an answer is read.
const clientMost = 64 << 20

// Get returns what path, such as "/v1/sessions", is answered with.
func (c *Client) Get(ctx context.Context, path string) (json.RawMessage, error) {
	return c.ask(ctx, http.MethodGet, path, nil)
}

// Post asks for a change, with a body that may be nil, and returns the answer.
func (c *Client) Post(ctx context.Context, path string, body any) (json.RawMessage, error) {
	data := []byte("{}")
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	return c.ask(ctx, http.MethodPost, path, data)
}

func (c *Client) ask(ctx context.Context, method, path string, body []byte) (json.RawMessage, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("admin listener %s: %w", c.address, err)
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(r)
	if err != nil {
		if op, ok := errors.AsType[*net.OpError](err); ok {
			err = op
		}
		return nil, fmt.Errorf("admin listener %s: %w\nDoes the gateway run, with admin.listen in its configuration?", c.address, err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(resp.Body, clientMost))
	if err != nil {
		return nil, fmt.Errorf("admin listener %s: %w", c.address, err)
	}
	if resp.StatusCode != http.StatusOK {
		var wrong trouble
		if json.Unmarshal(data, &wrong) != nil || wrong.Error == "" {
			return nil, fmt.Errorf("admin listener %s: %s: is this the admin listener of a gateway?", c.address, resp.Status)
		}
		return nil, errors.New(wrong.Error)
	}
	if !json.Valid(data) {
		return nil, fmt.Errorf("admin listener %s: the answer is not JSON: is this the admin listener of a gateway?", c.address)
	}
	return data, nil
}
