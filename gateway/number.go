package gateway

import (
	"sync/atomic"
	"time"
)

// numbers gives what comes to one worker numbers that nobody else in the process has, in rising order. It belongs to the
// worker's shard.
type numbers struct{ last, end uint64 }

// numberBlock is how many numbers a worker takes at once, so that shards do not share a word for each request.
const numberBlock = 1024

var numbersTaken, sessionsNumbered atomic.Uint64

// draw returns the next number. None is 0.
func (n *numbers) draw() uint64 {
	if n.last == n.end {
		n.end = numbersTaken.Add(numberBlock)
		n.last = n.end - numberBlock
	}
	n.last++
	return n.last
}

// waited is how long the request has been held, as far as that is limited.
func (q *held) waited(r *route, now time.Time) lapse {
	if q.until == 0 {
		return 0
	}
	return lapseOf(now.Sub(q.until.time().Add(-r.timeouts.Queue)))
}

// named returns the number of the request that is being handled.
func (s *Session) named() uint64 {
	if s.held.number == 0 {
		s.held.number = s.w.numbers.draw()
	}
	return s.held.number
}
