//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// proxy is a program between the client and the server, or, without a command, nothing.
type proxy struct {
	name    string
	version string
	config  string // as it is shown
	why     string // that is fair
	address string
	args    []string
	env     []string
	cmd     *exec.Cmd
}

// direct is the server itself.
func direct(_, backend string, _ *options) (*proxy, error) {
	return &proxy{name: "direct", why: "the server itself, without a proxy: what the ends can do", address: backend}, nil
}

func haproxy(dir, backend string, o *options) (*proxy, error) {
	path, err := find("haproxy")
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	config := fmt.Sprintf(`global
    nbthread %d
    maxconn %d
    maxpipes %d
    tune.pipesize 1048576
defaults
    mode tcp
    option splice-request
    option splice-response
    timeout connect 5s
    timeout client 1h
    timeout server 1h
listen relay
    bind %s
    maxconn %d
    server backend %s
`, o.cores, o.idle+20, pipes, address, o.idle+20, backend)
	file, err := write(dir, "haproxy.cfg", config)
	if err != nil {
		return nil, err
	}
	return &proxy{name: "HAProxy", version: version(path, "-v"), config: config, address: address, args: []string{path, "-db", "-f", file},
		why: "TCP mode with splice both ways and pipes of 1 MiB, which is what its manual has for bulk; without a log"}, nil
}

func nginx(dir, backend string, o *options) (*proxy, error) {
	path, err := find("nginx")
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	module := ""
	if m := "/usr/lib/nginx/modules/ngx_stream_module.so"; exists(m) {
		module = "load_module " + m + ";\n"
	}
	config := fmt.Sprintf(`%sworker_processes %d;
daemon off;
user root;
pid %s/nginx.pid;
error_log stderr warn;
worker_rlimit_nofile %d;
events { worker_connections %d; }
stream {
    access_log off;
    proxy_buffer_size 64k;
    proxy_timeout 1h;
    tcp_nodelay on;
    server { listen %s; proxy_pass %s; }
}
`, module, o.cores, dir, 2*o.idle+spare, 2*o.idle+spare, address, backend)
	file, err := write(dir, "nginx.conf", config)
	if err != nil {
		return nil, err
	}
	return &proxy{name: "nginx", version: version(path, "-v"), config: config, address: address, args: []string{path, "-p", dir, "-c", file},
		why: "stream module, which has no splice, so with a buffer of 64 KiB in place of its 16; without a log"}, nil
}

func sallyport(dir, backend string, o *options) (*proxy, error) {
	binary := filepath.Join(dir, "sallyport")
	if out, err := exec.Command("go", "build", "-o", binary, "github.com/sallyport/sallyport/cmd/sallyport").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w\n%s", err, out)
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	config := fmt.Sprintf(`log: { level: error }
routes:
  - name: relay
    kind: relay
    listen: %s
    limits: { connections: %d }
    backend: { address: %s }
`, address, o.idle+20, backend)
	file, err := write(dir, "sallyport.yaml", config)
	if err != nil {
		return nil, err
	}
	return &proxy{name: "sallyport", version: version(binary, "version"), config: config, address: address, args: []string{binary, "run", "-c", file},
		env: []string{"GOMAXPROCS=" + strconv.Itoa(o.cores)}, why: "a relay route as it comes; without a log of connections, as the others"}, nil
}

// find returns where a program is. Daemons may be outside of a user's path.
func find(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	if path := "/usr/sbin/" + name; exists(path) {
		return path, nil
	}
	return "", fmt.Errorf("there is no %s here (bench/tunnel/peers.sh installs it on Debian)", name)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func write(dir, name, text string) (string, error) {
	path := filepath.Join(dir, name)
	return path, os.WriteFile(path, []byte(text), 0o644)
}

// version returns the first line that the program prints about itself.
func version(path string, args ...string) string {
	out, _ := exec.Command(path, args...).CombinedOutput() // nginx prints it as an error
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return line
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func (p *proxy) start(ctx context.Context) error {
	if len(p.args) == 0 {
		return nil
	}
	p.cmd = exec.CommandContext(ctx, p.args[0], p.args[1:]...)
	p.cmd.Env = append(os.Environ(), p.env...)
	p.cmd.Stderr = os.Stderr
	if err := p.cmd.Start(); err != nil {
		return err
	}
	for range 200 {
		if conn, err := net.Dial("tcp", p.address); err == nil {
			return conn.Close()
		}
		time.Sleep(20 * time.Millisecond)
	}
	return errors.Join(fmt.Errorf("%s does not listen on %s", p.name, p.address), p.cmd.Process.Kill())
}

// restart has the proxy begin anew, with nothing left of what it did.
func (p *proxy) restart() error {
	p.stop()
	return p.start(context.Background())
}

func (p *proxy) stop() {
	if p.cmd != nil {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		_ = p.cmd.Wait()
	}
}

// used is what the proxy has used so far.
func (p *proxy) used() usage {
	if p.cmd == nil {
		return usage{}
	}
	return used(p.cmd.Process.Pid)
}
