package gateway

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestMoment(t *testing.T) {
	if m := momentOf(time.Time{}); m != 0 || !m.time().IsZero() {
		t.Errorf("no time: got %d", m)
	}
	if m := momentOf(beginning); m == 0 {
		t.Error("the first time of all is none")
	}
	same := func(t *testing.T) {
		now := time.Now()
		if got := momentOf(now).time(); got.Sub(now) != 0 {
			t.Errorf("got %v, want %v", got, now)
		}
	}
	same(t)
	synctest.Test(t, same)
}
