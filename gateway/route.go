package gateway

import (
	"net"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/splitter"
	"github.com/sallyport/sallyport/tunnel"
	"github.com/sallyport/sallyport/validate"
)

// route is one door of a running Gateway.
type route struct {
	*door
	line        *atomic.Pointer[route] // the one that its clients have now: this, or what has replaced it
	conf        Route
	limits      Limits
	timeouts    Timeouts
	wait        WaitConfig
	mode        protocol.Mode
	codec       protocol.Codec
	batching    protocol.Batching    // nil: there are no batches
	enveloping  protocol.Enveloping  // nil: a batch is its members, and no more
	carrying    protocol.Carrying    // nil: nothing is carried
	keyed       protocol.Keyed       // nil: every backend can answer everything
	merging     protocol.Merging     // nil: reads have nothing to do with one another
	matching    protocol.Matching    // nil: an ID, a key or the order says all
	policing    protocol.Policing    // nil: the codec has no rules of its own
	remembering protocol.Remembering // nil: it does not matter what was refused
	repeating   protocol.Repeating   // nil: a request that comes twice is not told from another
	register    *register            // of keys, if clients repeat
	kept        *kept                // answers, for repeats; nil: none
	tells       bool                 // a repeat hears that the request is in process, and not its answer
	masking     protocol.Masking     // nil: nothing must be masked
	splitter    splitter.Splitter    // nil: there are no batches
	ordered     bool                 // a client pairs answers by order
	steady      bool                 // the order of a client's requests means something
	closing     bool                 // a wait notice ends the exchange for its client, who asks again
	joins       bool                 // a client that repeats an open request means the same one
	keep        bool                 // the body of a request is needed again: for notices, or to hold its answer against
	workers     []*worker            // one for each shard
	upstreams   []*upstream
	mirrors     []*mirror
	results     bool    // a mirror wants them
	pools       []*pool // one, or with ByKey one for each upstream
	counters    *counters
	checkers    []validate.Validator // one for each worker
}

// worker is what the handlers of one route share on one shard: memory that is good until
// the next of them is called.
type worker struct {
	shard    *tunnel.Shard
	n        int              // of the shard
	request  protocol.Message // from a client
	answer   protocol.Message // from a backend
	echo     protocol.Message // a request that a notice is about
	parts    []splitter.Part
	part     protocol.Message // of a request that is divided
	partBody []byte
	keys     [][]byte
	turns    int
	notice   protocol.Notice
	out      []byte
	ticket   []byte
	cited    []byte
	copies   [][]byte   // for each mirror, once there was something for it
	rooms    int        // of the first so many mirrors, those that are required have room for theirs
	touched  []*Backend // that got something in this call
	numbers  numbers
	diary    diary
}

// newRoute returns the route that conf describes, which has nothing to do with another.
func newRoute(conf Route, shards []*tunnel.Shard, log *logrus.Entry) *route {
	r := readRoute(conf)
	r.door, r.counters, r.line = newDoor(&conf, r.limits, log), new(counters), new(atomic.Pointer[route])
	for n, shard := range shards {
		r.workers = append(r.workers, &worker{shard: shard, n: n})
	}
	if r.repeating != nil && r.mode == protocol.Key {
		r.register = newRegister()
	}
	r.kept = newKept(conf.Keep, r.repeating)
	for i, b := range conf.Backends {
		if i == 0 || conf.Balance == ByKey {
			r.pools = append(r.pools, &pool{balance: conf.Balance, n: i, steady: r.steady})
		}
		r.upstreams = append(r.upstreams, newUpstream(r, r.pools[len(r.pools)-1], b.withDefaults(&conf)))
	}
	for _, m := range conf.Mirrors {
		r.mirrors = append(r.mirrors, newMirror(r, m.withDefaults(&conf)))
	}
	r.begin()
	return r
}

// readRoute returns what can be said of a route from conf alone.
func readRoute(conf Route) *route {
	r := &route{conf: conf, limits: conf.limits(), timeouts: conf.timeouts(), wait: conf.Wait, mode: conf.mode(),
		codec: conf.Codec, splitter: splitter.New(conf.Codec)}
	def(&r.conf.RetryAfter, time.Second)
	def(&r.wait.Keep, time.Minute)
	r.batching, _ = r.codec.(protocol.Batching)
	r.enveloping, _ = r.codec.(protocol.Enveloping)
	if conf.carries() {
		r.carrying, _ = r.codec.(protocol.Carrying)
	}
	r.remembering, _ = r.codec.(protocol.Remembering)
	r.policing, _ = r.codec.(protocol.Policing)
	r.masking, _ = r.codec.(protocol.Masking)
	if conf.Balance == ByKey && len(conf.Backends) > 1 {
		r.keyed, _ = r.codec.(protocol.Keyed)
	}
	r.repeating, _ = r.codec.(protocol.Repeating)
	r.tells = r.repeating != nil && !r.repeating.Waits()
	traits := r.codec.Traits()
	r.joins = traits.Joins
	r.closing = r.wait.On && traits.Wait == protocol.Closing
	r.merging, _ = r.codec.(protocol.Merging)
	r.matching, _ = r.codec.(protocol.Matching)
	r.ordered, r.steady = traits.Ordered, traits.Ordered || traits.Steady
	r.keep = traits.Echo || traits.Joins || r.closing || r.repeating != nil
	for i := range conf.Backends {
		b := conf.Backends[i].withDefaults(&conf)
		r.keep = r.keep || b.dispatches()
	}
	for i := range conf.Mirrors {
		r.results = r.results || conf.Mirrors[i].Results
	}
	return r
}

// begin has r be the route of its line. It is complete.
func (r *route) begin() {
	r.checkers = newCheckers(r.conf.Rules, len(r.workers), observer{r.counters, r.logger})
	for _, u := range r.upstreams {
		u.of.Store(r)
	}
	r.line.Store(r)
}

// newCheckers returns a Validator for each of n workers.
func newCheckers(rules *validate.Program, n int, o observer) []validate.Validator {
	list := make([]validate.Validator, n)
	for i := range list {
		list[i] = passAll{}
		if rules != nil {
			list[i] = rules.Validator(o)
		}
	}
	return list
}

// passAll is the Validator of a route without rules.
type passAll struct{}

func (passAll) Validate(*protocol.Message) error { return nil }

// turn counts up.
func (w *worker) turn() int {
	w.turns = (w.turns + 1) & (1<<30 - 1)
	return w.turns
}

// fit makes room for the copies of n mirrors.
func (w *worker) fit(n int) {
	for len(w.copies) < n {
		w.copies = append(w.copies, nil)
	}
}

// touch notes that b got something, flush has it written.
func (w *worker) touch(b *Backend) {
	for _, t := range w.touched {
		if t == b {
			return
		}
	}
	w.touched = append(w.touched, b)
}

func (w *worker) flush() {
	for i, b := range w.touched {
		b.bundle.turned()
		b.vc.Reenable()
		w.touched[i] = nil
	}
	w.touched = w.touched[:0]
}

// preface is what must be settled with clients before they are let in.
func (r *route) preface() preface { return preface{r.conf.ProxyFrom, r.conf.TLS} }

// admit makes a Session of a new connection, of a client at peer, or turns it away.
func (r *route) admit(conn net.Conn, peer string) {
	name := r.conf.Name + " " + peer
	peer = name[len(r.conf.Name)+1:] // one string for all who keep it
	s := &Session{route: r, number: sessionsNumbered.Add(1), peer: peer, identity: identityOf(conn, peer), began: momentOf(time.Now()), w: lightest(r.workers)}
	if full, ok := r.enter(s, peer); !ok {
		r.counters.limits[full].Add(1)
		r.refuse(conn)
		return
	}
	s.phase.step(admit)
	if r.steady {
		s.homes = make([]*Backend, len(r.pools))
	}
	var own *tunnel.Owner
	s.vc, own = s.w.shard.New(name, conn, r.limits.Queue, s)
	if r.timeouts.Idle > 0 {
		own.SetIdle(r.timeouts.Idle)
	}
	r.settle(s)
	s.vc.Reenable()
}

// refuse says that there is no room, and closes conn. Who was to speak TLS hears nothing.
func (r *route) refuse(conn net.Conn) {
	var words []byte
	if r.conf.TLS == nil || certified(conn) {
		words = r.say(nil, nil, &protocol.Notice{Class: protocol.Later, Cause: protocol.Busy, RetryAfter: r.conf.RetryAfter})
	}
	turnAway(conn, words)
}

// lightest returns the worker of the shard with the fewest connections.
func lightest(workers []*worker) *worker {
	best := workers[0]
	for _, w := range workers[1:] {
		if w.shard.Load() < best.shard.Load() {
			best = w
		}
	}
	return best
}

// leave counts s out.
func (r *route) leave(s *Session, cause error) {
	if r.forget(s) {
		r.logSession(s, cause)
	}
}

// open and close frame an answer to x; for a member of a batch there is nothing to frame.
func (r *route) open(dst []byte, x *exchange) []byte {
	if x.gather != nil {
		return dst
	}
	return r.codec.OpenFrame(dst, x.head)
}

func (r *route) close(dst []byte, x *exchange) ([]byte, error) {
	if x.gather != nil {
		return dst, nil
	}
	return r.codec.CloseFrame(dst, 0)
}

// answer makes the notice n the answer to x: a frame, or for a member of a batch a body.
// It is empty if the protocol has no words for it.
func (r *route) answer(dst []byte, x *exchange, n *protocol.Notice, scratch *protocol.Message) []byte {
	r.counters.notices[n.Class].Add(1)
	x.outcome = outcome{n.Class, n.Cause}
	m := x.request(r.codec, scratch)
	if x.gather == nil {
		return r.say(dst, m, n)
	}
	body, err := r.codec.AppendNotice(dst, m, n)
	if err != nil {
		return dst[:0]
	}
	return body
}

// say makes a frame of the notice n about m, which may be nil. It is empty if the
// protocol has no words for it.
func (r *route) say(dst []byte, m *protocol.Message, n *protocol.Notice) []byte {
	return sayNotice(r.codec, dst, m, n)
}

// sayNotice is say of a route, in the words of codec.
func sayNotice(codec protocol.Codec, dst []byte, m *protocol.Message, n *protocol.Notice) []byte {
	var head []byte
	if m != nil {
		head = m.Head
	}
	dst = codec.OpenFrame(dst[:0], head)
	before := len(dst)
	dst, err := codec.AppendNotice(dst, m, n)
	if err != nil || len(dst) == before {
		return dst[:0]
	}
	if dst, err = codec.CloseFrame(dst, 0); err != nil {
		return dst[:0]
	}
	return dst
}

// batch makes the frame of the answers to a client's batch. It is empty if no member of
// it hears an answer.
func (r *route) batch(g *gather) ([]byte, error) {
	frame := r.codec.OpenFrame(nil, g.head)
	before := len(frame)
	var err error
	if r.enveloping != nil {
		frame, err = r.enveloping.AppendAnswers(frame, g.head, g.Answers())
	} else {
		frame, err = g.AppendTo(frame, r.batching)
	}
	if err != nil || len(frame) == before {
		return nil, err
	}
	return r.codec.CloseFrame(frame, 0)
}

// appendReply answers what belongs to a connection itself.
func appendReply(dst []byte, codec protocol.Codec, m *protocol.Message) ([]byte, error) {
	if s, ok := codec.(protocol.Sessioning); ok {
		return s.AppendReply(dst, m)
	}
	return dst, nil
}

func (r *route) snapshot() RouteSnapshot {
	s := RouteSnapshot{Name: r.conf.Name, Paused: r.paused.Load(), Starved: r.starved.Load(), Protocol: r.codec.Traits().Name, Mode: r.mode.String(), Counters: r.counters.snapshot(), Handshakes: r.shakes.snapshot(r.preface())}
	if a := r.address(); a != nil {
		s.Listen = a.String()
	}
	s.Clients = r.clients()
	for _, u := range r.upstreams {
		s.Backends = append(s.Backends, u.snapshot())
	}
	for _, m := range r.mirrors {
		s.Mirrors = append(s.Mirrors, m.snapshot())
	}
	return s
}
