//go:build linux

// Package rig is what the benchmarks share: programs that are started beside one another, what the system says that they
// have used, and figures of several rounds.
package rig

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Proxy is a program between clients and a server, or, without Args, nothing.
type Proxy struct {
	Name    string
	Version string
	Config  string // as it is shown
	Why     string // that is fair
	Address string // where it listens
	Args    []string
	Env     []string
	cmd     *exec.Cmd
}

// Runs reports whether it is a program at all.
func (p *Proxy) Runs() bool { return len(p.Args) > 0 }

// Find returns where a program is. Daemons may be outside of a user's path.
func Find(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	if path := "/usr/sbin/" + name; Exists(path) {
		return path, nil
	}
	return "", fmt.Errorf("there is no %s here (bench/peers.sh installs it on Debian)", name)
}

// Exists reports whether there is a file.
func Exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Write makes a file of text in dir, and returns its path.
func Write(dir, name, text string) (string, error) {
	path := filepath.Join(dir, name)
	return path, os.WriteFile(path, []byte(text), 0o644)
}

// Version returns the first line that the program prints about itself.
func Version(path string, args ...string) string {
	out, _ := exec.Command(path, args...).CombinedOutput() // nginx prints it as an error
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return line
}

// FreeAddress returns an address on loopback that nobody listens on.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// Start runs the program, and waits until it listens.
func (p *Proxy) Start(ctx context.Context) error {
	if len(p.Args) == 0 {
		return nil
	}
	p.cmd = exec.CommandContext(ctx, p.Args[0], p.Args[1:]...)
	p.cmd.Env = append(os.Environ(), p.Env...)
	p.cmd.Stderr = os.Stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} // or it would go on when the benchmark is killed
	if err := p.cmd.Start(); err != nil {
		return err
	}
	for range 200 {
		if conn, err := net.Dial("tcp", p.Address); err == nil {
			return conn.Close()
		}
		time.Sleep(20 * time.Millisecond)
	}
	return errors.Join(fmt.Errorf("%s does not listen on %s", p.Name, p.Address), p.cmd.Process.Kill())
}

// Restart has the proxy begin anew, with nothing left of what it did.
func (p *Proxy) Restart() error {
	p.Stop()
	return p.Start(context.Background())
}

// Stop ends it.
func (p *Proxy) Stop() {
	if p.cmd != nil {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		_ = p.cmd.Wait()
	}
}

// Used is what the proxy has used so far.
func (p *Proxy) Used() Usage {
	if p.cmd == nil {
		return Usage{}
	}
	return UsedBy(p.cmd.Process.Pid)
}

// Sallyport builds sallyport into dir.
func Sallyport(dir string) (path string, err error) {
	path = filepath.Join(dir, "sallyport")
	if out, err := exec.Command("go", "build", "-o", path, "github.com/sallyport/sallyport/cmd/sallyport").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
}
