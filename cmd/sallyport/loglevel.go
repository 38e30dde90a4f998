package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/sallyport/sallyport/internal/admin"
)

// logLevel is the level of the log that an operator has set for a time.
type logLevel struct {
	logger *logrus.Logger

	mu        sync.Mutex
	timer     *time.Timer // nil: none is set
	n         int         // how often one was set
	temporary logrus.Level
	was       logrus.Level
}

// set has the log at that level for d, and then as it was before.
func (l *logLevel) set(name string, d time.Duration) error {
	levels := map[string]logrus.Level{"error": logrus.ErrorLevel, "warn": logrus.WarnLevel, "info": logrus.InfoLevel, "debug": logrus.DebugLevel}
	level, ok := levels[name]
	if !ok {
		return fmt.Errorf("there is no level %q; there are error, warn, info and debug", name)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer == nil {
		l.was = l.logger.GetLevel()
	} else {
		l.timer.Stop()
	}
	l.temporary = level
	l.logger.SetLevel(level)
	l.n++
	n := l.n
	l.timer = time.AfterFunc(d, func() { l.over(n) })
	return nil
}

// restore has the log as it was.
func (l *logLevel) restore() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end()
}

// over is restore when the time of the level that was set as number n is over.
func (l *logLevel) over(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n == l.n {
		l.end()
	}
}

// end has the log as it was, unless its level was changed since by somebody else. The lock is held.
func (l *logLevel) end() {
	if l.timer == nil {
		return
	}
	l.timer.Stop()
	l.timer = nil
	if l.logger.GetLevel() == l.temporary {
		l.logger.SetLevel(l.was)
	}
}

// audit writes down what was changed through the admin listener, and what was not allowed, at whatever level the log is.
func audit(logger *logrus.Logger) func(admin.Audit) {
	return func(a admin.Audit) {
		e := logger.WithFields(logrus.Fields{"audit": true, "who": a.Who, "what": a.What, "result": a.Result, "denied": a.Denied})
		if a.Missed > 0 {
			e = e.WithField("missed", a.Missed)
		}
		level := logrus.InfoLevel
		if a.Denied {
			level = logrus.WarnLevel
		}
		e.Log(min(level, logger.GetLevel()), "admin")
	}
}
