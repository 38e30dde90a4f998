package main

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// play runs cmd until the end of the test, and returns the lines that it prints.
func play(t *testing.T, cmd *cobra.Command, args ...string) *bufio.Scanner {
	t.Helper()
	r, w := io.Pipe()
	cmd.SetOut(w)
	cmd.SetErr(io.Discard)
	cmd.SetArgs(args)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		err := cmd.ExecuteContext(ctx)
		_ = w.CloseWithError(err)
		ended <- err
	}()
	t.Cleanup(func() {
		stop()
		_ = r.Close() // what is still printed is lost
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return bufio.NewScanner(r)
}

// listening returns the address that the first line of a sim ends with.
func listening(t *testing.T, lines *bufio.Scanner) string {
	t.Helper()
	if !lines.Scan() {
		t.Fatalf("it printed nothing: %v", lines.Err())
	}
	words := strings.Fields(lines.Text())
	return words[len(words)-1]
}

// output runs cmd to its end.
func output(cmd *cobra.Command, input string, args ...string) (string, error) {
	var out strings.Builder
	cmd.SetIn(strings.NewReader(input))
	cmd.SetOut(&out)
	cmd.SetErr(io.Discard)
	cmd.SetArgs(args)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	err := cmd.ExecuteContext(context.Background())
	return out.String(), err
}

const call = `{"jsonrpc":"2.0","method":"sum","params":[1,2],"id":"a"}`

func TestSimPrintsAddressSeedAndEvents(t *testing.T) {
	lines := play(t, newSimCommand(), "-p", "jsonrpc", "--listen", "127.0.0.1:0", "--seed", "42", "-v")
	address := listening(t, lines)
	if !strings.Contains(lines.Text(), "seed 42") {
		t.Errorf("got %s, want the seed in it", lines.Text())
	}
	told := make(chan string, 10)
	go func() {
		defer close(told)
		for lines.Scan() {
			told <- lines.Text()
		}
	}()
	if got, err := output(newSendCommand(), call, address, "-"); err != nil || !strings.Contains(got, `"result":3,"id":"a"`) {
		t.Errorf("got %s, %v", got, err)
	}
	for _, want := range []string{"1 connected", `1 request    id "a"  sum`, "1 answer", "1 closed"} {
		if got := <-told; !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestSimRefusesWhatCannotBe(t *testing.T) {
	for _, c := range []struct {
		args string
		want string
	}{
		{"-p jsonrpc", "nothing says where to listen"},
		{"-p jsonrqc --listen 127.0.0.1:0", `no protocol "jsonrqc"`},
		{"--framing linse --listen 127.0.0.1:0", "framing"},
		{"--listen 127.0.0.1:0 --miss 2", "--miss 2"},
		{"--listen 127.0.0.1:0 --delay -1s", "negative"},
		{"--listen 127.0.0.1:0 --set x", "PATH=VALUE"},
		{"--listen 127.0.0.1:0 --set x=1", "set x"},
		{"--listen 127.0.0.1:0 --answer {", "has no }"},
		{"--listen 127.0.0.1:0 --answer a --set /id=1", "one of them"},
		{"--listen 127.0.0.1:0 --route x", "--route needs a configuration"},
		{"--listen 256.0.0.1:0", "--listen takes another"},
		{"-c testdata/no-such-file.yaml", "no-such-file.yaml"},
	} {
		if _, err := output(newSimCommand(), "", strings.Fields(c.args)...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.args, err, c.want)
		}
	}
}

func TestSimSpeaksWhatTheBackendOfARouteSpeaks(t *testing.T) {
	lines := play(t, newSimCommand(), "-c", "../../examples/orders/testdata/content-length.yaml", "--route", "orders", "--listen", "127.0.0.1:0")
	if got, err := output(newSendCommand(), call, listening(t, lines), "-"); err != nil {
		t.Errorf("the backend of the route speaks lines, got %s, %v", got, err)
	}
	_, err := output(newSimCommand(), "", "-c", "../../examples/orders/sallyport.yaml", "--route", "other")
	if err == nil || !strings.Contains(err.Error(), "it has orders") {
		t.Errorf("got %v", err)
	}
}
