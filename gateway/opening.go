package gateway

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/validate"
)

// opening is what a client of a relay must begin with.
type opening struct {
	relay   *relay
	proxied bool // the PROXY header was read, or there must be none
	source  netip.AddrPort
	local   netip.AddrPort  // where the client has connected to
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

// refusalReason is a counter's name.
type refusalReason uint8

const (
	refusedAddress refusalReason = iota
	refusedProxy
	refusedName
	refusedFrame
	refusedRules
	refusedSlow
	numRefusals
)

var refusalNames = [numRefusals]string{"address", "proxy_header", "server_name", "frame", "rules", "slow"}

// needed reports whether something must be read before the backend is dialled.
func (o *opening) needed() bool {
	conf := &o.relay.conf.Relay
	return !o.proxied || len(conf.ServerNames) > 0 || o.relay.codec != nil
}

// read looks at what the client has sent. It takes what is not for the backend, and is
// done when everything was seen that was wanted. An error is a *refusal.
func (o *opening) read(w *relayWorker, p []byte) (taken int, done bool, err error) {
	if !o.proxied {
		n, source, err := readProxyHeader(p)
		if err != nil {
			return 0, false, &refusal{reason: refusedProxy, err: err}
		}
		if n == 0 {
			return 0, false, nil
		}
		o.proxied = true
		if source.IsValid() {
			o.source = source
		}
		taken, p = n, p[n:]
		if !o.relay.allows(o.source.Addr()) {
			return taken, false, &refusal{reason: refusedAddress, err: errNotAllowed}
		}
	}
	switch {
	case len(o.relay.conf.Relay.ServerNames) > 0:
		done, err = o.hello(p)
	case o.relay.codec != nil:
		done, err = o.frame(w, p)
	default:
		done = true
	}
	return taken, done, err
}

var (
	errNotAllowed = errors.New("relay.allow does not name this client's address")
	errUnfinished = errors.New("the client ended before what it must begin with was whole")
)

func (o *opening) hello(p []byte) (bool, error) {
	name, ok, err := readServerName(p)
	switch {
	case err != nil:
		return false, &refusal{reason: refusedName, say: alert(alertDecodeError), err: err}
	case !ok && len(p) > 2*longestHello: // in records of a few bytes
		return false, &refusal{reason: refusedName, say: alert(alertDecodeError), err: errBigHello}
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
func (o *opening) frame(w *relayWorker, p []byte) (bool, error) {
	codec := o.relay.codec
	for p = p[o.passed:]; ; {
		n, frame, err := codec.Split(p, false, &o.resume)
		switch {
		case err != nil:
			return false, o.outOfStep(err)
		case n == 0:
			return false, nil
		}
		o.resume, o.passed, p = protocol.Resume{}, o.passed+n, p[n:]
		if frame == nil {
			continue
		}
		m := &w.request
		m.Reset()
		if err := codec.Decode(protocol.FromClient, frame, m); err != nil {
			n := protocol.Notice{Class: protocol.Fix, Cause: protocol.BadShape}
			if bad, ok := errors.AsType[*protocol.Malformed](err); ok {
				n.Cause, n.Reasons = bad.Cause, bad.Reasons
			}
			return false, &refusal{reason: refusedFrame, say: sayNotice(codec, nil, m, &n), err: fmt.Errorf("the first frame: %w", err)}
		}
		if m.Kind == protocol.Keepalive {
			continue
		}
		return o.judge(w, m)
	}
}

func (o *opening) judge(w *relayWorker, m *protocol.Message) (bool, error) {
	err := w.checker.Validate(m)
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
