//go:build linux

package main

import (
	"fmt"
	"strconv"

	"github.com/sallyport/sallyport/bench/internal/rig"
)

// direct is the server itself.
func direct(_, backend string, _ *options) (*rig.Proxy, error) {
	return &rig.Proxy{Name: "direct", Why: "the server itself, without a proxy: what the ends can do", Address: backend}, nil
}

func haproxy(dir, backend string, o *options) (*rig.Proxy, error) {
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
	file, err := rig.Write(dir, "haproxy.cfg", config)
	if err != nil {
		return nil, err
	}
	return &rig.Proxy{Name: "HAProxy", Version: rig.Version(path, "-v"), Config: config, Address: address, Args: []string{path, "-db", "-f", file},
		Why: "TCP mode with splice both ways and pipes of 1 MiB, which is what its manual has for bulk; without a log"}, nil
}

func nginx(dir, backend string, o *options) (*rig.Proxy, error) {
	path, err := rig.Find("nginx")
	if err != nil {
		return nil, err
	}
	address, err := rig.FreeAddress()
	if err != nil {
		return nil, err
	}
	module := ""
	if m := "/usr/lib/nginx/modules/ngx_stream_module.so"; rig.Exists(m) {
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
	file, err := rig.Write(dir, "nginx.conf", config)
	if err != nil {
		return nil, err
	}
	return &rig.Proxy{Name: "nginx", Version: rig.Version(path, "-v"), Config: config, Address: address, Args: []string{path, "-p", dir, "-c", file},
		Why: "stream module, which has no splice, so with a buffer of 64 KiB in place of its 16; without a log"}, nil
}

func sallyport(dir, backend string, o *options) (*rig.Proxy, error) {
	binary, err := rig.Sallyport(dir)
	if err != nil {
		return nil, err
	}
	address, err := rig.FreeAddress()
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
	file, err := rig.Write(dir, "sallyport.yaml", config)
	if err != nil {
		return nil, err
	}
	return &rig.Proxy{Name: "sallyport", Version: rig.Version(binary, "version"), Config: config, Address: address, Args: []string{binary, "run", "-c", file},
		Env: []string{"GOMAXPROCS=" + strconv.Itoa(o.cores)}, Why: "a relay route as it comes; without a log of connections, as the others"}, nil
}
