//go:build linux

package main

import (
	_ "embed"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/sallyport/sallyport/bench/internal/rig"
)

//go:embed limit/limit.c
var limitSource string

// limit is a program that only frames, forwards and pairs by order, with one epoll loop and one connection to the server:
// what nobody who does more can go below.
func (b *bench) limit(_ *bench, backend string) (*rig.Proxy, error) {
	cc, err := exec.LookPath("cc")
	if err != nil {
		return nil, errors.New("there is no cc here, which the limit is compiled with (Debian: gcc)")
	}
	source, err := rig.Write(b.dir, "limit.c", limitSource)
	if err != nil {
		return nil, err
	}
	program := filepath.Join(b.dir, "limit")
	if out, err := exec.Command(cc, "-O2", "-o", program, source).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("cc: %w\n%s", err, out)
	}
	address, err := rig.FreeAddress()
	if err != nil {
		return nil, err
	}
	_, port, _ := cutAddress(address)
	_, to, _ := cutAddress(backend)
	return &rig.Proxy{Name: "limit", Version: "bench/compare/limit/limit.c", Address: address, Args: []string{program, port, to}}, nil
}
