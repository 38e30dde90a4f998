//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/sallyport/sallyport/bench/internal/rig"
)

// make describes a proxy in front of backend.
type maker func(b *bench, backend string) (*rig.Proxy, error)

// direct is the server itself.
func direct(_ *bench, backend string) (*rig.Proxy, error) {
	return &rig.Proxy{Name: "direct", Why: "the server itself, without a proxy", Address: backend}, nil
}

func twemproxy(b *bench, backend string) (*rig.Proxy, error) {
	path, err := rig.Find("nutcracker")
	if err != nil {
		return nil, err
	}
	address, err := rig.FreeAddress()
	if err != nil {
		return nil, err
	}
	config := fmt.Sprintf(`alpha:
  listen: %s
  redis: true
  hash: fnv1a_64
  distribution: ketama
  preconnect: true
  server_connections: 1
  backlog: 1024
  servers:
   - %s:1
`, address, backend)
	file, err := rig.Write(b.dir, "nutcracker.yml", config)
	if err != nil {
		return nil, err
	}
	stats, err := rig.FreeAddress()
	if err != nil {
		return nil, err
	}
	_, port, _ := cutAddress(stats)
	return &rig.Proxy{Name: "twemproxy", Version: rig.Version(path, "-V"), Config: config, Address: address,
		Args: []string{path, "-c", file, "-s", port, "-o", os.DevNull},
		Why:  "one connection to the server, as sallyport has; its message buffers have their default size, as larger ones cost it more; without a log"}, nil
}

func haproxy(b *bench, backend string) (*rig.Proxy, error) {
	path, err := rig.Find("haproxy")
	if err != nil {
		return nil, err
	}
	address, err := rig.FreeAddress()
	if err != nil {
		return nil, err
	}
	config := fmt.Sprintf(`global
    nbthread %d
    maxconn %d
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
listen tcp
    bind %s
    maxconn %d
    server backend %s
`, b.o.cores, b.idle(2)+20, address, b.idle(2)+20, backend)
	file, err := rig.Write(b.dir, "haproxy.cfg", config)
	if err != nil {
		return nil, err
	}
	return &rig.Proxy{Name: "HAProxy", Version: rig.Version(path, "-v"), Config: config, Address: address, Args: []string{path, "-db", "-f", file},
		Why: "TCP mode: it looks at nothing, and each client has a connection to the server; without splice, which pays only for larger messages; without a log"}, nil
}

func nginx(b *bench, backend string) (*rig.Proxy, error) {
	path, err := rig.Find("nginx")
	if err != nil {
		return nil, err
	}
	module := "/usr/lib/nginx/modules/ngx_stream_module.so"
	if !rig.Exists(module) {
		return nil, errors.New("nginx has no stream module here (bench/peers.sh installs it on Debian)")
	}
	address, err := rig.FreeAddress()
	if err != nil {
		return nil, err
	}
	config := fmt.Sprintf(`load_module %s;
worker_processes %d;
daemon off;
user root;
pid %s/nginx.pid;
error_log stderr crit;
worker_rlimit_nofile 20000;
events { worker_connections 19000; }
stream {
    access_log off;
    proxy_timeout 1h;
    tcp_nodelay on;
    server { listen %s backlog=1024; proxy_pass %s; }
}
`, module, b.o.cores, b.dir, address, backend)
	file, err := rig.Write(b.dir, "nginx.conf", config)
	if err != nil {
		return nil, err
	}
	return &rig.Proxy{Name: "nginx", Version: rig.Version(path, "-v"), Config: config, Address: address, Args: []string{path, "-p", b.dir, "-c", file},
		Why: "stream module: it looks at nothing, and each client has a connection to the server; without a log"}, nil
}

// route is sallyport with the route that config describes. With 0 cores it takes as many as it finds.
func (b *bench) route(backend, name, why, config string, cores int) (*rig.Proxy, error) {
	address, err := rig.FreeAddress()
	if err != nil {
		return nil, err
	}
	config = fmt.Sprintf("log: { level: warn }\nroutes:\n"+config, address, backend)
	if _, err := rig.Write(b.dir, "orders.schema.json", ordersSchema); err != nil {
		return nil, err
	}
	file, err := rig.Write(b.dir, "sallyport-"+strconv.Itoa(len(config))+"-"+filepath.Base(address)+".yaml", config)
	if err != nil {
		return nil, err
	}
	p := &rig.Proxy{Name: name, Version: rig.Version(b.binary, "version"), Config: config, Address: address, Args: []string{b.binary, "run", "-c", file}, Why: why}
	if cores > 0 {
		p.Env = []string{"GOMAXPROCS=" + strconv.Itoa(cores)}
	}
	return p, nil
}

func respSallyport(b *bench, backend string) (*rig.Proxy, error) {
	return b.route(backend, rig.Ours, "each command is held against the table of commands (arity, what binds a connection), a list of those that are denied, and a pattern for its keys; one connection to the server", respRoute, b.o.cores)
}

// respUnbound is the same with all the threads that it takes when nobody says how many.
func respUnbound(b *bench, backend string) (*rig.Proxy, error) {
	if b.o.cores == runtime.GOMAXPROCS(0) {
		return nil, errors.New("sallyport with as many threads as processors, which is the same")
	}
	p, err := b.route(backend, unbound(), "", respRoute, 0)
	if err == nil {
		p.Config = "" // shown once
	}
	return p, err
}

func unbound() string { return fmt.Sprintf("sallyport, %d threads", runtime.GOMAXPROCS(0)) }

// idle is how many idle clients a proxy with so many descriptors for each can have.
func (b *bench) idle(each int) int { return min(b.o.idle, (rig.RaiseLimit()-600)/each) }
