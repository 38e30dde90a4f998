package gateway

import "sync/atomic"

// phase is the state of a Session. Its shard steps it, and anyone may look.
type phase struct{ v atomic.Uint32 }

func (p *phase) is() state { return state(p.v.Load()) }

func (p *phase) step(e event) { p.v.Store(uint32(sessionMachine.step(p.is(), e))) }
