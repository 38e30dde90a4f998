// Package config reads the YAML file that describes a gateway. It reports all that is
// wrong with it at once, each mistake with its line and column.
//
// The way through a file is: tokens, counted before anything is built; a tree of nodes
// with positions, in which ${...} is expanded; the JSON Schema, generated from the same
// structs that the file is decoded into; then what only the codecs, the rules and the
// gateway can judge. A mistake hides what follows from it and nothing else.
package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/internal/certs"
)

// Env looks up a variable, as os.LookupEnv does.
type Env func(name string) (string, bool)

// File is a configuration that was read and found right.
type File struct {
	// Name is what the file is called in error messages.
	Name string
	// Log is what the file says about the program's log.
	Log Log
	// Admin is where the program tells of itself.
	Admin Admin

	gateway gateway.Config
	files   []string // that it was read from
	taken   string   // their versions
	stores  []*certs.Store
}

// Admin is where the program tells of itself, and to whom.
type Admin struct {
	// Listen is host:port or unix:/path; empty: nowhere.
	Listen string
	// Token is for those who change something over TCP, ReadToken for those who read. Empty: nobody has it.
	Token, ReadToken string
	// OpenMetrics has metrics told without a token, Pprof the program profiled.
	OpenMetrics, Pprof bool
}

// Log says how the program logs.
type Log struct {
	// Level is the name of a logrus level, "info" by default.
	Level string
	// Format is "text", by default, or "json".
	Format string
	// Messages logs a line for each request that was verified.
	Messages bool
}

// Load reads the file at path. The error is a *Error if the file could be read and is
// wrong. Env answers ${NAME}; it may be nil, and then no variable is set.
func Load(path string, env Env) (*File, error) { return load(path, env, nil) }

// Again reads the file of f again, as Load does. What has the same certificates has them from f, with what their files say by
// now.
func (f *File) Again(env Env) (*File, error) { return load(f.Name, env, f.stores) }

func load(path string, env Env, stores []*certs.Store) (*File, error) {
	taken := version(path)
	data, err := readFile(path, maxFile)
	if errors.Is(err, errTooLarge) {
		return nil, &Error{Mistakes: []Mistake{{File: path, Line: 1, Column: 1, Message: tooLarge}}}
	}
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	return newFile(path, data, taken, env, stores)
}

// Parse reads data, which is the content of a file called name. Files that it mentions
// are relative to the folder of name. The error is a *Error that holds every mistake.
func Parse(name string, data []byte, env Env) (*File, error) {
	return newFile(name, data, version(name), env, nil)
}

// newFile is Parse of the version of the file that taken says.
func newFile(name string, data []byte, taken string, env Env, stores []*certs.Store) (*File, error) {
	l := &loader{name: name, env: env, had: stores}
	files := []string{name}
	l.open = func(path string, limit int64) ([]byte, error) {
		files, taken = append(files, path), taken+version(path)
		return readFile(path, limit)
	}
	f, err := l.load(data)
	if f != nil {
		f.files, f.taken = files, taken
	}
	return f, err
}

// Stores returns the certificates that the file names, of listeners and of backends. They are in use as the Config is.
func (f *File) Stores() []*certs.Store { return f.stores }

// Config returns what the file describes. Config.Log is nil: the program has the logger.
func (f *File) Config() gateway.Config { return f.gateway }

// loader is one file on its way.
type loader struct {
	name string
	env  Env
	open func(path string, limit int64) ([]byte, error)
	of   string // what the file is, where it is no configuration
	hint string // what such a file must look like

	root     *node
	mistakes []found
	secrets  []string // values that came from the environment or from files

	stores    []*certs.Store
	had       []*certs.Store // that may be taken over
	documents [][]byte       // files that the route which is being built was made with, beside its own
}

func (l *loader) load(data []byte) (*File, error) {
	f := &File{Name: l.name}
	if l.root = l.read(data); l.root != nil {
		l.include()
		coerce(l.root, documentType)
		l.conform()
		l.build(f)
		f.stores = l.stores
	}
	if err := l.result(); err != nil {
		return nil, err
	}
	return f, nil
}

// near returns path, relative to the folder of the file.
func (l *loader) near(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(l.name), path)
}

var (
	errTooLarge   = errors.New("it is too large")
	errNotRegular = errors.New("it is not a regular file")
)

// readFile reads the file at path, which must be a regular one: a pipe or a device
// could make the program wait for ever. "-" is standard input.
func readFile(path string, limit int64) ([]byte, error) {
	if path == "-" {
		return readAll(os.Stdin, limit)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, plain(err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w", path, errNotRegular)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, plain(err)
	}
	defer f.Close()
	return readAll(f, limit)
}

func readAll(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, errTooLarge
	}
	return data, nil
}

// plain leaves out the name of the system call, which helps nobody.
func plain(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s: %w", pe.Path, pe.Err)
	}
	return err
}
