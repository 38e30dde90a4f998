package config

import (
	"fmt"
	"os"
	"strings"
)

// version says which version of a file there is, without a look at its content: it changes when the file is written, replaced, or
// is not there any more.
func version(path string) string {
	info, err := os.Stat(path) // of what a symbolic link leads to: whoever swaps the link replaces the file
	if err != nil {
		return fmt.Sprintf("%q is not there\n", path)
	}
	return fmt.Sprintf("%q %d %d %v\n", path, info.ModTime().UnixNano(), info.Size(), identity(info))
}

// Stamp says which versions there are now of the files that f was read from, its own and those that it mentions.
func (f *File) Stamp() string {
	var b strings.Builder
	for _, path := range f.files {
		b.WriteString(version(path))
	}
	return b.String()
}

// Taken is the Stamp of the versions that f was read from.
func (f *File) Taken() string { return f.taken }
