//go:build unix

package config

import (
	"io/fs"
	"syscall"
)

// identity tells a file from another under its name.
func identity(info fs.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Ino)
	}
	return 0
}
