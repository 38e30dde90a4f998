//go:build linux

package main

import "time"

// schedule says when requests are to be sent: one for each step, by the clients in turn. It has no clock of its own. A
// client whose answer is late sends what is due meanwhile afterwards, and all of it counts from when it was due: who
// leaves out, as a client that waits does, what should have been sent while the server stood still, does not see that it did.
type schedule struct {
	first   time.Time
	step    time.Duration
	clients int
	total   int
	next    int   // the next to become due
	sent    []int // by client: how many it has sent
	due     []int // and how many it should have
	over    []int // and how many are answered
}

func newSchedule(first time.Time, step time.Duration, clients, total int) *schedule {
	return &schedule{first: first, step: step, clients: clients, total: total,
		sent: make([]int, clients), due: make([]int, clients), over: make([]int, clients)}
}

// when is the time of the i-th request of all.
func (s *schedule) when(i int) time.Time { return s.first.Add(time.Duration(i) * s.step) }

// until returns how long nothing becomes due; ok is false if everything is.
func (s *schedule) until(now time.Time) (wait time.Duration, ok bool) {
	return max(0, s.when(s.next).Sub(now)), s.next < s.total
}

// take returns a client who is to send its next request now, as long as there is one.
func (s *schedule) take(now time.Time) (client int, ok bool) {
	for s.next < s.total && !now.Before(s.when(s.next)) {
		client := s.next % s.clients
		s.next++
		s.due[client]++
		if s.sent[client] == s.over[client] {
			s.sent[client]++
			return client, true
		}
	}
	return 0, false
}

// answered notes that client has the answer to what it sent, and returns how long after its time that is, and whether
// the client is to send another now.
func (s *schedule) answered(client int, now time.Time) (late time.Duration, again bool) {
	late = now.Sub(s.when(s.over[client]*s.clients + client))
	s.over[client]++
	if again = s.sent[client] < s.due[client]; again {
		s.sent[client]++
	}
	return late, again
}
