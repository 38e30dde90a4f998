package tunnel

import "sync/atomic"

// list is the lock-free list of a Shard's VConns that are scheduled. Each is on it once at most and holds the link.
type list struct {
	head atomic.Pointer[VConn]
}

// push may be called from anywhere, by who changed vc's word from idle to scheduled.
func (l *list) push(vc *VConn) {
	for {
		head := l.head.Load()
		vc.next = head
		if l.head.CompareAndSwap(head, vc) {
			return
		}
	}
}

func (l *list) empty() bool { return l.head.Load() == nil }

// take returns the whole of the list, the first that was pushed first, and leaves it empty.
func (l *list) take() (first *VConn) {
	if l.empty() {
		return nil
	}
	for vc := l.head.Swap(nil); vc != nil; {
		next := vc.next
		vc.next = first
		first, vc = vc, next
	}
	return first
}
