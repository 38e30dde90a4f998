package faultproxy

import (
	"context"
	"net"
	"sync"
)

type direction uint8

const (
	toBackend direction = iota
	toClient
)

// link is one client's connection and the backend's that belongs to it.
type link struct {
	proxy  *Proxy
	ctx    context.Context
	cancel context.CancelFunc
	ways   [2]*way
}

func newLink(p *Proxy, n uint64, client, backend net.Conn) *link {
	l := &link{proxy: p}
	l.ctx, l.cancel = context.WithCancel(p.ctx)
	l.ways[toBackend] = newWay(l, n, toBackend, client, backend, p.cfg.ToBackend)
	l.ways[toClient] = newWay(l, n, toClient, backend, client, p.cfg.ToClient)
	return l
}

// run moves bytes until both directions have ended.
func (l *link) run() {
	defer l.cancel()
	var wg sync.WaitGroup
	for _, w := range l.ways {
		wg.Go(w.read)
		wg.Go(w.write)
	}
	wg.Wait()
	for _, w := range l.ways {
		if !w.mute.Load() { // a silent one stays open until the proxy is closed
			l.proxy.forget(w.dst)
		}
	}
}

// reset cuts both ends off.
func (l *link) reset() {
	for _, w := range l.ways {
		reset(w.dst)
	}
	l.cancel()
}

// closeWrite ends the stream to c, or closes c if it knows no half.
func closeWrite(c net.Conn) {
	if h, ok := c.(interface{ CloseWrite() error }); ok {
		_ = h.CloseWrite()
		return
	}
	_ = c.Close()
}

// reset closes c so that its peer hears of an error and not of an end, if c can.
func reset(c net.Conn) {
	if l, ok := c.(interface{ SetLinger(sec int) error }); ok {
		_ = l.SetLinger(0)
	}
	_ = c.Close()
}
