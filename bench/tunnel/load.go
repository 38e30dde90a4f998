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
)

// load is one thing that is measured.
type load struct {
	name    string
	figures []figure
	run     func(p *proxy, o *options) ([]float64, error) // a value for each figure
}

// figure is what a load says.
type figure struct {
	name  string
	unit  string
	lower bool // is better
	proxy bool // it is about the proxy: there is none without one
}

var throughput = []figure{{name: "throughput", unit: "GiB/s"}, {name: "processor time", unit: "s/GiB", lower: true, proxy: true}}

var loads = []load{
	{"bulk, client to server", throughput, func(p *proxy, o *options) ([]float64, error) { return bulk(p, 'S', 1, o.size) }},
	{"bulk, server to client", throughput, func(p *proxy, o *options) ([]float64, error) { return bulk(p, 'G', 1, o.size) }},
	{"64 streams", throughput, func(p *proxy, o *options) ([]float64, error) { return bulk(p, 'S', 64, o.size) }},
	{"connect, 64 bytes each way, close", []figure{{name: "rate", unit: "1/s"}, {name: "processor time", unit: "us each", lower: true, proxy: true}}, connects},
	{"one byte and back beside a bulk stream", []figure{{name: "median", unit: "us", lower: true}, {name: "99 of 100 within", unit: "us", lower: true}}, latency},
	{"idle connections", []figure{{name: "resident memory", unit: "bytes each", lower: true, proxy: true}}, idle},
}

// ask connects and says what for.
func ask(p *proxy, what byte, n int64) (*net.TCPConn, error) {
	conn, err := net.Dial("tcp", p.address)
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
func bulk(p *proxy, what byte, streams int, size int64) ([]float64, error) {
	each := size / int64(streams)
	before, began := p.used(), time.Now()
	errs := make(chan error, streams)
	for range streams {
		go func() { errs <- stream(p, what, each) }()
	}
	var err error
	for range streams {
		err = errors.Join(err, <-errs)
	}
	took, cpu := time.Since(began), p.used().cpu-before.cpu
	gib := float64(each*int64(streams)) / (1 << 30)
	return []float64{gib / took.Seconds(), cpu.Seconds() / gib}, err
}

func stream(p *proxy, what byte, n int64) error {
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
func connects(p *proxy, o *options) ([]float64, error) {
	before, began := p.used(), time.Now()
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
	took, cpu := time.Since(began), p.used().cpu-before.cpu
	select {
	case err := <-errs:
		return nil, err
	default:
	}
	return []float64{float64(n.Load()) / took.Seconds(), float64(cpu.Microseconds()) / float64(n.Load())}, nil
}

func exchange(p *proxy) error {
	conn, err := open(p)
	if err != nil {
		return err
	}
	_ = conn.SetLinger(0) // or the ports run out
	return conn.Close()
}

// open connects and has 64 bytes go there and back.
func open(p *proxy) (*net.TCPConn, error) {
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

func idle(p *proxy, o *options) ([]float64, error) {
	if p.cmd == nil {
		return []float64{0}, nil
	}
	if err := p.restart(); err != nil {
		return nil, err
	}
	time.Sleep(settled)
	before := p.used()
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
	return []float64{float64(p.used().resident-before.resident) / float64(o.idle)}, nil
}
