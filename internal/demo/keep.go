package demo

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/internal/admin"
	"github.com/sallyport/sallyport/internal/sim"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/hl7"
)

// wards is the name of the route that is added for who looks at the page.
const wards = "wards"

// live is what goes on after the story, so that there is something to see: the wards of a hospital at a door of their own, the
// tills at theirs, and the page that shows them.
type live struct {
	g       *gateway.Gateway
	config  gateway.Config
	his     *sim.Backend
	admin   *admin.Server
	token   string
	stop    context.CancelFunc
	clients sync.WaitGroup
}

// goLive adds what there is to see. The gateway is not stopped in between.
func goLive(ctx context.Context, g *gateway.Gateway, c gateway.Config, version string) (*live, error) {
	l := &live{g: g, config: c, token: rand.Text()}
	codec, err := hl7.New(hl7.Options{Rules: hl7.Rules{Types: []string{"ADT^A01", "ORU^R01"}, Required: []string{"PID-3.1", "PID-5"}}}, protocol.Limits{})
	if err != nil {
		return nil, err
	}
	his, address, err := sim.Listen(codec, sim.BackendOptions{Seed: seed, Delay: 15 * time.Millisecond, Jitter: 60 * time.Millisecond})
	if err != nil {
		return nil, err
	}
	l.his = his
	l.config.Routes = append([]gateway.Route{}, c.Routes...)
	l.config.Routes = append(l.config.Routes, gateway.Route{Name: wards, Listen: "127.0.0.1:0", Codec: codec,
		Backends: []gateway.BackendConfig{{Name: "his", Address: address, Connections: 2}}})
	if _, err := g.Reload(l.config); err != nil {
		return nil, errors.Join(err, his.Close())
	}
	if l.admin, err = admin.Listen(admin.Options{Listen: "127.0.0.1:0", Version: version, Token: l.token, OpenMetrics: true}, g); err != nil {
		return nil, errors.Join(err, his.Close())
	}
	ctx, l.stop = context.WithCancel(ctx)
	for n := range 4 {
		l.clients.Go(func() { l.again(ctx, route, func(c net.Conn) error { return till(ctx, c, n) }) })
		l.clients.Go(func() { l.again(ctx, wards, func(c net.Conn) error { return ward(ctx, c, n) }) })
	}
	return l, nil
}

// page returns the address of the page, with what it needs to change something.
func (l *live) page() string { return fmt.Sprintf("http://%s/#token=%s", l.admin.Addr(), l.token) }

// close ends it.
func (l *live) close() error {
	l.stop()
	l.clients.Wait()
	return errors.Join(l.admin.Close(), l.his.Close())
}

// again has talk on one connection after the other: somebody may kick the client, or pause the route.
func (l *live) again(ctx context.Context, route string, talk func(net.Conn) error) {
	for ctx.Err() == nil {
		conn, err := net.Dial("tcp", l.g.Addr(route).String())
		if err == nil {
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			_ = talk(conn) // whatever ends it, it comes again
			stop()
			_ = conn.Close()
		}
		pause(ctx, time.Second)
	}
}

// pause waits for about d, or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d/2 + mathrand.N(d))
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// till places orders and asks for them. Some of what it asks is wrong, or not to be had.
func till(ctx context.Context, conn net.Conn, n int) error {
	r := bufio.NewReader(conn)
	for id := 1; ctx.Err() == nil; id++ {
		order := fmt.Sprintf("%c-%d", 'A'+n, id)
		text := request(id, "order.place", fmt.Sprintf(`{"order":%q,"item":"tea","quantity":%d}`, order, 1+id%9))
		switch mathrand.N(12) {
		case 0:
			text = request(id, "order.place", fmt.Sprintf(`{"order":%q,"item":"","quantity":"many"}`, order))
		case 1:
			text = request(id, "order.cancel", `{}`)
		case 2, 3, 4:
			text = request(id, "order.status", fmt.Sprintf(`{"order":%q}`, order))
		case 5:
			if id%3 == 0 {
				text = request(id, "sleep", `{"ms":1000}`)
			}
		}
		if _, err := conn.Write([]byte(text + "\n")); err != nil {
			return err
		}
		for { // the answer, perhaps behind a wait notice
			line, err := r.ReadString('\n')
			if err != nil {
				return err
			}
			if !strings.Contains(line, `"$/accepted"`) {
				break
			}
		}
		pause(ctx, 120*time.Millisecond)
	}
	return nil
}

// ward reports admissions. Some have no patient number.
func ward(ctx context.Context, conn net.Conn, n int) error {
	r := bufio.NewReader(conn)
	for id := 1; ctx.Err() == nil; id++ {
		number, event := fmt.Sprintf("%d^^^HOSP^MR", 4700+id), "ADT^A01"
		switch mathrand.N(14) {
		case 0:
			number = ""
		case 1:
			event = "ADT^A40"
		}
		message := fmt.Sprintf("\x0bMSH|^~\\&|WARD%d|NORTH|HIS|HOSP|%s||%s|%d|P|2.5\rEVN||20261123083000\rPID|1||%s||MUSTER^ANNA\rPV1|1|I\r\x1c\r",
			n+1, time.Now().Format("20060102150405"), event, id, number)
		if _, err := conn.Write([]byte(message)); err != nil {
			return err
		}
		if _, err := r.ReadString('\x1c'); err != nil {
			return err
		}
		pause(ctx, 60*time.Millisecond)
	}
	return nil
}
