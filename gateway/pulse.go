package gateway

import (
	"errors"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// ProbeConfig has the connections to a backend asked for a sign of life while nothing comes on them.
type ProbeConfig struct {
	// Every is how long nothing comes before the backend is asked. 0: it never is.
	Every time.Duration
	// Timeout is how long it may take to say anything; 5 s.
	Timeout time.Duration
	// Missed is how often in a row it may say nothing before the connection is given up; 3.
	Missed int
}

var errSilent = errors.New("the backend has not answered the probes in time")

// pulse feels whether the backend of one connection lives. It belongs to the goroutine that waits for the connection's end.
// Whatever comes is a sign of life.
type pulse struct {
	b     *Backend
	conf  ProbeConfig
	codec protocol.Probing
	timer *time.Timer
	asked int // since anything came
}

// newPulse returns nil if the backend is not to be asked.
func newPulse(b *Backend) *pulse {
	conf := b.up.conf.Probe
	codec, ok := b.up.codec.(protocol.Probing)
	if !ok || conf.Every <= 0 {
		return nil
	}
	return &pulse{b: b, conf: conf, codec: codec, timer: time.NewTimer(conf.Every)}
}

// beat is when to feel again. A nil pulse has none.
func (p *pulse) beat() <-chan time.Time {
	if p == nil {
		return nil
	}
	return p.timer.C
}

func (p *pulse) stop() {
	if p != nil {
		p.timer.Stop()
	}
}

// feel asks the backend if nothing has come, and gives the connection up if it has been asked often enough.
func (p *pulse) feel() {
	if p.b.heard.Swap(false) {
		p.asked = 0
		p.timer.Reset(p.conf.Every)
		return
	}
	if p.asked >= p.conf.Missed {
		p.b.up.route().counters.limits[limitProbes].Add(1)
		p.b.lose(errSilent)
		return
	}
	p.asked++
	p.timer.Reset(p.conf.Timeout)
	frame, err := p.codec.AppendProbe(nil)
	if err != nil || len(frame) == 0 {
		return
	}
	_ = p.b.putOwn(frame) // what does not come tells
}

// putOwn puts a frame that is nobody's but the gateway's own. It is false if there is no room, or the connection has ended.
func (b *Backend) putOwn(frame []byte) bool {
	b.sendMu.Lock()
	defer b.sendMu.Unlock()
	if b.stopped {
		return false
	}
	b.vc.Reenable() // a pass follows
	h := b.vc.Lock()
	defer h.Unlock()
	if h.Put(frame) != nil {
		return false
	}
	b.put += int64(len(frame))
	return true
}
