package gateway

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"
)

// mirrorFile is a file that copies are appended to. One goroutine writes; nobody else
// is expected to, but whoever keeps logs may rename it or cut it to nothing.
type mirrorFile struct {
	path   string
	format MirrorFormat
	looked time.Time // when it was last seen at its path
	ended  chan struct{}
	once   sync.Once

	mu     sync.Mutex
	file   *os.File // changed by the writer alone
	closed bool
}

// rotation is how often the file is looked for at its path, at most.
const rotation = time.Second

// openMirrorFile opens the file at path to append to it. What stands there must be a
// regular file: a pipe could block, and a link lead elsewhere.
func openMirrorFile(path string, format MirrorFormat) (target, error) {
	f := &mirrorFile{path: path, format: format, ended: make(chan struct{})}
	if err := f.open(); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *mirrorFile) open() error {
	info, err := os.Lstat(f.path)
	if err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", f.path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(f.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if f.format == MirrorLines {
		err = mend(file)
	}
	if err == nil {
		err = f.take(file)
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	f.looked = time.Now()
	return nil
}

// take makes file the one that is written to, unless close has been called.
func (f *mirrorFile) take(file *os.File) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return os.ErrClosed
	}
	f.file = file
	return nil
}

// mend ends a line that was cut off, by whatever ended the program that wrote it.
func mend(file *os.File) error {
	info, err := file.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	var last [1]byte
	if _, err := file.ReadAt(last[:], info.Size()-1); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if last[0] == '\n' {
		return nil
	}
	_, err = file.Write([]byte{'\n'})
	return err
}

// write writes p. Where a message begins it may do so to another file: one that has come
// in the place of the first.
func (f *mirrorFile) write(p []byte, whole bool) (int, error) {
	if whole {
		if err := f.follow(); err != nil {
			return 0, err
		}
	}
	return f.file.Write(p)
}

// cut takes back the beginning of a message for which the disk had no room.
func (f *mirrorFile) cut(n int64) {
	if info, err := f.file.Stat(); err == nil && n > 0 && info.Size() >= n {
		_ = f.file.Truncate(info.Size() - n) // if not, a line is mended when the file is opened next
	}
}

// follow opens the file anew if it is no longer what stands at its path.
func (f *mirrorFile) follow() error {
	if time.Since(f.looked) < rotation {
		return nil
	}
	f.looked = time.Now()
	there, err := os.Lstat(f.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	here, statErr := f.file.Stat()
	if statErr != nil {
		return statErr
	}
	if err == nil && os.SameFile(there, here) {
		return nil
	}
	old := f.file
	if err := f.open(); err != nil {
		return err
	}
	return old.Close()
}

// read waits for close: a file does not end by itself.
func (f *mirrorFile) read() error {
	<-f.ended
	return nil
}

func (f *mirrorFile) finish() { f.end() }
func (f *mirrorFile) end()    { f.once.Do(func() { close(f.ended) }) }

func (f *mirrorFile) close() {
	f.end()
	f.mu.Lock()
	f.closed = true
	file := f.file
	f.mu.Unlock()
	_ = file.Close()
}
