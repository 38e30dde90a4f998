// Package tunnel moves bytes between connections.
//
// A connection is a [VConn]. It belongs to one [Shard] for life: a goroutine that serves many connections, in turns,
// and calls the [Handler] behind each. One operation, [VConn.Reenable], may be called by anyone at any time without a
// lock; every other is a method of [Held], which Lock and TryLock return, or of [Owner], which a Handler gets with each
// call. What leads to a connection is a bounded buffer of bytes. [Held.Put] fills it, and so does a [OneWay], which
// tells its sources when there is room.
//
// A turn is: wait until something is ready; read it and call the Handlers; look at the VConns that were reenabled;
// then write, once each, to every connection that got something to write. So what one turn put for a connection
// leaves in one write.
//
// The package neither logs nor counts: it returns.
package tunnel

import (
	"errors"
	"fmt"
	"time"
)

// Handler is the machine behind a connection. The connection's Shard calls it, one call at a time and with no lock
// held. It must not block: all the connections of the Shard wait for it.
//
// A Handler that panics loses its connection, which is aborted with a *PanicError, and no other.
type Handler interface {
	// Data is offered all that is unread, in order: what was left the last time, then what is new. It returns how many
	// bytes it took; the rest is kept and offered again, with more or after a Reenable. p is good until Data returns.
	Data(own *Owner, p []byte) (taken int)

	// End says that nothing more will come: io.EOF after the peer's orderly end, or why. It comes when all that was read
	// has been offered, and never during a Pause; what the last Data left is then an unfinished frame, and is not
	// offered to this Handler again.
	//
	// A Handler is told of io.EOF at most once, and may go on putting after it. It is told of any other end at most once,
	// and nothing follows that: the peer's reset, a write that failed, or the cause given to Close or Abort by somebody
	// else. For a Close or an Abort that it made itself, in one of its own calls, there is no End and no other event
	// either. A later Handler is told again.
	End(own *Owner, err error)

	// Room says that what others had to wait for is there: somebody, perhaps the Handler itself, found the buffer that
	// leads to this connection too full, and it has fallen to its low mark, half its size.
	Room(own *Owner)
}

// Ticker is what a Handler implements to use Owner.Wake.
type Ticker interface {
	// Tick is called, in a turn, at the time asked for or soon after. A Pause does not hold it back.
	Tick(own *Owner, now time.Time)
}

// Idler is what a Handler implements to be told of the limit set by Owner.SetIdle. Without it the connection is
// aborted with ErrIdle.
type Idler interface {
	// Idle is called once for each time the limit is reached; it is counted again after the next progress.
	Idle(own *Owner)
}

// Leaver is a Handler that wants to know during a Pause already that the peer will send nothing more, or is gone: End is
// told only when what is before it was taken. Under pump it is not called.
type Leaver interface {
	Leaving(own *Owner)
}

// Expirer is what a Handler implements to be told of the limit set by Owner.SetTotal. Without it the connection is
// aborted with ErrExpired.
type Expirer interface {
	// Expired is called once for each SetTotal.
	Expired(own *Owner)
}

// Errors of the operations on a connection.
var (
	// ErrFull is returned if there is no room now. Nothing was put.
	ErrFull = errors.New("tunnel: no room now")
	// ErrTooLong is returned for what could never fit, or is longer than was reserved. Nothing was put.
	ErrTooLong = errors.New("tunnel: longer than the buffer")
	// ErrClosed is the cause of a Close or Abort that was given none.
	ErrClosed = errors.New("tunnel: connection closed")
	// ErrWriteClosed is returned by Put after CloseWrite.
	ErrWriteClosed = errors.New("tunnel: connection closed for writing")
	// ErrEnded is returned for a OneWay after its End.
	ErrEnded = errors.New("tunnel: one-way has ended")
	// ErrIdle is the cause of an abort because there was no progress for the limit set by Owner.SetIdle.
	ErrIdle = errors.New("tunnel: idle for too long")
	// ErrExpired is the cause of an abort because the limit set by Owner.SetTotal was reached.
	ErrExpired = errors.New("tunnel: total time is over")
	// ErrStopped is what a Handler is told if its Shard's Serve ends while the connection is open.
	ErrStopped = errors.New("tunnel: shard stopped")
)

// PanicError is the cause of the abort of a connection whose Handler panicked.
type PanicError struct {
	Value any    // what the Handler panicked with; it may hold what came from the wire
	Stack []byte // of the goroutine, as debug.Stack gives it
}

// Error names the kind of the value and not the value, which may be sensitive.
func (e *PanicError) Error() string {
	return fmt.Sprintf("tunnel: handler panicked with a value of type %T", e.Value)
}
