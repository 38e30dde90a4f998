package gateway

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// A request that was cut off hears that it may be sent again only if no byte of it has reached the backend.
func TestC65ACutBodyOnSocketsHearsWhetherAByteHasLeft(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := make(chan int64, 1000)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				n, _ := io.Copy(io.Discard, conn)
				got <- n
			}()
		}
	}()
	r := Route{Name: "r", Listen: "127.0.0.1:0", Codec: newPlain(func(t *protocol.Traits) { t.Carries = true }),
		Limits:   Limits{Frame: 1 << 10, Inline: 100},
		Backends: []BackendConfig{{Address: l.Addr().String(), Connections: 1, Circuit: Circuit{Failures: 1 << 30}, Backoff: Backoff{Min: time.Nanosecond, Max: time.Microsecond}}}}
	g, err := New(Config{Routes: []Route{r}, Shards: 2})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = g.Serve(ctx) })
	defer wg.Wait()
	defer cancel()
	count := map[string]int{}
	for i := range 400 {
		conn, err := net.Dial("tcp", g.Addr("r").String())
		if err != nil {
			t.Fatal(err)
		}
		n := []int{0, 100, 10_000, 100_000, 250_000}[i%5]
		fmt.Fprintf(conn, "Q 1 @300000\n%s", strings.Repeat("x", n))
		_ = conn.(*net.TCPConn).CloseWrite()
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		line, err := bufio.NewReader(conn).ReadString('\n')
		_ = conn.Close()
		reached := <-got
		later := strings.Contains(line, "later")
		count[fmt.Sprint("later: ", later, ", reached: ", reached > 0, " ", err)]++
		if later && reached > 0 {
			t.Errorf("round %d, %d bytes sent: %q, and %d bytes have reached the backend", i, n, line, reached)
		}
	}
	t.Log(count)
}
