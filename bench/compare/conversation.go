//go:build linux

package main

import (
	"errors"
	"fmt"
)

// conversation is what one client has said and heard, without its connection.
type conversation struct {
	speech   *speech
	number   int
	seq      int    // the first request that is open
	open     int    // requests from there on
	answered int    // of these
	seen     []bool // which
	rest     []byte // of a frame that is not whole
}

var errStrange = errors.New("an answer that is not the client's own, or not to what it has open")

// ask appends depth requests to dst. Those before must be answered.
func (c *conversation) ask(dst []byte, depth int) []byte {
	c.seq += c.open
	c.open, c.answered = depth, 0
	c.seen = append(c.seen[:0], make([]bool, depth)...)
	for i := range depth {
		dst = c.speech.ask(dst, c.number, c.seq+i)
	}
	return dst
}

// over reports whether everything is answered.
func (c *conversation) over() bool { return c.answered == c.open }

// hear takes data, of which it keeps nothing but a copy of a frame that has begun.
func (c *conversation) hear(data []byte) error {
	if len(c.rest) > 0 {
		c.rest = append(c.rest, data...)
		data = c.rest
	}
	for {
		n := c.speech.split(data)
		if n == 0 {
			break
		}
		if err := c.answer(data[:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	c.rest = append(c.rest[:0], data...)
	return nil
}

func (c *conversation) answer(frame []byte) error {
	if !c.over() {
		if seq, ok := c.speech.check(frame, c.number, c.seq, c.open, c.answered); ok && !c.seen[seq-c.seq] {
			c.seen[seq-c.seq] = true
			c.answered++
			return nil
		}
	}
	return fmt.Errorf("%s, client %d: %w: %.200q", c.speech.name, c.number, errStrange, frame)
}
