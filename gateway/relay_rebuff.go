package gateway

import (
	"errors"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/validate"
)

// relayRebuffs are what each refusal of a client by a relay is to others: the class and a sentence that says why. The names of the
// causes are those that are counted.
var relayRebuffs = [numRefusals]struct {
	class protocol.Class
	text  string
}{
	refusedAddress:     {protocol.Denied, "nobody may come from this address"},
	refusedProxy:       {protocol.Denied, "it is no proxy that may come, or one without a good header"},
	refusedName:        {protocol.Denied, "it asks for another server, or for none"},
	refusedFrame:       {protocol.Fix, "its first frame is no request"},
	refusedRules:       {protocol.Fix, "its first frame does not meet the rules"},
	refusedSlow:        {protocol.Fix, "it did not begin in time"},
	refusedConnections: {protocol.Later, "there are too many clients"},
	refusedPerPeer:     {protocol.Later, "there are too many from its address"},
	refusedBackend:     {protocol.Later, "no backend can be reached"},
	refusedDraining:    {protocol.Later, "the gateway is shut down, or the route was changed"},
	refusedPaused:      {protocol.Later, "an operator has paused the route"},
	refusedBug:         {protocol.Failed, "a bug: a handler has panicked"},
}

// rebuffed writes why down for those who ask, and logs it.
func (r *relay) rebuffed(c *relayed, why *refusal) {
	r.logRefusal(c, why)
	var reasons []protocol.Reason
	if f, ok := errors.AsType[*validate.Failure](why.err); ok {
		reasons = f.Reasons()
	} else if bad, ok := errors.AsType[*protocol.Malformed](why.err); ok {
		reasons = bad.Reasons
	}
	to := &relayRebuffs[why.reason]
	q := rebuff{session: c.number, peer: c.peer, who: c.client(), at: momentOf(time.Now()), class: to.class, cause: refusalNames[why.reason], text: to.text}
	c.w.diary.keep(&q, reasons)
}
