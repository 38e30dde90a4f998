//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/bench/internal/rig"
)

// load is one thing that is measured.
type load struct {
	name    string
	figures []rig.Figure
	run     func(p *rig.Proxy, o *options) ([]float64, error) // a value for each figure
}

var throughput = []rig.Figure{{Name: "throughput", Unit: "GiB/s"}, {Name: "processor time", Unit: "s/GiB", Lower: true, Proxy: true}}

var loads = []load{
	{"bulk, client to server", throughput, func(p *rig.Proxy, o *options) ([]float64, error) { return bulk(p, 'S', 1, o.size) }},
	{"bulk, server to client", throughput, func(p *rig.Proxy, o *options) ([]float64, error) { return bulk(p, 'G', 1, o.size) }},
	{"64 streams", throughput, func(p *rig.Proxy, o *options) ([]float64, error) { return bulk(p, 'S', 64, o.size) }},
	{"connect, 64 bytes each way, close", []rig.Figure{{Name: "rate", Unit: "1/s"}, {Name: "processor time", Unit: "us each", Lower: true, Proxy: true}}, connects},
	{"one byte and back beside a bulk stream", []rig.Figure{{Name: "median", Unit: "us", Lower: true}, {Name: "99 of 100 within", Unit: "us", Lower: true}}, latency},
	{"idle connections", []rig.Figure{{Name: "resident memory", Unit: "bytes each", Lower: true, Proxy: true}}, idle},
}

// ask connects and says what for.
func ask(p *rig.Proxy, what byte, n int64) (*net.TCPConn, error) {
	conn, err := net.Dial("tcp", p.Address)
	if err != nil {
		return nil, err
	}
	head := binary.BigEndian.AppendUint64([]byte{what}, uint64(n))
	if _, err := conn.Write(head); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn.(*net.TCPConn), nil
}

// bulk moves size bytes over so many connections.
func bulk(p *rig.Proxy, what byte, streams int, size int64) ([]float64, error) {
	each := size / int64(streams)
	before, began := p.Used(), time.Now()
	errs := make(chan error, streams)
	for range streams {
		go func() { errs <- stream(p, what, each) }()
	}
	var err error
	for range streams {
		err = errors.Join(err, <-errs)
	}
	took, cpu := time.Since(began), p.Used().CPU-before.CPU
	gib := float64(each*int64(streams)) / (1 << 30)
	return []float64{gib / took.Seconds(), cpu.Seconds() / gib}, err
}

func stream(p *rig.Proxy, what byte, n int64) error {
	conn, err := ask(p, what, n)
	if err != nil {
		return err
	}
	defer conn.Close()
	if what == 'G' {
		return discard(conn, n)
	}
	if err := fill(conn, n); err != nil {
		return err
	}
	_, err = io.ReadFull(conn, make([]byte, 1))
	return err
}

// connects makes connections, one after the other on each of 32 goroutines.
func connects(p *rig.Proxy, o *options) ([]float64, error) {
	before, began := p.Used(), time.Now()
	var n atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, 32)
	for range cap(errs) {
		wg.Go(func() {
			for time.Since(began) < o.time {
				if err := exchange(p); err != nil {
					errs <- err
					return
				}
				n.Add(1)
			}
		})
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

func exchange(p *rig.Proxy) error {
	conn, err := open(p)
	if err != nil {
		return err
	}
	_ = conn.SetLinger(0) // or the ports run out
	return conn.Close()
}

// open connects and has 64 bytes go there and back.
func open(p *rig.Proxy) (*net.TCPConn, error) {
	conn, err := ask(p, 'E', 0)
	if err != nil {
		return nil, err
	}
	if err := echo(conn, make([]byte, 64)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// echo sends buf and reads as much back into it.
func echo(conn *net.TCPConn, buf []byte) error {
	if _, err := conn.Write(buf); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, buf)
	return err
}

// settled is how long a proxy is left alone before its memory is looked at, and atRest how long clients are idle by then.
const (
	settled = 2 * time.Second
	atRest  = 15 * time.Second
)

func idle(p *rig.Proxy, o *options) ([]float64, error) {
	if !p.Runs() {
		return []float64{0}, nil
	}
	if err := p.Restart(); err != nil {
		return nil, err
	}
	time.Sleep(settled)
	before := p.Used()
	conns := make([]*net.TCPConn, 0, o.idle)
	defer func() {
		for _, c := range conns {
			_ = c.Close()
		}
		time.Sleep(settled) // before the next load
	}()
	for range o.idle {
		conn, err := open(p)
		if err != nil {
			return nil, err
		}
		conns = append(conns, conn)
	}
	time.Sleep(atRest)
	return []float64{float64(p.Used().Resident-before.Resident) / float64(o.idle)}, nil
}
