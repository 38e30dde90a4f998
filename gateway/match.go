package gateway

import (
	"errors"

	"github.com/sallyport/sallyport/protocol"
)

// errForeign ends a connection on which something came that cannot be the answer to the request that it names.
var errForeign = errors.New("the backend's answer names a request that it does not fit: nothing else that comes here can be trusted")

// matcher holds what a backend has answered against the request that it was found for, by more than ID or order. The
// Ledger calls it, with its lock held; what it holds belongs to the Backend.
type matcher struct {
	codec protocol.Matching
	m     *protocol.Message // the answer
	// verdict is why the answer to what was found is not passed on, nil that it is.
	verdict error
	freed   bool // it was a part, and the place of its exchange is free from now on
}

var errUseless = errors.New("the backend's answer says nothing that could be a result")

// judge decides about x, which is nil if nothing is open. Final is what the answer has been taken for.
func (t *matcher) judge(x *exchange, final bool) (bool, verdict) {
	expect := uint64(0)
	if x != nil {
		expect = x.expect
		if p := x.party; p != nil && p.apart { // what was sent is no client's
			expect = p.expect
		}
	}
	t.verdict, t.freed = nil, false
	switch t.codec.Match(expect, x != nil, t.m) {
	case protocol.Unasked:
		return false, unasked
	case protocol.Foreign:
		return false, foreign
	case protocol.Useless:
		t.verdict = errUseless
	}
	return final && !t.m.More, taken
}

// part notes what a part of the result of x says of the rest. The Ledger is locked: who takes x after that finds it.
func (t *matcher) part(x *exchange) {
	x.tacit = t.m.Tacit
	t.freed = t.m.Frees && !x.placeless
	x.placeless = x.placeless || t.freed
}
