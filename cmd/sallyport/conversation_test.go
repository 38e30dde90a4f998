package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/internal/config"
)

// TestConversations plays whole conversations, line by line, from
// testdata/conversations. A script has a sallyport.yaml with the backend at ${BACKEND},
// and these commands:
//
//	gateway                       starts it
//	client NAME send TEXT         NAME is connected when it is first used
//	client NAME expect REGEXP     the next line that it hears
//	client NAME silent            it hears nothing for a moment
//	client NAME half-close | ended
//	backend NAME accept           the next connection of the gateway is called NAME
//	backend NAME expect REGEXP    {1} stands for a ticket: it is remembered, and the same later
//	backend NAME tickets REGEXP   of the next line, for each match: the first group becomes
//	                              the number of the ticket that is the second
//	backend NAME reply TEXT       {1} is the ticket that was remembered
//	backend NAME close
//	counter NAME VALUE            of the route, when the conversation has come so far
func TestConversations(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/conversations",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			env.Defer(func() { _ = l.Close() })
			env.Values[stageKey{}] = &stage{backend: l, peers: map[string]*talker{}, tickets: map[string]string{}}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"gateway": func(ts *testscript.TestScript, _ bool, _ []string) { stageOf(ts).start(ts) },
			"client":  func(ts *testscript.TestScript, _ bool, args []string) { stageOf(ts).client(ts, args) },
			"backend": func(ts *testscript.TestScript, _ bool, args []string) { stageOf(ts).serve(ts, args) },
			"counter": func(ts *testscript.TestScript, _ bool, args []string) { stageOf(ts).counter(ts, args) },
		},
	})
}

type stageKey struct{}

// stage is where one conversation is played.
type stage struct {
	backend net.Listener
	g       *gateway.Gateway
	route   string
	peers   map[string]*talker
	tickets map[string]string
}

func stageOf(ts *testscript.TestScript) *stage { return ts.Value(stageKey{}).(*stage) }

func (s *stage) start(ts *testscript.TestScript) {
	file, err := config.Load(ts.MkAbs("sallyport.yaml"), func(name string) (string, bool) {
		return s.backend.Addr().String(), name == "BACKEND"
	})
	ts.Check(err)
	conf := file.Config()
	conf.Routes[0].Listen = "127.0.0.1:0"
	s.route = conf.Routes[0].Name
	s.g, err = gateway.New(conf)
	ts.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.g.Serve(ctx) }()
	ts.Defer(func() {
		for _, p := range s.peers {
			_ = p.conn.Close()
		}
		cancel()
		ts.Check(<-served)
	})
}

// talker is a client, or a connection of the backend.
type talker struct {
	conn *net.TCPConn
	r    *bufio.Reader
}

// moment is how long something may take, and how long nothing must come. Nobody waits
// for it where all is well but for "silent".
const patience, moment = 10 * time.Second, 50 * time.Millisecond

func (p *talker) line(ts *testscript.TestScript, within time.Duration) (string, error) {
	ts.Check(p.conn.SetReadDeadline(time.Now().Add(within)))
	line, err := p.r.ReadString('\n')
	return strings.TrimSuffix(line, "\n"), err
}

func (s *stage) client(ts *testscript.TestScript, args []string) {
	name, verb, text := parts(ts, args)
	p := s.peers[name]
	if p == nil {
		conn, err := net.Dial("tcp", s.g.Addr(s.route).String())
		ts.Check(err)
		p = &talker{conn.(*net.TCPConn), bufio.NewReader(conn)}
		s.peers[name] = p
	}
	s.act(ts, p, verb, text, false)
}

func (s *stage) serve(ts *testscript.TestScript, args []string) {
	name, verb, text := parts(ts, args)
	if verb == "accept" {
		ts.Check(s.backend.(*net.TCPListener).SetDeadline(time.Now().Add(patience)))
		conn, err := s.backend.Accept()
		ts.Check(err)
		s.peers[name] = &talker{conn.(*net.TCPConn), bufio.NewReader(conn)}
		return
	}
	p := s.peers[name]
	if p == nil {
		ts.Fatalf("there is no backend connection %s: accept it first", name)
	}
	s.act(ts, p, verb, text, true)
}

func (s *stage) act(ts *testscript.TestScript, p *talker, verb, text string, backend bool) {
	switch verb {
	case "send", "reply":
		for n, ticket := range s.tickets {
			text = strings.ReplaceAll(text, "{"+n+"}", ticket)
		}
		_, err := p.conn.Write([]byte(text + "\n"))
		ts.Check(err)
	case "expect":
		line, err := p.line(ts, patience)
		if err != nil {
			ts.Fatalf("waiting for %s: %v", text, err)
		}
		s.match(ts, line, text, backend)
	case "tickets":
		line, err := p.line(ts, patience)
		ts.Check(err)
		for _, found := range regexp.MustCompile(text).FindAllStringSubmatch(line, -1) {
			s.tickets[found[1]] = found[2]
		}
	case "silent":
		if line, err := p.line(ts, moment); err == nil {
			ts.Fatalf("heard %s", line)
		}
	case "half-close":
		ts.Check(p.conn.CloseWrite())
	case "close":
		ts.Check(p.conn.Close())
	case "ended":
		if line, err := p.line(ts, patience); err == nil || os.IsTimeout(err) {
			ts.Fatalf("got %q, %v; want the end of the stream", line, err)
		}
	default:
		ts.Fatalf("unknown verb %q", verb)
	}
}

var ticketMark = regexp.MustCompile(`\{(\d+)\}`)

// match holds line against a regular expression in which {1} is a ticket.
func (s *stage) match(ts *testscript.TestScript, line, want string, backend bool) {
	var unknown []string
	expr := ticketMark.ReplaceAllStringFunc(want, func(mark string) string {
		n := mark[1 : len(mark)-1]
		if ticket, ok := s.tickets[n]; ok || !backend {
			return regexp.QuoteMeta(ticket)
		}
		unknown = append(unknown, n)
		return fmt.Sprintf(`(?P<t%s>\d+)`, n)
	})
	re, err := regexp.Compile("^" + expr + "$")
	ts.Check(err)
	found := re.FindStringSubmatch(line)
	if found == nil {
		ts.Fatalf("got  %s\nwant %s", line, want)
	}
	for _, n := range unknown {
		s.tickets[n] = found[re.SubexpIndex("t"+n)]
	}
}

func (s *stage) counter(ts *testscript.TestScript, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: counter NAME VALUE")
	}
	c := s.g.Snapshot().Routes[0].Counters
	values := map[string]uint64{"received": c.Received, "forwarded": c.Forwarded, "refused": c.Refused, "answered": c.Answered,
		"failed": c.Failed, "expired": c.Expired, "abandoned": c.Abandoned, "late": c.Late, "doubled": c.Doubled, "unknown": c.Unknown,
		"unasked": c.Unasked, "split": c.Split, "bundles": c.Bundles, "out_of_step": c.OutOfStep, "wrong_protocol": c.WrongProtocol}
	v, ok := values[args[0]]
	if !ok {
		ts.Fatalf("there is no counter %s", args[0])
	}
	if got := fmt.Sprint(v); got != args[1] {
		ts.Fatalf("%s: got %s, want %s", args[0], got, args[1])
	}
}

func parts(ts *testscript.TestScript, args []string) (name, verb, text string) {
	if len(args) < 2 {
		ts.Fatalf("usage: NAME VERB [TEXT]")
	}
	return args[0], args[1], strings.Join(args[2:], " ")
}
