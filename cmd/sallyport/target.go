package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/internal/admin"
	"github.com/sallyport/sallyport/internal/config"
	"github.com/sallyport/sallyport/internal/logging"
)

// tokenVariable is the environment variable that may have the token.
const tokenVariable = "SALLYPORT_ADMIN_TOKEN"

// target is the gateway that runs and that a command is about, and how its answers are shown.
type target struct {
	config    string
	address   string
	tokenFile string
	json      bool
	route     string
	limit     int
}

// targetHelp is how a command finds it.
const targetHelp = `

The gateway is found by its configuration with -c FILE, or by the address of its admin
listener with --admin, as in admin.listen. Over TCP a token may be needed: that of the
configuration, of --token-file, or of ` + tokenVariable + `.`

// flags adds those that every command about a running gateway has.
func (t *target) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&t.config, "config", "c", "", "the configuration that it runs with")
	f.StringVar(&t.address, "admin", "", "its admin listener: host:port or unix:/path")
	f.StringVar(&t.tokenFile, "token-file", "", "a file with the token of its admin listener")
	f.BoolVar(&t.json, "json", false, "print JSON")
	cmd.Long += targetHelp
}

// listFlags adds those of a command that shows a list.
func (t *target) listFlags(cmd *cobra.Command, routes bool) {
	t.flags(cmd)
	f := cmd.Flags()
	f.IntVar(&t.limit, "limit", 200, "how many are shown, at most 1000")
	if routes {
		f.StringVar(&t.route, "route", "", "only those of this route")
	}
}

// client returns what asks the gateway.
func (t *target) client() (*admin.Client, error) {
	address, token := t.address, os.Getenv(tokenVariable)
	if t.config != "" {
		f, err := config.Load(t.config, os.LookupEnv)
		if err != nil {
			return nil, err
		}
		if f.Admin.Listen == "" && address == "" {
			return nil, fmt.Errorf("%s has no admin.listen: nobody can ask a gateway that runs with it", t.config)
		}
		if address == "" {
			address = f.Admin.Listen
		}
		if f.Admin.Token != "" {
			token = f.Admin.Token
		}
	}
	if address == "" {
		return nil, usageError{errors.New("which gateway? Name its configuration with -c FILE, or its admin listener with --admin ADDRESS")}
	}
	if err := admin.Check(address); err != nil {
		return nil, usageError{fmt.Errorf("--admin: %w", err)}
	}
	if t.tokenFile != "" {
		data, err := os.ReadFile(t.tokenFile)
		if err != nil {
			return nil, fmt.Errorf("--token-file: %w", err)
		}
		token = strings.TrimSpace(string(data))
	}
	return admin.NewClient(address, token), nil
}

// show asks for path and prints the answer: as JSON, or what text makes of it, into which it is decoded.
func (t *target) show(cmd *cobra.Command, path string, into any, text func(w io.Writer)) error {
	return t.ask(cmd, http.MethodGet, path, into, text)
}

// ask is show with another method than GET.
func (t *target) ask(cmd *cobra.Command, method, path string, into any, text func(w io.Writer)) error {
	c, err := t.client()
	if err != nil {
		return err
	}
	get := c.Get
	if method == http.MethodPost {
		get = func(ctx context.Context, path string) (json.RawMessage, error) { return c.Post(ctx, path, nil) }
	}
	data, err := get(cmd.Context(), path)
	if err != nil {
		return err
	}
	if t.json {
		return printJSON(cmd.OutOrStdout(), data)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("the answer cannot be read; is the gateway of another version? %w", err)
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', 0)
	text(w)
	return w.Flush()
}

// change asks for a change and prints what was done.
func (t *target) change(cmd *cobra.Command, path string, body any) error {
	c, err := t.client()
	if err != nil {
		return err
	}
	data, err := c.Post(cmd.Context(), path, body)
	if err != nil {
		return err
	}
	if t.json {
		return printJSON(cmd.OutOrStdout(), data)
	}
	var answer struct{ Done string }
	if err := json.Unmarshal(data, &answer); err != nil {
		return fmt.Errorf("the answer cannot be read; is the gateway of another version? %w", err)
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), plain(answer.Done))
	return err
}

// path is that of a list.
func (t *target) path(name string) string {
	q := url.Values{}
	if t.limit != 0 {
		q.Set("limit", fmt.Sprint(t.limit))
	}
	if t.route != "" {
		q.Set("route", t.route)
	}
	return "/v1/" + name + "?" + q.Encode()
}

func printJSON(w io.Writer, data json.RawMessage) error {
	var b bytes.Buffer
	if err := json.Indent(&b, data, "", "  "); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, strings.TrimSpace(b.String()))
	return err
}

// plain is s as it may stand on a terminal.
func plain(s string) string { return logging.Clean(s, 300) }

// cell is s in a table: there is always something.
func cell(s string) string {
	if s == "" {
		return "-"
	}
	return plain(s)
}

// origin is where a client comes from.
func origin(peer string) string {
	if peer == "@" {
		return "a Unix socket"
	}
	return cell(peer)
}

// span is a time of so many milliseconds, for a person.
func span(ms float64) string {
	d := time.Duration(ms * float64(time.Millisecond))
	switch {
	case d >= 100*time.Hour:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d >= time.Minute:
		return strings.TrimSuffix(d.Round(time.Second).String(), "0s")
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(time.Microsecond).String()
}

// truncated says that there are more than are shown.
func truncated(w io.Writer, more bool) {
	if more {
		fmt.Fprintln(w, "... and more: see --limit")
	}
}
