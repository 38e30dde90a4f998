package gateway

import (
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/validate"
)

// opening is what a client of a relay must begin with.
type opening struct {
	relay   *relay
	proxied bool            // the PROXY header was read, or there must be none
	who     proxyHeader     // who the client is, and where it has connected to
	passed  int             // bytes of keep-alives before the first frame; they are still there
	resume  protocol.Resume // of what is behind them
}

// refusal is why a client of a relay may not go on, and what it hears, in its protocol.
type refusal struct {
	reason refusalReason
	say    []byte
	err    error
}

func (r *refusal) Error() string { return r.err.Error() }

// needed reports whether something must be read before the backend is dialled.
func (o *opening) needed() bool {
	conf := &o.relay.conf.Relay
	return !o.proxied || len(conf.ServerNames) > 0 || o.relay.codec != nil
}

// read looks at what the client has sent. It takes what is not for the backend, and is
// done when everything was seen that was wanted. An error is a *refusal.
func (o *opening) read(c *relayed, p []byte) (taken int, done bool, err error) {
	if !o.proxied {
		n, err := o.header(c, p)
		if n == 0 || err != nil {
			return 0, false, err
		}
		taken, p = n, p[n:]
	}
	switch {
	case len(o.relay.conf.Relay.ServerNames) > 0:
		done, err = o.hello(p)
	case o.relay.codec != nil:
		done, err = o.frame(c.w, p)
	default:
		done = true
	}
	return taken, done, err
}

// errUnfinished is why a client without a backend connection ended.
var errUnfinished = errors.New("the client ended before it had a backend connection")

// header reads the PROXY header, of n bytes, and judges who the client is.
func (o *opening) header(c *relayed, p []byte) (n int, err error) {
	h, n, err := readProxyHeader(p)
	if err != nil {
		return 0, &refusal{reason: refusedProxy, err: err}
	}
	if n == 0 {
		return 0, nil
	}
	o.proxied = true
	peer := c.peer
	if h.source.IsValid() {
		o.who, peer = h, h.source.String()
	}
	switch {
	case !o.relay.allows(o.who.source.Addr()):
		return n, &refusal{reason: refusedAddress, err: errNotAllowed}
	case !o.relay.meet(c, peer):
		return n, o.relay.crowded(refusedPerPeer)
	}
	return n, nil
}

func (o *opening) hello(p []byte) (bool, error) {
	name, ok, err := readServerName(p)
	switch {
	case err != nil:
		return false, &refusal{reason: refusedName, say: alert(alertDecodeError), err: err}
	case !ok:
		return false, nil
	}
	for _, pattern := range o.relay.conf.Relay.ServerNames {
		if matchName(pattern, name) {
			return true, nil
		}
	}
	return false, &refusal{reason: refusedName, say: alert(alertUnrecognizedName), err: errors.New("relay.server_names does not name the server that the client asks for")}
}

// frame judges the first frame, all of which goes on to the backend.
func (o *opening) frame(w *worker, p []byte) (bool, error) {
	m, err := o.first(w, p)
	switch {
	case m == nil && err != nil:
		return false, o.outOfStep(err)
	case m == nil:
		return false, nil
	case err != nil:
		return false, o.malformed(m, err)
	case m.Kind != protocol.Batch:
		return o.judge(w, m)
	}
	parts, err := o.relay.splitter.Split(m, w.parts)
	w.parts = parts
	if err != nil {
		return false, o.malformed(m, err)
	}
	for i := range parts {
		if parts[i].Err != nil {
			return false, o.malformed(&parts[i].Message, parts[i].Err)
		}
		if ok, err := o.judge(w, &parts[i].Message); !ok {
			return false, err
		}
	}
	return true, nil
}

// first returns the first message of p that is no keep-alive. It is nil, without an error, as long as it is not whole,
// and with one if the stream is out of step.
func (o *opening) first(w *worker, p []byte) (*protocol.Message, error) {
	codec := o.relay.codec
	for p = p[o.passed:]; ; {
		n, frame, err := codec.Split(p, false, &o.resume)
		switch {
		case err != nil:
			return nil, err
		case n == 0:
			return nil, nil
		}
		if frame != nil {
			m := &w.request
			m.Reset()
			if err := codec.Decode(protocol.FromClient, frame, m); err != nil || m.Kind != protocol.Keepalive {
				return m, err
			}
		}
		o.resume, o.passed, p = protocol.Resume{}, o.passed+n, p[n:]
		if o.passed > o.relay.limits.Frame {
			return nil, &protocol.FrameError{Cause: protocol.TooLarge, Reason: protocol.Reason{Off: -1, Rule: "limits.frame"}}
		}
	}
}

// about returns the message that p, what was not taken, begins with, or nil.
func (o *opening) about(w *worker, p []byte) *protocol.Message {
	o.passed, o.resume = 0, protocol.Resume{}
	m, err := o.first(w, p)
	if err != nil {
		return nil
	}
	return m
}

// late is why a client may not go on that does not begin in time.
func (o *opening) late() *refusal {
	why := &refusal{reason: refusedSlow, err: errSlow}
	switch {
	case !o.proxied: // a proxy has no words for it
	case o.relay.codec == nil:
		why.say = alert(alertDecodeError)
	default:
		why.say = sayNotice(o.relay.codec, nil, nil, &protocol.Notice{Class: protocol.Fix, Cause: protocol.TooLarge, Reasons: []protocol.Reason{
			{Off: -1, Rule: "timeouts.frame", Want: "a whole frame within " + o.relay.timeouts.Frame.String()}}})
	}
	return why
}

func (o *opening) malformed(m *protocol.Message, err error) *refusal {
	n := protocol.Notice{Class: protocol.Fix, Cause: protocol.BadShape}
	if bad, ok := errors.AsType[*protocol.Malformed](err); ok {
		n.Cause, n.Reasons = bad.Cause, bad.Reasons
	}
	return &refusal{reason: refusedFrame, say: sayNotice(o.relay.codec, nil, m, &n), err: fmt.Errorf("the first frame: %w", err)}
}

// judge lets pass what a client may ask: rules judge requests, and anything else would pass them by.
func (o *opening) judge(w *worker, m *protocol.Message) (bool, error) {
	if m.Kind != protocol.Request && m.Kind != protocol.OneWay && m.Kind != protocol.SignOn {
		return false, o.malformed(m, errNoRequest)
	}
	err := o.relay.checkers[w.n].Validate(m)
	if err == nil {
		return true, nil
	}
	n := protocol.Notice{Class: protocol.Failed, Cause: protocol.BadContent}
	if f, ok := errors.AsType[*validate.Failure](err); ok {
		n = protocol.Notice{Class: f.Class(), Cause: f.Cause(), Reasons: f.Reasons()}
	}
	return false, &refusal{reason: refusedRules, say: sayNotice(o.relay.codec, nil, m, &n), err: fmt.Errorf("the first frame: %w", err)}
}

func (o *opening) outOfStep(err error) error {
	n := protocol.Notice{Class: protocol.Fix, Cause: protocol.BadSyntax}
	if bad, ok := errors.AsType[*protocol.FrameError](err); ok {
		n.Cause = bad.Cause
		if bad.Reason != (protocol.Reason{}) {
			n.Reasons = []protocol.Reason{bad.Reason}
		}
	}
	return &refusal{reason: refusedFrame, say: sayNotice(o.relay.codec, nil, nil, &n), err: fmt.Errorf("the first frame: %w", err)}
}
