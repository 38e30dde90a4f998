package main

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/sallyport/sallyport/internal/admin"
)

func TestALevelHoldsForATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logger := logrus.New()
		l := &logLevel{logger: logger}
		is := func(want logrus.Level) {
			t.Helper()
			synctest.Wait()
			if got := logger.GetLevel(); got != want {
				t.Errorf("got %v, want %v", got, want)
			}
		}
		set := func(name string, d time.Duration) {
			t.Helper()
			if err := l.set(name, d); err != nil {
				t.Fatal(err)
			}
		}
		set("debug", time.Minute)
		is(logrus.DebugLevel)
		time.Sleep(30 * time.Second)
		set("error", time.Minute)
		time.Sleep(59 * time.Second)
		is(logrus.ErrorLevel)
		time.Sleep(time.Second)
		is(logrus.InfoLevel)
		set("debug", time.Minute)
		logger.SetLevel(logrus.WarnLevel) // by a reload
		time.Sleep(time.Minute)
		is(logrus.WarnLevel)
		set("debug", time.Hour)
		l.restore()
		is(logrus.WarnLevel)
		if err := l.set("loud", time.Minute); err == nil || !strings.Contains(err.Error(), "error, warn, info and debug") {
			t.Errorf("got %v", err)
		}
	})
}

func TestAnAuditLineIsWrittenAtEveryLevel(t *testing.T) {
	for _, level := range []logrus.Level{logrus.ErrorLevel, logrus.WarnLevel, logrus.InfoLevel, logrus.DebugLevel} {
		var out bytes.Buffer
		logger := logrus.New()
		logger.SetOutput(&out)
		logger.SetLevel(level)
		write := audit(logger)
		write(admin.Audit{Who: "unix socket", What: "POST /x", Result: "done"})
		write(admin.Audit{Who: "127.0.0.1", What: "POST /x", Result: "no", Denied: true, Missed: 3})
		if n := strings.Count(out.String(), "audit=true"); n != 2 || !strings.Contains(out.String(), "missed=3") {
			t.Errorf("%v: got %s", level, &out)
		}
	}
}
