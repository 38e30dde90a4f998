package gateway

import (
	"time"

	"github.com/sirupsen/logrus"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/validate"
)

// observer hears of every rule that was violated, in whatever mode.
type observer struct {
	counters *counters
	logger   *logrus.Entry
}

func (o observer) Violated(_ *protocol.Message, v *validate.Violation) {
	if v.Fault != nil && o.logger != nil {
		o.logger.WithFields(logrus.Fields{"rule": v.Rule, "error": v.Fault.Error()}).Error("a rule cannot be carried out; what it should judge is refused if it is enforced")
	}
	switch v.Mode {
	case validate.Observe:
		o.counters.observed.Add(1)
	case validate.Warn:
		o.counters.warned.Add(1)
		if o.logger != nil {
			o.logger.WithFields(logrus.Fields{"rule": v.Rule, "path": v.Reason.Path, "want": v.Reason.Want, "reason": v.Reason.Say}).Warn("a rule would refuse this request")
		}
	}
}

// refused counts and logs a refusal.
func (r *route) refused(s *Session, m *protocol.Message, n *protocol.Notice) {
	r.counters.refused.Add(1)
	r.counters.notices[n.Class].Add(1)
	if r.logger == nil || !r.logger.Logger.IsLevelEnabled(logrus.InfoLevel) {
		return
	}
	fields := logrus.Fields{"peer": s.peer, "class": n.Class.String(), "cause": n.Cause.String(), "bytes": len(m.Frame)}
	if s.identity != hostOf(s.peer) {
		fields["identity"] = s.identity
	}
	if len(n.Reasons) > 0 {
		first := &n.Reasons[0]
		fields["path"], fields["rule"] = first.Path, first.Rule
		if first.Say != "" {
			fields["reason"] = first.Say
		} else {
			fields["want"], fields["got"] = first.Want, first.Got
		}
		if first.Off >= 0 {
			fields["offset"] = first.Off
		}
		fields["reasons"] = len(n.Reasons)
	}
	r.logger.WithFields(fields).Info("refused")
}

// wouldRefuse counts and logs what a rule of the codec that is only tried out would have refused.
func (r *route) wouldRefuse(s *Session, ref *protocol.Refusal) {
	r.counters.observed.Add(1)
	if r.logger == nil || len(ref.Reasons) == 0 || !r.logger.Logger.IsLevelEnabled(logrus.InfoLevel) {
		return
	}
	first := &ref.Reasons[0]
	r.logger.WithFields(logrus.Fields{"peer": s.peer, "class": ref.Class.String(), "path": first.Path, "rule": first.Rule,
		"want": first.Want, "got": first.Got}).Info("would be refused")
}

// tolerated counts what is let through though it is not as it should be, and logs the first of a client.
func (r *route) tolerated(s *Session, ref *protocol.Refusal) {
	r.counters.warned.Add(uint64(len(ref.Reasons)))
	if r.logger == nil || len(ref.Reasons) == 0 || s.warned {
		return
	}
	s.warned = true
	first := &ref.Reasons[0]
	r.logger.WithFields(logrus.Fields{"peer": s.peer, "path": first.Path, "rule": first.Rule, "want": first.Want, "got": first.Got}).
		Warn("tolerated; further ones of this client are counted only")
}

// passed logs a request that was verified and passed on: its size and kind, no value.
func (r *route) passed(s *Session, m *protocol.Message) {
	if r.logger != nil {
		r.logger.WithFields(logrus.Fields{"peer": s.peer, "kind": m.Kind.String(), "bytes": len(m.Frame)}).Info("passed")
	}
}

// log says what went wrong with a client's request and is not the client's to correct.
func (r *route) log(s *Session, what string, err error) {
	if r.logger != nil {
		r.logger.WithFields(logrus.Fields{"peer": s.peer, "error": err.Error()}).Error(what)
	}
}

// logSession is the one line of a connection.
func (r *route) logSession(s *Session, cause error) {
	if r.logger == nil || !r.logger.Logger.IsLevelEnabled(logrus.InfoLevel) {
		return
	}
	fields := logrus.Fields{"peer": s.peer, "received": s.count.received, "refused": s.count.refused, "seconds": time.Since(s.began.time()).Seconds()}
	if cause != nil {
		fields["cause"] = cause.Error()
	}
	if s.identity != hostOf(s.peer) {
		fields["identity"] = s.identity
	}
	r.logger.WithFields(fields).Info("client left")
}

// logBackend is a line about a backend's connections.
func (r *route) logBackend(u *upstream, what string, err error) {
	if r.logger == nil {
		return
	}
	e := r.logger.WithFields(logrus.Fields{"backend": u.conf.Name, "circuit": u.breaker.state()})
	if err != nil {
		e.WithField("error", err.Error()).Warn(what)
		return
	}
	e.Info(what)
}
