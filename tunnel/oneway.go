package tunnel

import "sync/atomic"

// OneWay leads to one connection. Many sources may share it, from any Shard: putting into it is no operation on a
// connection, so nobody is locked for it. It fills the same buffer as Held.Put, of the size given to New, and what is
// put at once is never parted by what others put. Whoever put something reenables the connection when all is put.
type OneWay struct {
	// Transform, CloseSource, CloseTarget and Window concern Carry. They are set before the first.

	// Transform is what the bytes go through; nil: none.
	Transform Transform
	// CloseSource and CloseTarget have a Carry close that side at its end, before done is called: in order after a clean
	// end, and by abort after an error. Otherwise it closes nothing.
	CloseSource, CloseTarget bool
	// Window is how many bytes of a Carry may be in the buffer, so that there is room for what others put meanwhile. 0:
	// all that fit.
	Window int

	to    *VConn
	ended atomic.Bool
	carry atomic.Pointer[carry]
}

// NewOneWay returns a OneWay that leads to to.
func NewOneWay(to *VConn) *OneWay { return &OneWay{to: to} }

// Reservation is room in a OneWay for what its holder is going to put. It is no lock and may be kept over turns. It
// ends when it is used up, or with Release; it is not copied.
type Reservation struct {
	to *VConn
	n  int
}

// Reserve sets room for n bytes aside. If there is none now it returns false, and from is reenabled once there is, or
// when the OneWay ends, or at once if it has ended, which Err tells. The Handler leaves the frame untaken, pauses and
// returns; the frame is offered again. n is at most the size of the buffer; for more the answer is false and nobody is
// reenabled, as there will never be room.
func (t *OneWay) Reserve(from *Owner, n int) (Reservation, bool) {
	ok, err := t.to.out.reserve(n, from.vc, t.ended.Load)
	if err != nil && err != ErrTooLong {
		from.vc.Reenable()
	}
	if !ok {
		return Reservation{}, false
	}
	return Reservation{to: t.to, n: n}, true
}

// Put copies p into the room that was reserved. It cannot fail for lack of room: it returns ErrTooLong if p is longer
// than what is left of the reservation, and the cause if the connection is closed or has failed.
func (r *Reservation) Put(p []byte) error {
	if len(p) > r.n {
		return ErrTooLong
	}
	if len(p) == 0 {
		return nil
	}
	if _, err := r.to.out.spend(p, len(p)); err != nil {
		return err
	}
	r.n -= len(p)
	return nil
}

// PutLast is Put of the last, and Release in one, unless it fails.
func (r *Reservation) PutLast(p []byte) error {
	if len(p) > r.n {
		return ErrTooLong
	}
	e, err := r.to.out.spend(p, r.n)
	if err == nil {
		r.n = 0
	}
	e.send(r.to)
	return err
}

// Len returns how many bytes may still be put.
func (r *Reservation) Len() int { return r.n }

// Release gives back what was not put. To release again, or what is used up, does nothing.
func (r *Reservation) Release() {
	if r.n == 0 {
		return
	}
	n := r.n
	r.n = 0
	r.to.out.release(n).send(r.to)
}

// Put copies p, whole, where nothing has to be done between reserving and putting. ErrFull is the false of Reserve:
// from is reenabled once there is room. It returns ErrTooLong if p can never fit, and the cause if the OneWay has
// ended or the connection is closed or has failed.
func (t *OneWay) Put(from *Owner, p []byte) error {
	if t.ended.Load() {
		return ErrEnded
	}
	err := t.to.out.putFrom(p, from.vc)
	if err == ErrFull && t.ended.Load() {
		from.vc.Reenable() // End may not have seen it waiting
	}
	return err
}

// End says that the sources have ended. What is in the OneWay is still delivered, what was reserved may still be put,
// and whoever waits for room is reenabled. A Carry that runs takes nothing more and ends well. It closes nothing.
func (t *OneWay) End() {
	t.ended.Store(true)
	t.Limit(0)
	t.to.out.dismiss().send(t.to)
}

// Err returns nil as long as there is somebody to deliver to, then why there is not: ErrEnded after End, or the cause
// with which the connection was closed or has failed.
func (t *OneWay) Err() error {
	if t.ended.Load() {
		return ErrEnded
	}
	return t.to.out.fault()
}
