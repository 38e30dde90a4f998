package gateway

import (
	"context"
	"fmt"
	"net"
	"sort"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/tunnel/tunneltest"
)

// shards are backends that share the keys of a route, by name.
type shards struct {
	*world
	client *peer
	by     map[string]*peer
	made   chan *peer // connections beside those
}

// inShards runs f with three backends that share the keys.
func inShards(t *testing.T, f func(w *shards)) {
	t.Helper()
	inShardsWith(t, func(*Route) {}, f)
}

func inShardsWith(t *testing.T, change func(*Route), f func(w *shards)) {
	t.Helper()
	dials := make(chan *peer, 1000)
	inStore(t, "a b c", func(r *Route) {
		r.Balance = ByKey
		change(r)
		for i := range r.Backends {
			name := r.Backends[i].Name
			r.Backends[i].Dial = func(context.Context) (net.Conn, error) {
				near, far := tunneltest.Pipe(64 << 10)
				dials <- newPeer(t, name, far)
				return near, nil
			}
		}
	}, func(w *world) {
		s := &shards{world: w, by: map[string]*peer{}, made: dials}
		for range 3 {
			p := <-dials
			s.by[p.name] = p
		}
		synctest.Wait()
		s.client = w.client()
		f(s)
	})
}

// of returns the name of who has key.
func (s *shards) of(key string) string {
	r := s.g.routes[0]
	return r.upstreams[r.poolOf([]byte(key))].conf.Name
}

// keys returns a key of each of the three backends.
func (s *shards) keys() (keys [3]string) {
	for i, name := range []string{"a", "b", "c"} {
		for n := 0; keys[i] == ""; n++ {
			if k := fmt.Sprint("k", n); s.of(k) == name {
				keys[i] = k
			}
		}
	}
	return keys
}

func TestAKeyHasOneBackend(t *testing.T) {
	inShards(t, func(w *shards) {
		count := map[string]int{}
		for i := range 300 {
			k := fmt.Sprint("key", i)
			w.client.send("GET " + k)
			b := w.by[w.of(k)]
			b.expect("GET " + k)
			b.send("= " + k)
			w.client.expect("= " + k)
			count[b.name]++
		}
		for name, n := range count {
			if n < 60 || n > 140 {
				t.Errorf("%s has %d of 300 keys", name, n)
			}
		}
	})
}

func TestARequestIsDividedAndItsAnswerJoined(t *testing.T) {
	inShards(t, func(w *shards) {
		k := w.keys()
		a, b, c := w.by["a"], w.by["b"], w.by["c"]
		w.client.send("GET "+k[0], fmt.Sprintf("SUM %s %s %s %s", k[2], k[0], k[1], k[2]), "GET "+k[1])
		a.expect("GET "+k[0], "SUM "+k[0])
		b.expect("SUM "+k[1], "GET "+k[1])
		c.expect(fmt.Sprintf("SUM %s %s", k[2], k[2]))
		c.send("= C")
		b.send("= B", "= after")
		w.client.silent()
		a.send("= before", "= A")
		w.client.expect("= before", fmt.Sprintf("= %s:= C %s:= A %s:= B %s:= C", k[2], k[0], k[1], k[2]), "= after")
		if n := w.counters(); n.Received != 3 || n.Answered != 3 || n.Divided != 1 {
			t.Errorf("received %d, answered %d, divided %d; want 3, 3 and 1", n.Received, n.Answered, n.Divided)
		}
	})
}

func TestAPartThatFails(t *testing.T) {
	inShards(t, func(w *shards) {
		k := w.keys()
		w.client.send(fmt.Sprintf("SUM %s %s", k[0], k[1]))
		w.by["a"].expect("SUM " + k[0])
		w.by["b"].expect("SUM " + k[1])
		w.by["a"].send("= A")
		w.by["b"].close()
		w.client.expect(fmt.Sprintf("= %s:= A %s:! failed backend-lost", k[0], k[1]))
		if n := w.counters(); n.Failed != 1 || n.InFlight != 0 {
			t.Errorf("failed %d, in flight %d; want 1 and 0", n.Failed, n.InFlight)
		}
	})
}

// TestFaultB25: an answer is there for every part, in order, when one of them runs into the timeout.
func TestFaultB25APartThatIsNotAnswered(t *testing.T) {
	inShards(t, func(w *shards) {
		k := w.keys()
		w.client.send(fmt.Sprintf("SUM %s %s", k[1], k[0]), "GET "+k[2])
		w.by["c"].expect("GET " + k[2])
		w.by["c"].send("= C")
		w.by["a"].expect("SUM " + k[0])
		w.by["a"].send("= A")
		began := time.Now()
		w.client.expect(fmt.Sprintf("= %s:! failed answer-timeout %s:= A", k[1], k[0]), "= C")
		if d := time.Since(began); d != 10*time.Second {
			t.Errorf("answered after %v", d)
		}
	})
}

func TestTheClientOfADivisionLeaves(t *testing.T) {
	inShards(t, func(w *shards) {
		k := w.keys()
		w.client.send(fmt.Sprintf("SUM %s %s", k[0], k[1]))
		w.by["a"].expect("SUM " + k[0])
		_ = w.client.conn.SetLinger(0)
		w.client.close()
		w.by["a"].send("= A")
		w.by["b"].expect("SUM " + k[1])
		w.by["b"].send("= B")
		synctest.Wait()
		if n := w.counters(); n.Abandoned != 1 || n.InFlight != 0 {
			t.Errorf("abandoned %d, in flight %d; want 1 and 0", n.Abandoned, n.InFlight)
		}
	})
}

// What any backend can answer waits at one of them, and leaves it as it was, however often it is looked at.
func TestWhatHasNoKeyWaitsAtOnePlace(t *testing.T) {
	inShardsWith(t, func(r *Route) {
		for i := range r.Backends {
			r.Backends[i].InFlight = 1
		}
	}, func(w *shards) {
		for _, k := range w.keys() { // every place is taken
			w.world.client().send("GET " + k)
		}
		var waiting []*peer
		for range 5 {
			c := w.world.client()
			c.send("TIME", "TIME")
			waiting = append(waiting, c)
		}
		for i, c := range waiting {
			if i%2 == 0 {
				_ = c.conn.SetLinger(0)
				c.close()
			}
		}
		time.Sleep(4 * time.Second) // and some are looked at again
		for _, b := range w.by {
			b.line()
			b.send("= x")
		}
		for range 10 {
			for _, b := range w.by {
				if b.waits() > 0 && b.r.Buffered() > 0 {
					b.line()
					b.send("= now")
				}
			}
		}
		for i, c := range waiting {
			if i%2 == 1 {
				c.expect("= now", "= now")
			}
		}
		for name, k := range map[string]string{"a": w.keys()[0], "b": w.keys()[1], "c": w.keys()[2]} {
			c := w.world.client()
			c.send("GET " + k)
			w.by[name].expect("GET " + k)
			w.by[name].send("= free")
			c.expect("= free")
		}
	})
}

// A request that has a connection alone gets one to the backend that has its key.
func TestAConnectionAloneIsToTheBackendOfTheKey(t *testing.T) {
	inShards(t, func(w *shards) {
		for _, key := range w.keys() {
			w.client.send("POP " + key)
			own := <-w.made
			if own.name != w.of(key) {
				t.Errorf("%s: a connection to %s, want %s", key, own.name, w.of(key))
			}
			own.expect("POP " + key)
			own.send("= " + key)
			w.client.expect("= " + key)
		}
	})
}

func TestWhatSeveralBackendsCannotAnswer(t *testing.T) {
	inShards(t, func(w *shards) {
		k := w.keys()
		w.client.send("ALL", fmt.Sprintf("BOTH %s %s", k[0], k[1]), "BEGIN", fmt.Sprintf("BOTH %s %s", k[0], k[0]))
		w.client.expect("! fix bad-content", "! fix bad-content", "! fix bad-content")
		w.by["a"].expect(fmt.Sprintf("BOTH %s %s", k[0], k[0]))
		w.by["a"].send("= A")
		w.client.expect("= A")
	})
}

// Clients send whatever they like to backends that answer when they like: every answer brings back what its request
// asked, in the order of the requests.
func TestDivisionModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		inShards(t, func(w *shards) {
			clients := []*peer{w.client, w.world.client(), w.world.client()}
			wants := make([][]string, len(clients))
			nonce := 0
			answer := func(name string) {
				b := w.by[name]
				for n := b.waits(); n > 0 && b.r.Buffered() > 0; {
					line := b.line()
					b.send("= " + name + strings.ReplaceAll(line, " ", ","))
				}
			}
			for range rapid.IntRange(1, 30).Draw(rt, "steps") {
				switch rapid.IntRange(0, 4).Draw(rt, "step") {
				case 0, 1, 2:
					i := rapid.IntRange(0, len(clients)-1).Draw(rt, "client")
					var keys []string
					for range rapid.IntRange(1, 5).Draw(rt, "keys") {
						nonce++
						keys = append(keys, fmt.Sprint("n", nonce))
					}
					clients[i].send("SUM " + strings.Join(keys, " "))
					wants[i] = append(wants[i], w.joined(keys))
				default:
					answer(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "backend"))
				}
			}
			for range 3 {
				for _, name := range []string{"a", "b", "c"} {
					answer(name)
				}
			}
			for i, c := range clients {
				c.expect(wants[i]...)
				c.silent()
			}
		})
	})
}

// joined is what store joins of what answer has said.
func (s *shards) joined(keys []string) string {
	parts := map[string][]string{}
	for _, k := range keys {
		parts[s.of(k)] = append(parts[s.of(k)], k)
	}
	names := []string{}
	for name := range parts {
		names = append(names, name)
	}
	sort.Strings(names)
	if len(names) == 1 {
		return "= " + names[0] + "SUM," + strings.Join(keys, ",")
	}
	line := "="
	for _, k := range keys {
		line += fmt.Sprintf(" %s:= %sSUM,%s", k, s.of(k), strings.Join(parts[s.of(k)], ","))
	}
	return line
}
