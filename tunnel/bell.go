package tunnel

import (
	"sync"
	"sync/atomic"
)

// bell wakes a Shard that sleeps.
type bell struct {
	sleeping atomic.Uint32 // awake, or where it sleeps
	channel  chan struct{} // of one slot
	eventMu  sync.Mutex    // a leaf: the eventfd is not closed while it is written to
	event    int           // eventfd; 0: none, or closed
}

const (
	awake uint32 = iota
	byChannel
	byEvent
)

// ring wakes the Shard if it sleeps. One of many who ring pays for it, and nobody waits. What it is rung for is
// published before.
func (b *bell) ring() {
	if b.sleeping.Load() == awake {
		return
	}
	switch b.sleeping.Swap(awake) {
	case byChannel:
		select {
		case b.channel <- struct{}{}:
		default: // it was rung already
		}
	case byEvent:
		b.eventMu.Lock()
		defer b.eventMu.Unlock()
		if b.event > 0 {
			signalEvent(b.event)
		}
	}
}

// sleep waits on the channel. It says so first, looks once more whether there is something to do, and only then sleeps.
func (b *bell) sleep(s *Shard) {
	s.hooks.at(beforeSleep, nil)
	b.sleeping.Store(byChannel)
	if !s.wanted() {
		s.hooks.at(onSleep, nil)
		<-b.channel
	}
	b.sleeping.Store(awake)
}

// openBell has ring write to event from now on.
func (b *bell) openBell(event int) {
	b.eventMu.Lock()
	defer b.eventMu.Unlock()
	b.event = event
}

// shutBell makes ring harmless before the eventfd is closed.
func (b *bell) shutBell() {
	b.eventMu.Lock()
	defer b.eventMu.Unlock()
	closeEvent(b.event)
	b.event = 0
}
