package tunnel

import (
	"sync"
	"sync/atomic"
)

// Sizes of blocks.
const (
	smallBlock = 4 << 10
	largeBlock = 64 << 10
)

// block is a piece of memory that buffers and readers take when there is something to hold, and give back.
type block struct {
	buf  []byte // len is what the block can hold
	n    int    // bytes in it
	refs int    // cursors that have not passed it
	next *block
}

var smallBlocks = sync.Pool{New: func() any { return &block{buf: make([]byte, smallBlock)} }}

var largeBlocks = sync.Pool{New: func() any { return &block{buf: make([]byte, largeBlock)} }}

// blockWatch counts the blocks that are out and spoils those that are back. Tests set it; otherwise it is nil.
var blockWatch *watch

// watch finds blocks that are used after they were given back, or given back twice.
type watch struct {
	live atomic.Int64
	bad  atomic.Int64
}

const spoiled = 0xdb

// newBlock returns an empty block that can hold n bytes, or as many as the largest kind can.
func newBlock(n int) *block {
	pool := &largeBlocks
	if n <= smallBlock {
		pool = &smallBlocks
	}
	b := pool.Get().(*block)
	if blockWatch != nil {
		blockWatch.taken(b)
	}
	return b
}

// recycle gives b back.
func (b *block) recycle() {
	b.next, b.refs = nil, 0
	b.n = 0
	if blockWatch != nil {
		blockWatch.given(b)
	}
	if len(b.buf) == smallBlock {
		smallBlocks.Put(b)
	} else {
		largeBlocks.Put(b)
	}
}

func (w *watch) taken(b *block) {
	w.live.Add(1)
	for _, c := range b.buf[:b.n] {
		if c != spoiled {
			w.bad.Add(1)
			break
		}
	}
	b.n = 0
}

func (w *watch) given(b *block) {
	w.live.Add(-1)
	for i := range b.buf {
		b.buf[i] = spoiled
	}
	b.n = len(b.buf) // what taken is to check
}
