package tunnel

// deed is something to be done in a turn.
type deed struct {
	vc *VConn // whose
	do func()
}

// order has do called in the next turn, for vc. It is false if the Shard has ended. It may be called from anywhere.
func (s *Shard) order(vc *VConn, do func()) bool {
	s.mu.Lock()
	if s.sealed {
		s.mu.Unlock()
		return false
	}
	s.orders = append(s.orders, deed{vc, do})
	s.ordered.Store(true)
	s.mu.Unlock()
	s.ring()
	return true
}

// in is order, but calls do at once if this is a turn of the Shard already.
func (s *Shard) in(vc *VConn, do func()) bool {
	if s.calling.Load() != nil && s.turner.Load() == goroutine() {
		do()
		return true
	}
	return s.order(vc, do)
}

// obey does what was ordered.
func (s *Shard) obey() {
	if !s.ordered.Load() {
		return
	}
	s.mu.Lock()
	list := s.orders
	s.orders = nil
	s.ordered.Store(false)
	s.mu.Unlock()
	for _, o := range list {
		s.carryOut(o)
	}
}

func (s *Shard) carryOut(o deed) {
	if o.vc == nil { // for nobody that could be called
		o.do()
		return
	}
	s.calling.Store(o.vc)
	defer s.called(o.vc)
	o.do()
}
