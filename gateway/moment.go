package gateway

import "time"

// moment is a time in a third of the room of a time.Time: nanoseconds since the program began, by the clock that never
// jumps. 0 is none. There may be many idle clients, and each has some.
type moment time.Duration

var beginning = time.Now()

func momentOf(t time.Time) moment {
	if t.IsZero() {
		return 0
	}
	if m := moment(t.Sub(beginning)); m != 0 {
		return m
	}
	return 1
}

// time returns the zero time for none.
func (m moment) time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return beginning.Add(time.Duration(m))
}
