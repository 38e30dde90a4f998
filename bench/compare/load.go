//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/sallyport/sallyport/bench/internal/rig"
)

var talkFigures = []rig.Figure{{Name: "rate", Unit: "1/s"}, {Name: "processor time", Unit: "us each", Lower: true, Proxy: true}}

// talk has clients speak to p, each with depth requests open, for the time of a load. An answer that is not its client's own
// is an error.
func (b *bench) talk(speech string, p *rig.Proxy, clients, depth int) ([]float64, error) {
	return b.talkBeside(speech, p, clients, depth, p.Used)
}

// talkBeside returns the rate, and the time of the processor for each exchange that each of used says was used.
func (b *bench) talkBeside(speech string, p *rig.Proxy, clients, depth int, used ...func() rig.Usage) ([]float64, error) {
	t, cpu, err := b.generate(p, job{Speech: speech, Clients: clients, Depth: depth, Long: b.o.time}, used...)
	if err != nil {
		return nil, err
	}
	values := []float64{float64(t.Answered) / t.Took.Seconds()}
	for _, c := range cpu {
		values = append(values, float64(c.Microseconds())/float64(t.Answered))
	}
	return values, nil
}

var paceFigures = []rig.Figure{{Name: "median", Unit: "us", Lower: true}, {Name: "99 of 100 within", Unit: "us", Lower: true}, {Name: "999 of 1000 within", Unit: "us", Lower: true}}

// pace has clients send so many requests a second in all, each at a time of its own, and returns how long after that
// time the answers came: a client that had to wait for the answer before pays for it.
func (b *bench) pace(speech string, p *rig.Proxy, clients, rate int) ([]float64, error) {
	t, _, err := b.generate(p, job{Speech: speech, Clients: clients, Rate: rate, Long: b.o.time})
	if err != nil {
		return nil, err
	}
	var values []float64
	for _, late := range t.Late {
		values = append(values, rig.Microseconds(late))
	}
	return values, nil
}

// rest has clients that have each done one exchange stay, and returns how much memory that takes, for each.
func (b *bench) rest(speech string, p *rig.Proxy, n int) ([]float64, error) {
	const settled, atRest = 3 * time.Second, 12 * time.Second
	if err := p.Restart(); err != nil {
		return nil, err
	}
	time.Sleep(settled)
	before := p.Used().Resident
	var each float64
	err := b.withGenerator(job{Speech: speech, Address: p.Address, Clients: n}, func(*bufio.Reader) error {
		time.Sleep(atRest)
		each = float64(p.Used().Resident-before) / float64(n)
		return nil
	})
	time.Sleep(time.Second) // before the next load
	return []float64{each}, err
}

// generate has a generator do j through p, and returns what each of used says was used meanwhile.
func (b *bench) generate(p *rig.Proxy, j job, used ...func() rig.Usage) (t tally, cpu []time.Duration, err error) {
	j.Address = p.Address
	err = b.withGenerator(j, func(out *bufio.Reader) error {
		var before []time.Duration
		for _, u := range used {
			before = append(before, u().CPU)
		}
		line, err := out.ReadBytes('\n')
		for i, u := range used {
			cpu = append(cpu, u().CPU-before[i])
		}
		if err != nil {
			return err
		}
		return json.Unmarshal(line, &t)
	})
	if err == nil && (t.Answered == 0 || t.Took <= 0) {
		err = errors.New("nothing was answered")
	}
	return t, cpu, err
}

// withGenerator starts a generator and calls f when what counts begins. It ends it when f returns.
func (b *bench) withGenerator(j job, f func(out *bufio.Reader) error) (err error) {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(b.ctx, self, generatorCommand, j.asText())
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GOGC=400")
	var said bytes.Buffer
	cmd.Stderr = &said
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	switch {
	case err == io.EOF:
		err = errors.New("the generator has ended")
	case err == nil && line != ready:
		err = fmt.Errorf("the generator said %q", line)
	case err == nil:
		err = f(lines)
	}
	_ = in.Close()
	_, _ = io.Copy(io.Discard, lines) // or its last words find nobody
	if ended := cmd.Wait(); ended != nil {
		return fmt.Errorf("%w: %s", ended, bytes.TrimSpace(said.Bytes()))
	}
	return err
}
