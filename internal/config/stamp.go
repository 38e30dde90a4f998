package config

import (
	"fmt"
	"os"
	"strings"
)

// Stamp says which versions the files have that f was read from, its own and those that it mentions: it changes when one of
// them is written, replaced, or is not there any more. It looks at no content.
func (f *File) Stamp() string {
	var b strings.Builder
	for _, path := range f.files {
		info, err := os.Stat(path) // of what a symbolic link leads to: whoever swaps the link replaces the file
		if err != nil {
			fmt.Fprintf(&b, "%q is not there\n", path)
			continue
		}
		fmt.Fprintf(&b, "%q %d %d %v\n", path, info.ModTime().UnixNano(), info.Size(), identity(info))
	}
	return b.String()
}
