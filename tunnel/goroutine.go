package tunnel

import "runtime"

// goroutine returns the number of the calling goroutine. It serves one purpose: to tell a Close that a Handler makes
// in its own call, after which it gets no event, from one that somebody else makes at the same moment, of which it must
// learn. Both come through the same method. It costs tens of microseconds, as the whole
// stack is walked for it, so whoever can tell otherwise does not ask.
func goroutine() (id uint64) {
	var buf [32]byte
	const prefix = len("goroutine ")
	for _, c := range buf[prefix:runtime.Stack(buf[:], false)] {
		if c < '0' || c > '9' {
			break
		}
		id = id*10 + uint64(c-'0')
	}
	return id
}
