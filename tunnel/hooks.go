package tunnel

// hooks are where tests step in. Outside of tests they are nil.
type hooks struct {
	reach func(instant, *VConn) // vc is nil before sleep
}

// instant is a place where a wake-up could be lost if the order were wrong.
type instant uint8

const (
	onPass      instant = iota // a pass begins
	beforeIdle                 // a pass found nothing more, the word is not yet idle
	beforeSleep                // the list was found empty, the Shard does not sleep yet
	onSleep                    // the Shard said that it sleeps, looked again, and sleeps now
	beforeNote                 // TryLock found the lock taken
	afterNote                  // it has left the note
	afterMiss                  // it found the lock taken again
)

func (h *hooks) at(i instant, vc *VConn) {
	if h != nil {
		h.reach(i, vc)
	}
}
