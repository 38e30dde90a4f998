// Command bulk is an archive of images, and a client of it, to be put behind and in front of the gateway that
// sallyport.yaml declares. The archive keeps nothing: it answers with the checksum of what it got, and gives an image
// that it makes up when it is asked for one.
package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"hash"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
)

const usage = `bulk is an archive of images, and a client of it:

    bulk archive [-listen 127.0.0.1:7301]
    bulk put     [-to 127.0.0.1:7300] [-size 2147483648]
    bulk get     [-to 127.0.0.1:7300] [-size 2147483648]
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bulk:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		args = []string{"-h"}
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(flags.Output(), usage) }
	listen := flags.String("listen", "127.0.0.1:7301", "where the archive listens")
	to := flags.String("to", "127.0.0.1:7300", "where the client connects")
	size := flags.Int64("size", 2<<30, "bytes of the image")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	switch args[0] {
	case "archive":
		l, err := net.Listen("tcp", *listen)
		if err != nil {
			return err
		}
		context.AfterFunc(ctx, func() { _ = l.Close() })
		fmt.Fprintln(out, "the archive listens on", l.Addr())
		serve(l)
		return nil
	case "put", "get":
		conn, err := net.Dial("tcp", *to)
		if err != nil {
			return err
		}
		defer conn.Close()
		return ask(conn, args[0], *size, out)
	}
	return fmt.Errorf("there is no %q\n%s", args[0], usage)
}

// header is what stands in front of an image: length, operation, id and status.
type header struct {
	op, id, status string
	size           int64 // of the image
}

const fixed = 16

func (h header) write(w io.Writer) error {
	head := binary.BigEndian.AppendUint32(nil, uint32(fixed+h.size))
	head = fmt.Appendf(head, "%-4s%8s%4s", h.op, h.id, h.status)
	_, err := w.Write(head)
	return err
}

func read(r io.Reader) (h header, err error) {
	var head [4 + fixed]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return h, err
	}
	h.size = int64(binary.BigEndian.Uint32(head[:])) - fixed
	h.op, h.id, h.status = string(head[4:8]), string(head[8:16]), string(head[16:20])
	return h, nil
}

// image writes size bytes that differ from those elsewhere, and returns their checksum.
func image(w io.Writer, size int64) ([]byte, error) {
	sum := sha256.New()
	block := make([]byte, 1<<20)
	for i := range block {
		block[i] = byte(i * 7 >> 3)
	}
	for n := uint64(0); size > 0; n++ {
		binary.BigEndian.PutUint64(block, n)
		part := block[:min(size, int64(len(block)))]
		sum.Write(part)
		if _, err := w.Write(part); err != nil {
			return nil, err
		}
		size -= int64(len(part))
	}
	return sum.Sum(nil), nil
}

// serve is the archive, until l is closed.
func serve(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			_ = answer(conn) // the peer has left
		}()
	}
}

func answer(conn net.Conn) error {
	r := bufio.NewReaderSize(conn, 256<<10)
	for {
		h, err := read(r)
		if err != nil {
			return err
		}
		sum := sha256.New()
		wanted, err := receive(r, h, sum)
		if err != nil {
			return err
		}
		if h.op == "GET " {
			if err := (header{h.op, h.id, "0000", wanted}).write(conn); err != nil {
				return err
			}
			if _, err := image(conn, wanted); err != nil {
				return err
			}
			continue
		}
		text := hex.EncodeToString(sum.Sum(nil))
		if err := (header{h.op, h.id, "0000", int64(len(text))}).write(conn); err != nil {
			return err
		}
		if _, err := io.WriteString(conn, text); err != nil {
			return err
		}
	}
}

// receive takes an image, or the size of the one that is wanted.
func receive(r io.Reader, h header, sum hash.Hash) (wanted int64, err error) {
	if h.op != "GET " {
		_, err = io.CopyN(sum, r, h.size)
		return 0, err
	}
	text := make([]byte, min(h.size, 20))
	if _, err := io.ReadFull(r, text); err != nil {
		return 0, err
	}
	return strconv.ParseInt(string(text), 10, 64)
}

// ask puts an image, or gets one, and compares the checksums.
func ask(conn net.Conn, op string, size int64, out io.Writer) error {
	h := header{op: "PUT", id: "00000001", status: "0000", size: size}
	text := strconv.FormatInt(size, 10)
	if op == "get" {
		h.op, h.size = "GET", int64(len(text))
	}
	if err := h.write(conn); err != nil {
		return err
	}
	var want []byte
	var err error
	if op == "get" {
		if _, err = io.WriteString(conn, text); err == nil {
			want, err = image(io.Discard, size)
		}
	} else {
		want, err = image(conn, size)
	}
	if err != nil {
		return err
	}
	r := bufio.NewReaderSize(conn, 256<<10)
	h, err = read(r)
	if err != nil {
		return err
	}
	got := make([]byte, 0)
	if op == "get" {
		sum := sha256.New()
		if _, err := io.CopyN(sum, r, h.size); err != nil {
			return err
		}
		got = sum.Sum(got)
	} else {
		text := make([]byte, min(h.size, 1<<10))
		if _, err := io.ReadFull(r, text); err != nil {
			return err
		}
		if got, err = hex.DecodeString(string(text)); err != nil {
			return fmt.Errorf("status %s: %s", h.status, text)
		}
	}
	if h.status != "0000" || string(got) != string(want) {
		return fmt.Errorf("status %s, checksum %x, want %x", h.status, got, want)
	}
	fmt.Fprintf(out, "%s: %d bytes, checksum %x is right\n", op, size, got)
	return nil
}
