package faultproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestDelayHoldsBytesBackAndKeepsTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, backend, over := pipes(t, Config{Seed: 1, ToBackend: []Fault{Delay(30*time.Second, 10*time.Second)}})
		defer over()
		start := time.Now()
		send(t, client, "one")
		send(t, client, "two")
		receive(t, backend, "onetwo")
		if got := time.Since(start); got < 30*time.Second || got >= 40*time.Second {
			t.Errorf("got %v, want 30 s and up to 10 s more", got)
		}
		send(t, backend, "back")
		before := time.Now()
		receive(t, client, "back")
		if got := time.Since(before); got != 0 {
			t.Errorf("the other direction took %v, want 0", got)
		}
	})
}

func TestDelayDoesNotSlowDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, backend, over := pipes(t, Config{Seed: 1, ToBackend: []Fault{Delay(time.Minute, 0)}})
		defer over()
		start := time.Now()
		for range 100 {
			send(t, client, "x")
		}
		receive(t, backend, strings.Repeat("x", 100))
		if got, want := time.Since(start), time.Minute; got != want {
			t.Errorf("got %v, want %v for all of them", got, want)
		}
	})
}

func TestBandwidthIsBytesPerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, backend, over := pipes(t, Config{ToBackend: []Fault{Bandwidth(100)}})
		defer over()
		start := time.Now()
		text := strings.Repeat("x", 1001)
		go func() { _, _ = io.WriteString(client, text) }()
		receive(t, backend, text)
		if got, want := time.Since(start), 10*time.Second; got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func TestSliceCutsAtTheSamePlacesHoweverItIsRead(t *testing.T) {
	text := strings.Repeat("0123456789", 100)
	cfg := Config{Seed: 3, ToBackend: []Fault{Slice(8, 0)}}
	whole := ends(through(t, cfg, text))
	if n := len(whole); n < 60 || n > 250 {
		t.Errorf("got %d writes of 1000 bytes, want about 125", n)
	}
	for _, e := range ends(through(t, cfg, text[:333], text[333:334], text[334:])) {
		if !slices.Contains(whole, e) && e != 333 && e != 334 {
			t.Errorf("a cut at %d, which was not there when all was read at once", e)
		}
	}
}

func TestSliceOfOneIsByteForByte(t *testing.T) {
	got := through(t, Config{ToBackend: []Fault{Slice(1, 0)}}, "abc")
	if want := []string{"a", "b", "c"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSlicePauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, backend, over := pipes(t, Config{ToBackend: []Fault{Slice(1, time.Second)}})
		defer over()
		start := time.Now()
		send(t, client, "abcd")
		receive(t, backend, "abcd")
		if got, want := time.Since(start), 3*time.Second; got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func TestFlipTurnsOneBitOfSomeBytes(t *testing.T) {
	text := strings.Repeat("\x00", 10_000)
	got := strings.Join(through(t, Config{Seed: 9, ToBackend: []Fault{Flip(0.1)}}, text), "")
	if len(got) != len(text) {
		t.Fatalf("got %d bytes, want %d", len(got), len(text))
	}
	n := 0
	for _, b := range []byte(got) {
		if ones := bits.OnesCount8(b); ones > 1 {
			t.Fatalf("got %d bits turned in one byte, want 1", ones)
		} else {
			n += ones
		}
	}
	if n < 800 || n > 1200 {
		t.Errorf("got %d bits turned, want about 1000", n)
	}
}

func TestTheSameSeedDoesTheSameHoweverItIsRead(t *testing.T) {
	var text strings.Builder
	for i := range 200 {
		fmt.Fprintf(&text, "line %d\n", i)
	}
	run := func(seed uint64, chunk int) string {
		var chunks []string
		for c := range slices.Chunk([]byte(text.String()), chunk) {
			chunks = append(chunks, string(c))
		}
		return strings.Join(through(t, Config{Seed: seed, Split: lines, ToBackend: []Fault{
			DropFrames(0.1), DoubleFrames(0.1), ReorderFrames(0.1, 4, 0), Flip(0.01), Slice(20, 0), ResetAfter(5000, 5000).On(0),
		}}, chunks...), "")
	}
	want := run(7, len(text.String()))
	for _, chunk := range []int{1, 3, 1000} {
		if got := run(7, chunk); got != want {
			t.Errorf("reads of %d bytes: got another stream of %d bytes, want the one of %d", chunk, len(got), len(want))
		}
	}
	if run(8, 1000) == want {
		t.Error("another seed did the same")
	}
}

func TestConnectionsDecideForThemselves(t *testing.T) {
	p := New(Config{Seed: 1, ToBackend: []Fault{Flip(1).On(0.5)}})
	defer p.Close()
	hit := 0
	for range 200 {
		b := &sink{ended: make(chan struct{})}
		p.Join(&source{chunks: []string{"a"}}, b)
		if b.writes[0] != "a" {
			hit++
		}
	}
	if hit < 70 || hit > 130 {
		t.Errorf("got %d of 200 connections, want about half", hit)
	}
	if got := p.Count("flip"); got != hit {
		t.Errorf("Count: got %d, want %d", got, hit)
	}
	if got := p.Count("no such fault"); got != 0 {
		t.Errorf("Count: got %d, want 0", got)
	}
}

func TestResetAfterBytesResetsBothEnds(t *testing.T) {
	p, client, backend := tcp(t, Config{ToBackend: []Fault{ResetAfter(3, 3)}})
	send(t, client, "abcdef")
	for _, c := range []net.Conn{client, backend} {
		if got, err := io.ReadAll(c); !errors.Is(err, syscall.ECONNRESET) || len(got) > 3 {
			t.Errorf("got %d bytes, %v, want at most 3 and a reset", len(got), err)
		}
	}
	if got := p.Count("reset"); got != 1 {
		t.Errorf("Count: got %d, want 1", got)
	}
}

func TestResetAfterNothingIsAtOnce(t *testing.T) {
	inner, outer := listen(t), listen(t)
	p := New(Config{ToClient: []Fault{ResetAfter(0, 0)}, Dial: func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", inner.Addr().String())
	}})
	serve(t, p, outer)
	wantReset(t, outer)
	if got := p.Count("reset"); got != 1 {
		t.Errorf("Count: got %d, want 1", got)
	}
}

func TestBlackTakesAllAndSaysNothing(t *testing.T) {
	_, client, backend := tcp(t, Config{ToBackend: []Fault{BlackAfter(3, 3)}})
	send(t, client, strings.Repeat("x", 1<<20))
	receive(t, backend, "xxx")
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	silent(t, backend)
}

func TestBlackToTheClientStaysOpenWhenAllElseHasEnded(t *testing.T) {
	_, client, backend := tcp(t, Config{ToClient: []Fault{BlackAfter(0, 0)}})
	send(t, client, "x")
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	receive(t, backend, "x")
	if err := backend.Close(); err != nil {
		t.Fatal(err)
	}
	silent(t, client)
}

func TestSwallowFIN(t *testing.T) {
	_, client, backend := tcp(t, Config{ToBackend: []Fault{SwallowFIN()}})
	send(t, client, "x")
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	receive(t, backend, "x")
	silent(t, backend)
}

func TestStallTakesNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, backend, over := pipes(t, Config{ToBackend: []Fault{StallAfter(1, 1)}})
		defer over()
		send(t, client, "a")
		receive(t, backend, "a")
		within(t, client, time.Hour)
		n, err := client.Write(make([]byte, 1<<20))
		if !errors.Is(err, os.ErrDeadlineExceeded) || n > (inFlight+2)*readSize {
			t.Errorf("got %d bytes, %v, want at most what is under way, and a timeout", n, err)
		}
		within(t, client, time.Hour)
		send(t, backend, "b")
		receive(t, client, "b")
	})
}

func TestSlowReaderIsFelt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _, over := pipes(t, Config{})
		defer over()
		within(t, client, time.Hour)
		if n, err := client.Write(make([]byte, 1<<20)); !errors.Is(err, os.ErrDeadlineExceeded) || n > 8*readSize {
			t.Errorf("got %d bytes, %v, want a few and a timeout", n, err)
		}
	})
}

// pipes puts a proxy between two ends in memory; over ends all of it.
func pipes(t *testing.T, cfg Config) (client, backend net.Conn, over func()) {
	t.Helper()
	client, near := net.Pipe()
	far, backend := net.Pipe()
	p := New(cfg)
	joined := make(chan struct{})
	go func() { defer close(joined); p.Join(near, far) }()
	return client, backend, func() {
		p.Close()
		<-joined
		_, _ = client.Close(), backend.Close()
	}
}

// ends returns where each write ends in the stream.
func ends(writes []string) (offs []int) {
	off := 0
	for _, w := range writes {
		off += len(w)
		offs = append(offs, off)
	}
	return offs
}

// silent fails t if c hears anything at all.
func silent(t *testing.T, c net.Conn) {
	t.Helper()
	within(t, c, 50*time.Millisecond)
	if n, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %d bytes, %v, want silence", n, err)
	}
}
