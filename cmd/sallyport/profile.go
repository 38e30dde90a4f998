//go:build profile

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"time"
)

// With the tag profile the program writes, each second, a profile of its processor time into the directory that
// SALLYPORT_PROFILE names. bench/profile.sh makes default.pgo of them, after which the compiler arranges the hot path.
func init() {
	dir := os.Getenv("SALLYPORT_PROFILE")
	if dir == "" {
		return
	}
	go func() {
		for n := 0; ; n++ {
			if err := profile(filepath.Join(dir, fmt.Sprintf("%d-%d.pprof", os.Getpid(), n)), time.Second); err != nil {
				fmt.Fprintln(os.Stderr, "profile:", err)
				return
			}
		}
	}()
}

func profile(path string, d time.Duration) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := pprof.StartCPUProfile(file); err != nil {
		return err
	}
	<-time.After(d)
	pprof.StopCPUProfile()
	return nil
}
