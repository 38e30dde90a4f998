//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"github.com/sallyport/sallyport/bench/internal/rig"
)

// The generator is a process of its own with one thread and one epoll loop, so that it takes as little as it can of the
// processors that it shares with the proxy, and its timers are not late.
const generatorCommand = "generator-of-the-benchmark"

// job is what a generator is to do.
type job struct {
	Speech  string
	Address string
	Clients int
	Depth   int           // requests that a client sends at once, before it waits for their answers
	Rate    int           // requests a second of all clients, each at a time of its own; 0: as fast as goes
	Long    time.Duration // 0: after one exchange of each the clients stay until the input ends
}

// tally is what came of it.
type tally struct {
	Answered int
	Took     time.Duration
	Late     []time.Duration // with a rate: quantiles of the time from when a request was due to its answer
}

// quantiles are those that a tally has.
var quantiles = []float64{0.5, 0.99, 0.999}

const (
	warmUp   = 200 * time.Millisecond
	patience = 20 * time.Second // without any answer
	ready    = "ready\n"        // is printed when what counts begins
)

// generate does the job that is described by text. It prints ready, and at the end the tally.
func generate(text string, in io.Reader, out io.Writer) error {
	_ = rig.RaiseLimit()
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		return err
	}
	g := &generator{job: j, scratch: make([]byte, 256<<10), events: make([]syscall.EpollEvent, 1024), out: out}
	defer g.close()
	if err := g.open(); err != nil {
		return err
	}
	var t tally
	var err error
	switch {
	case j.Long == 0:
		fmt.Fprint(out, ready)
		_, err = io.Copy(io.Discard, in)
	case j.Rate > 0:
		fmt.Fprint(out, ready)
		t.Late, err = g.paced()
	default:
		from := time.Now().Add(warmUp)
		err = g.closedLoop(g.clients, j.Depth, from, from.Add(j.Long))
	}
	if err != nil {
		return err
	}
	t.Answered, t.Took = g.answered, g.took
	return json.NewEncoder(out).Encode(t)
}

type generator struct {
	job     job
	ep      int
	clients []*client
	byFD    []*client
	scratch []byte
	events  []syscall.EpollEvent
	out     io.Writer

	answered int
	took     time.Duration
}

type client struct {
	conversation
	fd     int
	unsent []byte
}

// open connects the clients, one after the other, each of which then has one exchange: at once they would have the proxy
// keep what it needs for a rush.
func (g *generator) open() error {
	s := speeches[g.job.Speech]
	if s == nil {
		return fmt.Errorf("there is no speech %q", g.job.Speech)
	}
	address, err := netip.ParseAddrPort(g.job.Address)
	if err != nil {
		return err
	}
	if g.ep, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return err
	}
	for i := range g.job.Clients {
		fd, err := dial(address)
		if err != nil {
			return fmt.Errorf("client %d connects to %s: %w", i, address, err)
		}
		c := &client{conversation: conversation{speech: s, number: i}, fd: fd}
		g.clients = append(g.clients, c)
		g.byFD = append(g.byFD, make([]*client, max(0, fd+1-len(g.byFD)))...)
		g.byFD[fd] = c
		if err := g.watch(c, syscall.EPOLL_CTL_ADD, syscall.EPOLLIN); err != nil {
			return err
		}
		if err := g.closedLoop([]*client{c}, 1, time.Time{}, time.Time{}); err != nil {
			return err
		}
	}
	return nil
}

func dial(to netip.AddrPort) (fd int, err error) {
	fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	err = errors.Join(
		syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1),
		syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1}), // or the ports run out
		syscall.Connect(fd, &syscall.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())}),
		syscall.SetNonblock(fd, true))
	if err != nil {
		_ = syscall.Close(fd)
	}
	return fd, err
}

func (g *generator) close() {
	for _, c := range g.clients {
		_ = syscall.Close(c.fd)
	}
	_ = syscall.Close(g.ep)
}

func (g *generator) watch(c *client, op int, events uint32) error {
	return syscall.EpollCtl(g.ep, op, c.fd, &syscall.EpollEvent{Events: events, Fd: int32(c.fd)})
}

// closedLoop has each of clients send depth requests, and as many again when they are answered, until a time. What comes
// after from counts.
func (g *generator) closedLoop(clients []*client, depth int, from, until time.Time) error {
	for _, c := range clients {
		if err := g.send(c, depth); err != nil {
			return err
		}
	}
	began := time.Time{}
	for open := len(clients); open > 0; {
		events, err := g.wait(patience)
		if err != nil {
			return err
		}
		now := time.Now()
		if began.IsZero() && !now.Before(from) && from.Before(until) {
			g.answered, began = 0, now
			fmt.Fprint(g.out, ready)
		}
		for i := range events {
			c, err := g.turn(&events[i])
			switch {
			case err != nil:
				return err
			case !c.over():
				continue
			}
			g.answered += depth
			if now.Before(until) {
				err = g.send(c, depth)
			} else {
				open--
			}
			if err != nil {
				return err
			}
		}
	}
	g.took = time.Since(began)
	return nil
}

// paced has the clients send at the rate of the job.
func (g *generator) paced() ([]time.Duration, error) {
	total := int(g.job.Long.Seconds() * float64(g.job.Rate))
	began := time.Now()
	s := newSchedule(began, time.Second/time.Duration(g.job.Rate), len(g.clients), total)
	late := make([]time.Duration, 0, total)
	for len(late) < total {
		now := time.Now()
		for i, ok := s.take(now); ok; i, ok = s.take(now) {
			if err := g.send(g.clients[i], 1); err != nil {
				return nil, err
			}
		}
		wait, ok := s.until(time.Now())
		if !ok {
			wait = patience
		}
		events, err := g.wait(wait)
		if err != nil && !(ok && errors.Is(err, errSilence)) {
			return nil, err
		}
		for i := range events {
			c, err := g.turn(&events[i])
			if err != nil {
				return nil, err
			}
			if c.open == 0 || !c.over() {
				continue
			}
			took, again := s.answered(c.number, time.Now())
			late = append(late, took)
			if again {
				err = g.send(c, 1)
			} else {
				c.seq, c.open, c.answered = c.seq+c.open, 0, 0
			}
			if err != nil {
				return nil, err
			}
		}
	}
	g.answered, g.took = total, time.Since(began)
	slices.Sort(late)
	var list []time.Duration
	for _, q := range quantiles {
		list = append(list, rig.Quantile(late, q))
	}
	return list, nil
}

var errSilence = fmt.Errorf("no answer for %v", patience)

// wait returns what has happened. After limit without anything that is errSilence.
func (g *generator) wait(limit time.Duration) ([]syscall.EpollEvent, error) {
	const epollPwait2 = 441 // on every processor but alpha; with nanoseconds, which epoll_wait has not
	ts := syscall.NsecToTimespec(int64(limit))
	for {
		// Raw: nothing else runs in this process.
		n, _, errno := syscall.RawSyscall6(epollPwait2, uintptr(g.ep), uintptr(unsafe.Pointer(&g.events[0])), uintptr(len(g.events)),
			uintptr(unsafe.Pointer(&ts)), 0, 0)
		switch {
		case errno == syscall.EINTR:
			continue
		case errno == syscall.ENOSYS:
			return nil, errors.New("this kernel has no epoll_pwait2: Linux 5.11 is the first that does")
		case errno != 0:
			return nil, os.NewSyscallError("epoll_pwait2", errno)
		case n == 0:
			return nil, errSilence
		}
		return g.events[:n], nil
	}
}

// turn reads once, and writes what did not fit before.
func (g *generator) turn(e *syscall.EpollEvent) (*client, error) {
	c := g.byFD[e.Fd]
	if e.Events&syscall.EPOLLOUT != 0 {
		if err := g.write(c, c.unsent); err != nil {
			return nil, err
		}
	}
	if e.Events&^syscall.EPOLLOUT == 0 {
		return c, nil
	}
	n, _, errno := syscall.RawSyscall(syscall.SYS_READ, uintptr(c.fd), uintptr(unsafe.Pointer(&g.scratch[0])), uintptr(len(g.scratch)))
	switch {
	case errno == syscall.EAGAIN || errno == syscall.EINTR:
		return c, nil
	case errno != 0:
		return nil, fmt.Errorf("%s, client %d: %w", c.speech.name, c.number, errno)
	case n == 0:
		return nil, fmt.Errorf("%s, client %d: %w", c.speech.name, c.number, io.ErrUnexpectedEOF)
	}
	return c, c.hear(g.scratch[:n])
}

func (g *generator) send(c *client, depth int) error {
	request := c.ask(g.scratch[:0], depth)
	return g.write(c, request)
}

// write sends p, and keeps a copy of what does not fit.
func (g *generator) write(c *client, p []byte) error {
	waited := len(c.unsent) > 0
	for len(p) > 0 {
		n, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(c.fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
		switch {
		case errno == syscall.EINTR:
		case errno == syscall.EAGAIN:
			c.unsent = append([]byte(nil), p...)
			if waited {
				return nil
			}
			return g.watch(c, syscall.EPOLL_CTL_MOD, syscall.EPOLLIN|syscall.EPOLLOUT)
		case errno != 0:
			return fmt.Errorf("%s, client %d: %w", c.speech.name, c.number, errno)
		default:
			p = p[n:]
		}
	}
	c.unsent = nil
	if waited {
		return g.watch(c, syscall.EPOLL_CTL_MOD, syscall.EPOLLIN)
	}
	return nil
}

// asText is the job as generate reads it.
func (j job) asText() string {
	text, _ := json.Marshal(j) // it has nothing that could not be
	return strings.TrimSpace(string(text))
}
