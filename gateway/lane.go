package gateway

import "time"

// LaneConfig is about what can be slow or dead by itself behind one backend connection, such as a unit behind a Modbus
// gateway.
type LaneConfig struct {
	// Window is how many frames of one lane may be without an answer; three quarters of the backend's Window by default, and
	// never the whole of one that is more than 1.
	Window int
	// Failures is the number of answers in a row that did not come in time after which a lane rests; 3.
	Failures int
	// Rest is how long, until one request tries it again; 5 s. Those that come meanwhile are refused at once.
	Rest time.Duration
}

// lanes are those of a backend connection that something waits for or is out on, or that have failed. The Backend's sendMu
// guards them.
type lanes struct {
	by      map[uint32]lane
	crowded int      // of them, those that something waits for
	failing int      // of them, those that have failed
	blocked []uint32 // while something is picked
}

type lane struct {
	queued int
	out    int
	failed int       // in a row
	until  time.Time // it rests; after that one frame tries it
}

type laneVerdict uint8

const (
	laneFree laneVerdict = iota
	laneFull
	laneRests
)

// may says whether a frame of lane n may leave.
func (l *lanes) may(n uint32, conf *LaneConfig, now time.Time) laneVerdict {
	switch lane, ok := l.by[n]; {
	case !ok:
		return laneFree
	case lane.failed >= conf.Failures && now.Before(lane.until):
		return laneRests
	case lane.failed >= conf.Failures && lane.out > 0, lane.out >= conf.Window:
		return laneFull
	}
	return laneFree
}

// rest reports whether one of them rests.
func (l *lanes) rest(conf *LaneConfig, now time.Time) bool {
	if l.failing == 0 {
		return false
	}
	for _, lane := range l.by {
		if lane.failed >= conf.Failures && now.Before(lane.until) {
			return true
		}
	}
	return false
}

// left counts a frame of lane n out.
func (l *lanes) left(n uint32) {
	lane := l.by[n]
	lane.out++
	l.set(n, lane)
}

// queued counts n more of lane n in the queue.
func (l *lanes) queued(n uint32, more int) {
	lane := l.by[n]
	lane.queued += more
	l.set(n, lane)
}

// set has lane n be as it says, and forgets it if there is nothing to remember.
func (l *lanes) set(n uint32, is lane) {
	was := l.by[n]
	l.crowded += change(was.queued > 0, is.queued > 0)
	l.failing += change(was.failed > 0, is.failed > 0)
	switch {
	case is.queued == 0 && is.out == 0 && is.failed == 0:
		delete(l.by, n)
	case l.by == nil:
		l.by = map[uint32]lane{n: is}
	default:
		l.by[n] = is
	}
}

// change is what a count changes by.
func change(was, is bool) int {
	switch {
	case is && !was:
		return 1
	case was && !is:
		return -1
	}
	return 0
}

// finished counts it in again: it was answered, or its time was over.
func (l *lanes) finished(n uint32, answered bool, conf *LaneConfig, now time.Time) {
	lane, ok := l.by[n]
	if !ok {
		return
	}
	lane.out--
	if answered {
		lane.failed = 0
	} else if lane.failed++; lane.failed >= conf.Failures {
		lane.until = now.Add(conf.Rest)
	}
	l.set(n, lane)
}

func (l *lanes) block(n uint32) { l.blocked = append(l.blocked, n) }

// allBlocked reports whether nothing that waits can be picked.
func (l *lanes) allBlocked() bool { return len(l.blocked) >= l.crowded }

func (l *lanes) isBlocked(n uint32) bool {
	for _, b := range l.blocked {
		if b == n {
			return true
		}
	}
	return false
}
