package tunnel

import "time"

// single is the sink of a tunnel with one target.
type single struct {
	to     *VConn
	window int
}

func (s *single) grab(f *flow) error {
	err := s.to.out.grab(f, s.window)
	if err != nil && err != ErrBusy {
		return gone(err)
	}
	return err
}

func (s *single) put(p []byte) (int, error) {
	n, err := s.to.out.fillUp(p)
	if n > 0 {
		s.to.Reenable()
	}
	return n, err
}

func (s *single) size() int {
	if s.window > 0 {
		return min(s.window, s.to.out.size)
	}
	return s.to.out.size
}

func (s *single) fault() error {
	if err := s.to.out.fault(); err != nil {
		return gone(err)
	}
	return nil
}

func (s *single) seal() {}

func (s *single) flushed() bool { return s.to.out.empty() }

func (s *single) place() int64 {
	_, passed := s.to.out.place()
	return passed
}

func (s *single) ticked(time.Time) {}

func (s *single) yield(err error) {
	s.to.out.yield(err != nil).send(s.to)
	s.to.Reenable()
}
