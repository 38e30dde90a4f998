package gateway

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/splitter"
	"github.com/sallyport/sallyport/tunnel"
)

// bundle gathers requests, of whatever clients, that leave for a backend as one batch:
// when it is full, or when the first has waited for the linger. The Backend's sendMu
// guards it. Each request has brought its room in the tunnel, so a full bundle fits.
type bundle struct {
	b     *Backend
	buf   splitter.Bundle
	rooms []tunnel.Reservation
	out   []byte
	timer *time.Timer
	armed bool
}

// add takes the body of one more request, and room, of which nothing is left to the caller.
func (u *bundle) add(body []byte, room *tunnel.Reservation) {
	u.buf.Add(body)
	u.rooms = append(u.rooms, *room)
	*room = tunnel.Reservation{}
	batch := &u.b.up.conf.Batch
	switch {
	case u.buf.Len() >= batch.Max:
		u.flush()
		return
	case u.armed || batch.Linger == 0: // with no linger it goes when the client's bytes are done with
		return
	}
	u.armed = true
	if u.timer == nil {
		u.timer = time.AfterFunc(batch.Linger, u.lingered)
		return
	}
	u.timer.Reset(batch.Linger)
}

// lingered sends what there is. It runs on the timer's goroutine.
func (u *bundle) lingered() {
	u.b.sendMu.Lock()
	u.armed = false
	u.flush()
	u.b.sendMu.Unlock()
	u.b.vc.Reenable()
}

// turned sends what there is if there is no linger: the client's bytes are done with.
func (u *bundle) turned() {
	if conf := &u.b.up.conf.Batch; conf.Max <= 1 || conf.Linger > 0 {
		return
	}
	u.b.sendMu.Lock()
	defer u.b.sendMu.Unlock()
	u.flush()
}

// flush sends what there is. Whoever made it do so reenables the connection.
func (u *bundle) flush() {
	n := u.buf.Len()
	if n == 0 {
		return
	}
	codec := u.b.up.codec
	frame := codec.OpenFrame(u.out[:0], nil)
	frame, err := u.buf.AppendTo(frame, u.batching())
	if err == nil {
		frame, err = codec.CloseFrame(frame, 0)
	}
	u.out = frame[:0]
	if n > 1 {
		u.b.up.route().counters.bundles.Add(1)
	}
	room := 0
	for i := range u.rooms {
		room += u.rooms[i].Len()
	}
	if err == nil && len(frame) > room {
		err = fmt.Errorf("a batch of %d bytes for which %d were reserved", len(frame), room)
	}
	if err != nil {
		// Each of its members could be encoded; what follows a lost batch must not be
		// paired with it.
		u.release()
		h := u.b.vc.Lock()
		defer h.Unlock()
		h.Abort(err)
		return
	}
	u.b.put += int64(len(frame))
	for i := range u.rooms {
		// A piece for each reservation: in one row, for whatever else is put takes sendMu too.
		n := min(len(frame), u.rooms[i].Len())
		_ = u.rooms[i].Put(frame[:n])
		frame = frame[n:]
	}
	u.release()
}

// stop drops what has not been sent.
func (u *bundle) stop() {
	if u.timer != nil {
		u.timer.Stop()
	}
	u.buf.Reset()
	u.release()
}

func (u *bundle) release() {
	for i := range u.rooms {
		u.rooms[i].Release()
	}
	u.rooms = u.rooms[:0]
}

// bundleBits are those of a bundle's number that say where it stands in the output of its connection; above them is which one
// that is.
const bundleBits = 40

// serials counts connections.
var serials atomic.Uint64

// numbered is a batching codec that gives one batch a number.
type numbered struct {
	protocol.Enveloping
	n uint64
}

func (e numbered) AppendBatch(dst []byte, bodies [][]byte) ([]byte, error) {
	return e.AppendBundle(dst, bodies, e.n)
}

// batching is how the bundle is written: with a number by which its answer names it, if the protocol has that.
func (u *bundle) batching() protocol.Batching {
	if e := u.b.up.enveloping; e != nil {
		return numbered{e, u.b.serial<<bundleBits | uint64(u.b.put)&(1<<bundleBits-1)}
	}
	return u.b.up.batching
}
