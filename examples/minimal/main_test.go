package main

import (
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMinimalShowsAResultAndARefusal(t *testing.T) {
	var out strings.Builder
	if err := run(&out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 4 {
		t.Fatalf("got %d lines:\n%s", len(lines), &out)
	}
	if want := `<- {"jsonrpc":"2.0","result":["world"],"id":"mine"}`; lines[1] != want {
		t.Errorf("got %s, want %s", lines[1], want)
	}
	for _, want := range []string{`"code":-32601`, `"id":"mine"`, `"retry":"fix"`} {
		if !strings.Contains(lines[3], want) {
			t.Errorf("got %s, want %s in it", lines[3], want)
		}
	}
}
