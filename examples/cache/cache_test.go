// Package cache tests the example in this folder, with the clients and the server that it is for.
package cache

import (
	"bufio"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/internal/peertest"
)

// redis starts a server on address.
func redis(t *testing.T, address string) *peertest.Server {
	t.Helper()
	host, port, _ := net.SplitHostPort(address)
	return peertest.Start(t, address, exec.Command(peertest.Need(t, "redis-server"), "--port", port, "--bind", host, "--save", "", "--dir", t.TempDir()))
}

// open runs the example in front of new servers. It returns the ports of its routes.
func open(t *testing.T) (g *gateway.Gateway, cache, halves string) {
	t.Helper()
	first, second := peertest.Free(t), peertest.Free(t)
	redis(t, first)
	redis(t, second)
	g, at := peertest.Gateway(t, "sallyport.yaml", map[string][]string{"cache": {first}, "halves": {first, second}})
	return g, port(at["cache"]), port(at["halves"])
}

func port(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// asker asks with redis-cli.
func asker(t *testing.T, port string) func(want string, args ...string) {
	cli := peertest.Need(t, "redis-cli")
	return func(want string, args ...string) {
		t.Helper()
		if got := peertest.Output(t, exec.Command(cli, append([]string{"-p", port}, args...)...)); got != want {
			t.Errorf("%s: got %q, want %q", strings.Join(args, " "), got, want)
		}
	}
}

func TestRedisCLI(t *testing.T) {
	_, cache, _ := open(t)
	ask := asker(t, cache)
	ask("PONG", "ping")
	ask("OK", "set", "greeting", "hello")
	ask("hello", "get", "greeting")
	ask("", "get", "nothing")
	ask("ERR wrong number of arguments for 'get' command", "get")
	ask("2", "rpush", "list", "a", "b")
	ask("list\na", "blpop", "list", "1")
	ask("", "blpop", "nobody", "1")
	cmd := exec.Command(peertest.Need(t, "redis-cli"), "-p", cache)
	cmd.Stdin = strings.NewReader("MULTI\nINCR n\nINCR n\nEXEC\nGET n\nSELECT 1\nGET n\nSELECT 0\nGET n\n")
	if got, want := peertest.Output(t, cmd), "OK\nQUEUED\nQUEUED\n1\n2\n2\nOK\n\nOK\n2"; got != want {
		t.Errorf("a transaction: got %q, want %q", got, want)
	}
	for _, refused := range [][]string{{"flushall"}, {"keys", "*"}, {"eval", "return redis.call('flushall')", "0"}, {"shutdown"}, {"debug", "sleep", "10"}, {"config", "set", "dir", "/"}, {"slaveof", "no", "one"}} {
		got := peertest.Output(t, exec.Command(peertest.Need(t, "redis-cli"), append([]string{"-p", cache}, refused...)...))
		if !strings.HasPrefix(got, "NOPERM ") {
			t.Errorf("%s: got %q, want NOPERM", strings.Join(refused, " "), got)
		}
	}
}

// The benchmark that comes with Redis, all of its tests, one request at a time and sixteen.
func TestRedisBenchmark(t *testing.T) {
	bench := peertest.Need(t, "redis-benchmark")
	_, cache, _ := open(t)
	for _, pipeline := range []string{"1", "16"} {
		out, err := exec.Command(bench, "-p", cache, "-n", "3000", "-q", "-P", pipeline).CombinedOutput()
		text := strings.ReplaceAll(string(out), "\r", "\n")
		if err != nil {
			t.Fatalf("-P %s: %v\n%s", pipeline, err, text)
		}
		for _, test := range []string{"PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "LPUSH", "RPUSH", "LPOP", "RPOP", "SADD", "HSET", "SPOP", "ZADD", "ZPOPMIN",
			"LRANGE_100", "LRANGE_300", "LRANGE_500", "LRANGE_600", "MSET"} {
			if !strings.Contains(text, test) {
				t.Errorf("-P %s: no result of %s", pipeline, test)
			}
		}
		for _, bad := range []string{"WARN", "ERR", "rror"} {
			if strings.Contains(text, bad) {
				t.Errorf("-P %s: %s", pipeline, text)
				break
			}
		}
	}
}

func TestPublishAndSubscribe(t *testing.T) {
	_, cache, _ := open(t)
	sub := dial(t, cache)
	sub.ask("*3\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n$1\r\nb\r\n")
	sub.expect("*3", "$9", "subscribe", "$1", "a", ":1", "*3", "$9", "subscribe", "$1", "b", ":2")
	asker(t, cache)("1", "publish", "b", "news")
	sub.expect("*3", "$7", "message", "$1", "b", "$4", "news")
	sub.ask("*1\r\n$4\r\nPING\r\n")
	sub.expect("*2", "$4", "pong", "$0", "")
}

// TestFaultB15: who ends a subscription that he does not have gets nothing of others by it, and takes nothing from them.
func TestFaultB15NewsOfNobody(t *testing.T) {
	_, cache, _ := open(t)
	asker(t, cache)("3", "rpush", "list", "message", "a", "b")
	first, second := dial(t, cache), dial(t, cache)
	for range 4 { // there are two connections
		first.ask("*1\r\n$11\r\nUNSUBSCRIBE\r\n")
		first.expect("*3", "$11", "unsubscribe", "$-1", ":0")
		first.ask("*4\r\n$6\r\nLRANGE\r\n$4\r\nlist\r\n$1\r\n0\r\n$2\r\n-1\r\n")
		first.expect("*3", "$7", "message", "$1", "a", "$1", "b")
		second.ask("*2\r\n$4\r\nECHO\r\n$6\r\nsecret\r\n")
		second.expect("$6", "secret")
	}
}

// What a client has selected stays so behind a transaction that is not carried out.
func TestATransactionThatIsNotCarriedOut(t *testing.T) {
	_, cache, _ := open(t)
	cmd := exec.Command(peertest.Need(t, "redis-cli"), "-p", cache)
	cmd.Stdin = strings.NewReader("SELECT 1\nMULTI\nSET k v\nGET\nEXEC\nEXISTS k\nSET here 1\nRESET\nEXISTS here\n")
	got := peertest.Output(t, cmd)
	if want := "OK\nOK\nQUEUED\nERR wrong number of arguments for 'get' command\n\nEXECABORT Transaction discarded because of previous errors.\n\n0\nOK\nRESET\n0"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHalves(t *testing.T) {
	g, _, halves := open(t)
	ask := asker(t, halves)
	ask("OK", "mset", "a", "1", "b", "2", "c", "3", "d", "4", "e", "5", "f", "6", "g", "7", "h", "8")
	ask("8\n7\n\n1", "mget", "h", "g", "none", "a")
	ask("3", "exists", "a", "b", "c", "none")
	ask("2", "del", "a", "b")
	for _, b := range g.Snapshot().Routes[1].Backends {
		if b.Tx == 0 {
			t.Errorf("%s has got nothing", b.Name)
		}
	}
	got := peertest.Output(t, exec.Command(peertest.Need(t, "redis-cli"), "-p", halves, "dbsize"))
	if !strings.HasPrefix(got, "ERR ") {
		t.Errorf("dbsize: got %q, want an error: each server has a part", got)
	}
}

// A server that is killed and started again under load: each client hears an error or what it asked for, and nothing
// that was another's. Its connection stays.
func TestAServerThatIsKilledUnderLoad(t *testing.T) {
	address := peertest.Free(t)
	server := redis(t, address)
	_, at := peertest.Gateway(t, "sallyport.yaml", map[string][]string{"cache": {address}})
	var answers, failures atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			c := dial(t, port(at["cache"]))
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				// Eight at once: each brings a nonce that its answer must have, or is an error.
				var request strings.Builder
				for k := range 8 {
					nonce := fmt.Sprintf("%04d-%08d-%d", i, n, k)
					fmt.Fprintf(&request, "*2\r\n$4\r\nECHO\r\n$%d\r\n%s\r\n", len(nonce), nonce)
				}
				c.ask(request.String())
				for k := range 8 {
					line := c.line()
					if strings.HasPrefix(line, "-") {
						failures.Add(1)
						continue
					}
					if got, want := c.line(), fmt.Sprintf("%04d-%08d-%d", i, n, k); got != want || line != fmt.Sprintf("$%d", len(want)) {
						t.Errorf("got %q, want %q", got, want)
						return
					}
					answers.Add(1)
				}
			}
		})
	}
	more := func(what string, n *atomic.Int64, k int64) {
		t.Helper()
		for before, deadline := n.Load(), time.Now().Add(30*time.Second); n.Load() < before+k; {
			if time.Now().After(deadline) {
				close(stop)
				wg.Wait()
				t.Fatalf("within 30 s there were %d %s, want %d", n.Load()-before, what, k)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	for range 3 {
		more("answers", &answers, 2000)
		server.Kill()
		more("errors", &failures, 100)
		server = redis(t, address)
	}
	more("answers after the server was back", &answers, 2000)
	close(stop)
	wg.Wait()
	t.Logf("%d answers, %d errors", answers.Load(), failures.Load())
}

// conn is a client that speaks the protocol by hand.
type conn struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func dial(t *testing.T, port string) *conn {
	t.Helper()
	c, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &conn{t, c, bufio.NewReader(c)}
}

func (c *conn) ask(request string) {
	if _, err := c.Write([]byte(request)); err != nil {
		c.t.Errorf("write: %v", err)
	}
}

func (c *conn) line() string {
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	line, err := c.r.ReadString('\n')
	if err != nil {
		c.t.Errorf("read: %v", err)
	}
	return strings.TrimSuffix(line, "\r\n")
}

func (c *conn) expect(lines ...string) {
	c.t.Helper()
	for _, want := range lines {
		if got := c.line(); got != want {
			c.t.Fatalf("got %q, want %q", got, want)
		}
	}
}

// Who vanishes while it waits takes nothing any more, whatever it had sent behind that.
func TestNothingIsPoppedForWhoHasVanished(t *testing.T) {
	_, cache, _ := open(t)
	ask := asker(t, cache)
	for name, vanish := range map[string]func(c *net.TCPConn){
		"closed": func(c *net.TCPConn) { _ = c.Close() },
		"reset":  func(c *net.TCPConn) { _ = c.SetLinger(0); _ = c.Close() },
	} {
		for _, behind := range []string{"", "*1\r\n$4\r\nPING\r\n", strings.Repeat("*1\r\n$4\r\nPING\r\n", 500)} {
			c := dial(t, cache)
			c.ask("*3\r\n$5\r\nBLPOP\r\n$4\r\nlist\r\n$1\r\n0\r\n" + behind)
			time.Sleep(30 * time.Millisecond)
			vanish(c.Conn.(*net.TCPConn))
			time.Sleep(30 * time.Millisecond)
			ask("1", "rpush", "list", name)
			ask(name, "lpop", "list")
		}
	}
	c := dial(t, cache) // and all in one
	c.ask("*3\r\n$5\r\nBLPOP\r\n$4\r\nlist\r\n$1\r\n0\r\n*1\r\n$4\r\nPING\r\n")
	_ = c.Close()
	time.Sleep(30 * time.Millisecond)
	ask("1", "rpush", "list", "x")
	ask("x", "lpop", "list")
}
