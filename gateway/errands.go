package gateway

// errands are a queue in the order of arrival, of which any may be taken. What stands in front is taken at once, however
// long the queue is.
type errands struct {
	list []*errand
	room []*errand // the array that list lies in, from its beginning; of no length
}

func (q *errands) len() int { return len(q.list) }

func (q *errands) at(i int) *errand { return q.list[i] }

// all returns them. They are the queue's until it changes.
func (q *errands) all() []*errand { return q.list }

func (q *errands) push(e *errand) {
	if n := len(q.list); n == cap(q.list) {
		if cap(q.room) < 2*n || n == 0 && cap(q.room) == 0 {
			q.room = make([]*errand, 0, max(16, 4*n))
		}
		moved := append(q.room, q.list...) // within its array, maybe: towards the front
		clear(moved[n:cap(moved)])
		q.list = moved
	}
	q.list = append(q.list, e)
}

// take takes errand i out. Its time is that of i.
func (q *errands) take(i int) *errand {
	e := q.list[i]
	copy(q.list[1:i+1], q.list[:i])
	q.list[0] = nil
	q.list = q.list[1:]
	return e
}
