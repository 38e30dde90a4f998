//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/bench/internal/rig"
)

var talkFigures = []rig.Figure{{Name: "rate", Unit: "1/s"}, {Name: "processor time", Unit: "us each", Lower: true, Proxy: true}}

// talk has clients speak to p, each with depth requests open, until time is over. An answer that is not its client's own
// is an error.
func talk(s *speech, p *rig.Proxy, clients, depth int, long time.Duration) ([]float64, error) {
	var n atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, clients)
	ready, begin := make(chan struct{}, clients), make(chan time.Time)
	for i := range clients {
		wg.Go(func() {
			c, err := connect(s, p, i)
			ready <- struct{}{}
			if err != nil {
				errs <- err
				return
			}
			defer c.conn.Close()
			for until := <-begin; time.Now().Before(until); {
				if err := c.exchange(depth); err != nil {
					errs <- err
					return
				}
				n.Add(int64(depth))
			}
		})
	}
	for range clients {
		<-ready
	}
	select {
	case err := <-errs:
		return nil, err // who waits to begin is left to the end of the process
	default:
	}
	before, began := p.Used(), time.Now()
	for range clients {
		begin <- began.Add(long)
	}
	wg.Wait()
	took, cpu := time.Since(began), p.Used().CPU-before.CPU
	select {
	case err := <-errs:
		return nil, err
	default:
	}
	return []float64{float64(n.Load()) / took.Seconds(), float64(cpu.Microseconds()) / float64(n.Load())}, nil
}

// caller is one client.
type caller struct {
	speech *speech
	conn   net.Conn
	number int
	seq    int
	out    []byte
	in     []byte
	n      int
	seen   []bool
}

func connect(s *speech, p *rig.Proxy, number int) (*caller, error) {
	conn, err := net.Dial("tcp", p.Address)
	if err != nil {
		return nil, err
	}
	return &caller{speech: s, conn: conn, number: number, in: make([]byte, 8<<10)}, nil
}

var errStrange = errors.New("an answer that is not the client's own, or not to what it has open")

// exchange sends depth requests and takes their answers.
func (c *caller) exchange(depth int) error {
	c.out = c.out[:0]
	for i := range depth {
		c.out = c.speech.ask(c.out, c.number, c.seq+i)
	}
	if _, err := c.conn.Write(c.out); err != nil {
		return err
	}
	c.seen = append(c.seen[:0], make([]bool, depth)...)
	for answered := 0; answered < depth; {
		n, err := c.conn.Read(c.in[c.n:])
		if err != nil {
			return fmt.Errorf("%s, client %d: %w", c.speech.name, c.number, err)
		}
		c.n += n
		taken := 0
		for {
			size := c.speech.split(c.in[taken:c.n])
			if size == 0 {
				break
			}
			frame := c.in[taken : taken+size]
			taken += size
			seq, ok := c.seq+answered, true
			if c.speech.check != nil {
				seq, ok = c.speech.check(frame, c.number, c.seq, depth)
			} else {
				ok = inOrder(frame, c.number, seq)
			}
			if !ok || answered == depth || c.seen[seq-c.seq] {
				return fmt.Errorf("%s, client %d: %w: %.200q", c.speech.name, c.number, errStrange, frame)
			}
			c.seen[seq-c.seq] = true
			answered++
		}
		c.n = copy(c.in, c.in[taken:c.n])
		if c.n == len(c.in) {
			c.in = append(c.in, make([]byte, len(c.in))...)
		}
	}
	c.seq += depth
	return nil
}

var paceFigures = []rig.Figure{{Name: "median", Unit: "us", Lower: true}, {Name: "99 of 100 within", Unit: "us", Lower: true}, {Name: "999 of 1000 within", Unit: "us", Lower: true}}

// pace has clients send so many requests a second in all, each at a time of its own, and returns how long after that
// time the answers came: a client that had to wait for the answer before pays for it.
func pace(s *speech, p *rig.Proxy, clients, rate int, long time.Duration) ([]float64, error) {
	var mu sync.Mutex
	var all []time.Duration
	var wg sync.WaitGroup
	errs := make(chan error, clients)
	began := time.Now().Add(200 * time.Millisecond)
	for i := range clients {
		wg.Go(func() {
			c, err := connect(s, p, i)
			if err != nil {
				errs <- err
				return
			}
			defer c.conn.Close()
			step := time.Second * time.Duration(clients) / time.Duration(rate)
			took, err := paced(began.Add(step*time.Duration(i)/time.Duration(clients)), step, long, func() error { return c.exchange(1) })
			if err != nil {
				errs <- err
				return
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return nil, err
	default:
	}
	slices.Sort(all)
	return []float64{rig.Microseconds(rig.Quantile(all, 0.5)), rig.Microseconds(rig.Quantile(all, 0.99)), rig.Microseconds(rig.Quantile(all, 0.999))}, nil
}

// paced calls f once for each step from first on, as soon as it may, and returns the times from when it was meant to be
// called until it was over.
func paced(first time.Time, step, long time.Duration, f func() error) (took []time.Duration, err error) {
	for due := first; due.Before(first.Add(long)); due = due.Add(step) {
		time.Sleep(time.Until(due))
		if err := f(); err != nil {
			return nil, err
		}
		took = append(took, time.Since(due))
	}
	return took, nil
}

// rest has clients that have each done one exchange stay, and returns how much memory that takes, for each.
func (b *bench) rest(s *speech, p *rig.Proxy, n int) ([]float64, error) {
	const settled = 3 * time.Second
	if err := p.Restart(); err != nil {
		return nil, err
	}
	time.Sleep(settled)
	before := p.Used()
	var clients []*caller
	defer func() {
		for _, c := range clients {
			_ = c.conn.Close()
		}
		time.Sleep(time.Second) // before the next load
	}()
	for i := range n {
		c, err := connect(s, p, i)
		if err != nil {
			return nil, err
		}
		clients = append(clients, c)
		c.in = c.in[:512]
		if err := c.exchange(1); err != nil {
			return nil, err
		}
	}
	time.Sleep(4 * settled)
	return []float64{float64(p.Used().Resident-before.Resident) / float64(n)}, nil
}
