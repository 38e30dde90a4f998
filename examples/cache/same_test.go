package cache

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/peertest"
)

// What many clients hear through the gateway, each of them by chance, is byte for byte what each would hear if it alone
// had a server of the same kind: they share connections, leave them for ones of their own, and come back.
func TestManyClientsHearWhatOneWouldHear(t *testing.T) {
	for _, version := range []string{"2", "3"} {
		t.Run("version "+version, func(t *testing.T) {
			behind, alone := peertest.Free(t), peertest.Free(t)
			redis(t, behind)
			redis(t, alone)
			file := filepath.Join(t.TempDir(), "sallyport.yaml")
			text := "routes:\n  - name: cache\n    listen: 127.0.0.1:6380\n    protocol: { name: resp, version: " + version + " }\n" +
				"    limits: { strikes: 1000000 }\n    backend: { address: 127.0.0.1:6379, connections: 2, in_flight: 512, own: 16 }\n"
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, at := peertest.Gateway(t, file, map[string][]string{"cache": {behind}})
			seed := rand.Uint64()
			var wg sync.WaitGroup
			for i := range 10 {
				wg.Go(func() {
					w := &wanderer{r: rand.New(rand.NewPCG(seed, uint64(i))), prefix: fmt.Sprintf("client%d", i), three: version == "3"}
					if got, want, sent := w.wander(t, at["cache"], alone); !bytes.Equal(got, want) {
						n := 0
						for n < min(len(got), len(want)) && got[n] == want[n] {
							n++
						}
						t.Errorf("seed %d, client %d: of %.2000q\nbehind %d bytes got %.200q\nwant %.200q", seed, i, sent, n, got[max(0, n-60):], want[max(0, n-60):])
					}
				})
			}
			wg.Wait()
		})
	}
}

// wanderer makes requests by chance.
type wanderer struct {
	r      *rand.Rand
	prefix string
	three  bool // the backend speaks version 3
	multi  bool
	n      int
}

// wander sends the same to two servers, some at a time, and returns what the first differed in.
func (w *wanderer) wander(t *testing.T, gateway, server string) (got, want []byte, sent string) {
	var conns [2]net.Conn
	for i, address := range []string{gateway, server} {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Error(err)
			return nil, nil, ""
		}
		defer c.Close()
		conns[i] = c
	}
	for round := range 150 {
		var b strings.Builder
		for range 1 + w.r.IntN(12) {
			words := w.request()
			fmt.Fprintf(&b, "*%d\r\n", len(words))
			for _, word := range words {
				fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(word), word)
			}
		}
		// A PING with a nonce is answered whatever is going on; EXEC first, or it would be queued.
		nonce := fmt.Sprintf("%s-%d-end", w.prefix, round)
		w.multi = false
		fmt.Fprintf(&b, "*1\r\n$4\r\nEXEC\r\n*2\r\n$4\r\nPING\r\n$%d\r\n%s\r\n", len(nonce), nonce)
		sent = b.String()
		var heard [2][]byte
		for i, c := range conns {
			_ = c.SetDeadline(time.Now().Add(20 * time.Second))
			if _, err := c.Write([]byte(sent)); err != nil {
				t.Errorf("%s: %v", nonce, err)
				return nil, nil, sent
			}
			buf := make([]byte, 64<<10)
			for !bytes.HasSuffix(heard[i], []byte(nonce+"\r\n")) {
				n, err := c.Read(buf)
				if err != nil {
					t.Errorf("%s: %v behind %q\nof %q", nonce, err, heard[i], sent)
					return nil, nil, sent
				}
				heard[i] = append(heard[i], buf[:n]...)
			}
		}
		if !bytes.Equal(heard[0], heard[1]) {
			return heard[0], heard[1], sent
		}
	}
	return nil, nil, ""
}

// request returns one that has the same answer wherever nobody else has touched this client's keys.
func (w *wanderer) request() []string {
	key := func(name string) string { return w.prefix + ":" + name }
	w.n++
	value := fmt.Sprintf("%s-%d", w.prefix, w.n)
	single := [][]string{
		{"SET", key("k"), value}, {"GET", key("k")}, {"get", key("none")}, {"INCR", key("n")}, {"MGET", key("k"), key("none"), key("n")}, {"DEL", key("k"), key("l")},
		{"RPUSH", key("l"), "message", "a", value}, {"LRANGE", key("l"), "0", "-1"}, {"LPOP", key("l")}, {"HSET", key("h"), "f", value}, {"HGETALL", key("h")},
		{"ZADD", key("z"), "1.5", "a", "2", value}, {"ZRANGE", key("z"), "0", "3"}, {"ZSCORE", key("z"), "a"}, {"ECHO", value}, {"PING"}, {"PING", value}, {"TYPE", key("l")},
		{"SADD", key("s"), "one"}, {"SISMEMBER", key("s"), "one"},
		{"XADD", key("x"), fmt.Sprintf("%d-1", w.n), "f", value}, {"XLEN", key("x")}, {"SET", key("big"), strings.Repeat(value, 50)}, {"GET", key("big")}, {"GETRANGE", key("big"), "0", "9"},
		{"GET"}, {"SET", key("k")}, {"INCR", key("h")}, {"SET", key("k"), "*1\r\n$4\r\nPING\r\n"},
		{"WATCH", key("k")}, {"UNWATCH"}, {"MULTI"}, {"EXEC"}, {"DISCARD"}, {"SELECT", "1"}, {"SELECT", "0"}, {"SELECT", "0"}, {"RESET"},
	}
	outside := [][]string{
		{"UNSUBSCRIBE"}, {"UNSUBSCRIBE", "a"}, {"UNSUBSCRIBE", "a", "b"}, {"ZRANGE", key("z"), "0", "-1", "WITHSCORES"}, {"ZPOPMIN", key("z"), "1"}, {"XREAD", "COUNT", "1", "STREAMS", key("x"), "0"},
		{"XREAD", "BLOCK", "1", "STREAMS", key("x"), "99999999"}, {"ZRANGE", key("z"), "0", "-1", "WITHSCORES"},
	}
	nulls := [][]string{{"LPOP", key("none"), "2"}, {"BLPOP", key("l"), key("none"), "0.01"}, {"BRPOP", key("none"), "0.01"}, {"BLMOVE", key("l"), key("m"), "LEFT", "RIGHT", "0.01"}, {"BZPOPMIN", key("z"), "0.01"}}
	if w.three { // what is null within an EXEC nobody can tell
		outside = append(outside, nulls...)
	} else {
		single = append(single, nulls...)
	}
	n := w.r.IntN(len(single) + len(outside))
	if w.multi || n < len(single) {
		words := single[n%len(single)]
		switch words[0] {
		case "MULTI":
			w.multi = true
		case "EXEC", "DISCARD", "RESET":
			w.multi = false
		}
		return words
	}
	return outside[n-len(single)]
}
