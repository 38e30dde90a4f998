package tunnel

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sallyport/sallyport/tunnel/tunneltest"
)

func TestUnlockedMethodSet(t *testing.T) {
	got := methods(reflect.TypeFor[*VConn]())
	want := []string{"Lock", "Reenable", "String", "TryLock"}
	if !slices.Equal(got, want) {
		t.Errorf("methods of *VConn that need no lock: got %v, want %v", got, want)
	}
}

func TestNoFieldOfAHandleIsExported(t *testing.T) {
	for _, typ := range []reflect.Type{reflect.TypeFor[Held](), reflect.TypeFor[VConn](), reflect.TypeFor[Owner](), reflect.TypeFor[Reservation]()} {
		for f := range typ.Fields() {
			if f.IsExported() {
				t.Errorf("%v has the exported field %s", typ, f.Name)
			}
		}
	}
}

func methods(t reflect.Type) (names []string) {
	for m := range t.Methods() {
		names = append(names, m.Name)
	}
	return names
}

func TestC24OperationsWithoutAHeldDoNotCompile(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command to compile with")
	}
	wrong := []string{"vc.Put(nil)", "vc.Close(nil)", "vc.Abort(nil)", "vc.CloseWrite()", "vc.CloseRead()", "vc.Pause()", "vc.HandTo(nil)"}
	source := "package misuse\nimport \"github.com/sallyport/sallyport/tunnel\"\nfunc f(vc *tunnel.VConn) {\nvc.Reenable()\n"
	for _, w := range wrong {
		source += w + "\n"
	}
	source += "_ = tunnel.Held{vc: vc}\n}\n"
	dir := t.TempDir()
	file := filepath.Join(dir, "misuse.go")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(here, "misuse", "misuse.go"): file}})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "build", "-gcflags=-e", "-overlay="+list, "./misuse").CombinedOutput()
	if err == nil {
		t.Fatal("it compiles")
	}
	for _, w := range wrong {
		if want := strings.SplitN(w, "(", 2)[0] + " undefined"; !strings.Contains(string(out), want) {
			t.Errorf("%s is not refused: got\n%s", w, out)
		}
	}
	if strings.Contains(string(out), "vc.Reenable") || !strings.Contains(string(out), "unexported field vc") {
		t.Errorf("got\n%s", out)
	}
}

// newVConn returns a VConn on a Shard that makes no turns.
func newVConn(t testing.TB) *VConn {
	near, far := tunneltest.Pipe(1)
	t.Cleanup(func() { _ = far.Close(); _ = near.Close() })
	vc, _ := NewShard(ShardConfig{Pump: true}).New("test", near, 100, nil)
	return vc
}

var uses = map[string]func(*Held){
	"Put":        func(h *Held) { _ = h.Put(nil) },
	"Queued":     func(h *Held) { h.Queued() },
	"Left":       func(h *Held) { h.Left() },
	"Close":      func(h *Held) { h.Close(nil) },
	"Abort":      func(h *Held) { h.Abort(nil) },
	"CloseWrite": func(h *Held) { h.CloseWrite() },
	"CloseRead":  func(h *Held) { h.CloseRead() },
	"Unlock":     func(h *Held) { h.Unlock() },
}

func TestUseAfterUnlockPanics(t *testing.T) {
	for _, name := range methods(reflect.TypeFor[*Held]()) {
		t.Run(name, func(t *testing.T) {
			use, ok := uses[name]
			if !ok {
				t.Fatal("no case for this method")
			}
			h := newVConn(t).Lock()
			h.Unlock()
			mustPanic(t, func() { use(h) })
		})
	}
}

func TestC25ACopyOfAHeldAfterUnlockPanics(t *testing.T) {
	for name, use := range uses {
		t.Run(name, func(t *testing.T) {
			h := newVConn(t).Lock()
			twin := &Held{vc: h.vc, epoch: h.epoch}
			h.Unlock()
			mustPanic(t, func() { use(twin) })
			mustPanic(t, func() { use(&Held{}) })
		})
	}
}

func mustPanic(t *testing.T, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	f()
}

// TestC26 has two goroutines each hold one VConn and want the other's. What the second lock is missed for is left in
// the other's OneWay, which needs none.
func TestC26TwoThatHoldTheirOwnAndWantTheOthersBothGoOn(t *testing.T) {
	rounds := 20_000
	if testing.Short() {
		rounds = 2_000
	}
	for _, c := range []ShardConfig{{}, {Pump: true}} {
		left, right := newBench(t, c), newBench(t, c)
		a, farA := left.open(rounds, &fake{})
		z, farZ := right.open(rounds, &fake{})
		var barrier atomic.Int64
		var wg sync.WaitGroup
		var missed atomic.Int64
		cross := func(mine, other *VConn) {
			source := &mine.own
			way := NewOneWay(other)
			for i := range rounds {
				barrier.Add(1)
				for int(barrier.Load()) < 2*(i+1) {
					runtime.Gosched() // with one processor the other cannot come before
				}
				if !both(mine, other) {
					missed.Add(1)
					if err := way.Put(source, []byte("x")); err != nil {
						t.Error(err)
						return
					}
				}
				other.Reenable()
			}
		}
		wg.Go(func() { cross(a, z) })
		wg.Go(func() { cross(z, a) })
		read(t, farA, rounds)
		read(t, farZ, rounds)
		wg.Wait()
		left.settle()
		right.settle() // what was read may not be counted out yet
		if n := queued(a) + queued(z); n != 0 {
			t.Errorf("got %d bytes too many", n)
		}
		t.Logf("missed %d of %d", missed.Load(), 2*rounds)
		left.stop()
		right.stop()
	}
}

// both locks mine and tries other, into which it puts a byte if it gets it.
func both(mine, other *VConn) bool {
	h := mine.Lock()
	defer h.Unlock()
	o := other.TryLock()
	if o == nil {
		return false
	}
	defer o.Unlock()
	return o.Put([]byte("x")) == nil
}

func TestC27AMissedTryLockIsFollowedUpOnce(t *testing.T) {
	for _, c := range []struct {
		name  string
		at    instant
		taken bool // by the second try
	}{{"before the note", beforeNote, true}, {"between note and second try", afterNote, true}, {"after it", afterMiss, false}} {
		t.Run(c.name, func(t *testing.T) {
			var release atomic.Pointer[func()]
			hooked(t, func(_ *bench, i instant, _ *VConn) {
				if i == c.at {
					if f := release.Swap(nil); f != nil {
						(*f)()
					}
				}
			}, func(b *bench) {
				vc, far := b.open(100, &fake{})
				b.settle()
				other, _ := b.open(1, &fake{})
				held := make(chan struct{})
				unlock, unlocked := make(chan struct{}), make(chan struct{})
				go func() {
					defer close(unlocked)
					h := vc.Lock()
					defer h.Unlock()
					close(held)
					<-unlock
				}()
				await(b, held)
				f := func() { close(unlock); <-unlocked }
				release.Store(&f)
				// The work is left where the Shard looks, without a Reenable.
				if err := NewOneWay(vc).Put(&other.own, []byte("x")); err != nil {
					b.Fatal(err)
				}
				h := vc.TryLock()
				if got := h != nil; got != c.taken {
					b.Fatalf("TryLock: got the lock: %v, want %v", got, c.taken)
				}
				if h != nil {
					h.Unlock()
				}
				if got := read(b, far, 1); got != "x" {
					b.Errorf("got %q", got)
				}
				b.settle()
				if n := queued(vc); n != 0 {
					b.Errorf("left over: %d bytes", n)
				}
			})
		})
	}
}

func TestC27TryLockOfATakenVConnReturnsNilAtOnce(t *testing.T) {
	vc := newVConn(t)
	h := vc.Lock()
	defer h.Unlock()
	if other := vc.TryLock(); other != nil {
		t.Error("got the lock twice")
	}
}

func TestTheHotPathDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector drops what pools hold")
	}
	vc := newVConn(t)
	vc.word.Store(scheduled)
	way := NewOneWay(vc)
	p := make([]byte, 50)
	empty := func() { vc.out.advance(&vc.out.first, vc.out.queued()).send(vc) }
	for name, f := range map[string]func(){
		"Lock":     func() { h := vc.Lock(); h.Unlock() },
		"TryLock":  func() { h := vc.TryLock(); h.Unlock() },
		"Put":      func() { _ = put(vc, p); empty() },
		"Reenable": func() { vc.Reenable() },
		"Reserve": func() {
			r, _ := way.Reserve(&vc.own, 50)
			_ = r.Put(p[:20])
			r.Release()
			empty()
		},
		"OneWay.Put": func() {
			for way.Put(&vc.own, p) == nil {
			}
			empty()
		},
	} {
		if n := testing.AllocsPerRun(1000, f); n != 0 {
			t.Errorf("%s: got %v allocations, want 0", name, n)
		}
	}
}
