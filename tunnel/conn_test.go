package tunnel

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/tunnel/tunneltest"
)

func TestUnixSocketsAreServed(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Skip("no unix sockets here: ", err)
	}
	defer l.Close()
	b := newBench(t, ShardConfig{})
	far, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	_ = far.SetDeadline(time.Now().Add(patience))
	near, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	vc, _ := b.shard.New("unix", near, 100, echo{})
	vc.Reenable()
	if got := vc.pump == nil; got != hasPoll() {
		t.Errorf("under poll: got %v, want %v", got, hasPoll())
	}
	write(t, far, "hello")
	if got := read(t, far, 5); got != "hello" {
		t.Errorf("got %q", got)
	}
	finish(vc, nil)
	if _, err := far.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("got %v, want io.EOF", err)
	}
}

func TestTLSIsServedAndAnAbortIsNoOrderlyEnd(t *testing.T) {
	b := newBench(t, ShardConfig{})
	for _, end := range []struct {
		f    func(*VConn, error)
		want error
	}{{finish, io.EOF}, {kill, syscall.ECONNRESET}} {
		near, raw := tcpPair(t)
		_ = raw.SetDeadline(time.Now().Add(patience))
		far := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
		vc, _ := b.shard.New("tls", tls.Server(near, &tls.Config{Certificates: []tls.Certificate{certificate(t)}}), 64<<10, echo{})
		vc.Reenable()
		want := pattern(200_000)
		go func() { _, _ = far.Write(want) }()
		if got := read(t, far, len(want)); got != string(want) {
			t.Error("got other bytes")
		}
		end.f(vc, nil)
		if _, err := far.Read(make([]byte, 1)); !errors.Is(err, end.want) {
			t.Errorf("got %v, want %v", err, end.want)
		}
		_ = far.Close()
	}
}

func certificate(t *testing.T) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestConnectionsThatOnlyCloseAreServed(t *testing.T) {
	b := newBench(t, ShardConfig{})
	near, far := net.Pipe()
	vc, _ := b.shard.New("pipe", near, 100, echo{})
	vc.Reenable()
	go func() { _, _ = far.Write([]byte("hello")) }()
	if got := read(t, far, 5); got != "hello" {
		t.Errorf("got %q", got)
	}
	finish(vc, nil)
	if _, err := far.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("got %v, want io.EOF", err)
	}
}

func TestAFailedWriteEndsTheConnection(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		ended := make(chan error, 1)
		vc, far := b.open(1<<20, &fake{end: func(_ *Owner, err error) { ended <- err }})
		b.settle()
		_ = far.SetLinger(0)
		_ = far.Close()
		for put(vc, make([]byte, 1000)) == nil {
			vc.Reenable()
		}
		if err := await(b, ended); err == nil || err == io.EOF {
			b.Errorf("End: got %v, want an error", err)
		}
		if err := NewOneWay(vc).Err(); err == nil {
			b.Error("the OneWay has not ended")
		}
		kill(vc, nil)
		b.settle()
		none(b, ended, "second End")
		if n := b.load(); n != 0 {
			b.Errorf("connections: got %d, want 0", n)
		}
	})
}

func TestP10ABulkSenderDoesNotStarveTheOthers(t *testing.T) {
	b := newBench(t, ShardConfig{})
	biggest, total := 0, 0
	begun := make(chan struct{})
	_, bulk := b.open(1, &fake{data: func(_ *Owner, p []byte) int {
		if total == 0 {
			close(begun)
		}
		biggest = max(biggest, len(p))
		total += len(p)
		return len(p)
	}})
	done := make(chan struct{})
	go func() {
		defer close(done)
		p := make([]byte, 1<<20)
		for {
			if _, err := bulk.Write(p); err != nil {
				return
			}
		}
	}()
	_, far := b.open(100, echo{})
	await(t, begun)
	for range 200 {
		write(t, far, "ping")
		read(t, far, 4)
	}
	_ = bulk.Close()
	await(t, done)
	b.stop()
	if biggest > quantum || total == 0 {
		t.Errorf("read at once: got %d of %d, want at most %d", biggest, total, quantum)
	}
}

func TestLeftCountsWhatThePeerMayHaveSeen(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		vc, far := b.open(8<<20, &fake{})
		b.settle()
		send(b, vc, []byte("hello"))
		read(b, far, 5)
		b.settle()
		if n := left(vc); n != 5 {
			b.Errorf("Left: got %d, want 5", n)
		}
		want := pattern(8 << 20) // more than the peer takes unread
		send(b, vc, want)
		b.settle()
		kill(vc, nil)
		n := left(vc)
		if n <= 5 || n >= int64(5+len(want)) {
			b.Errorf("Left: got %d, want a part of %d", n, 5+len(want))
		}
		got, _ := io.ReadAll(far)
		if int64(5+len(got)) > n || !bytes.HasPrefix(want, got) {
			b.Errorf("the peer has seen %d bytes, Left says %d", 5+len(got), n)
		}
		b.settle()
		if m := left(vc); m > n {
			b.Errorf("Left after the abort: got %d, want no more than %d", m, n)
		}
	})
}

func left(vc *VConn) int64 {
	h := vc.Lock()
	defer h.Unlock()
	return h.Left()
}

func TestPumpTakesWhatIsLongerThanAParkedReadWaitsFor(t *testing.T) {
	for _, n := range []int{60, 61, 62, 61 + smallBlock, 61 + smallBlock + largeBlock + 1} {
		near, far := tunneltest.Pipe(1 << 20)
		b := newBench(t, ShardConfig{Pump: true})
		got := 0
		all := make(chan struct{})
		vc, _ := b.shard.New("test", near, 1, &fake{data: func(_ *Owner, p []byte) int {
			if len(p) == n {
				got = len(p)
				close(all)
				return n
			}
			return 0
		}})
		write(t, far, string(pattern(n)))
		vc.Reenable()
		await(t, all)
		b.stop()
		_ = far.Close()
		if got != n {
			t.Errorf("got %d bytes, want %d", got, n)
		}
	}
}
