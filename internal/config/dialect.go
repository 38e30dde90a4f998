package config

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/protocol/iso8583/dialect"
)

// Dialect reads the declaration of a dialect of ISO 8583 in the file at path. The error is a *Error if the file could be read and is wrong.
func Dialect(path string, env Env) (*dialect.Dialect, error) {
	data, err := readFile(path, maxFile)
	if err != nil {
		return nil, fmt.Errorf("read the dialect: %w", err)
	}
	var ref dialect.Ref
	l := &loader{name: path, env: env, open: readFile, of: "the dialect", hint: ref.FileHint()}
	if l.root = l.read(data); l.root == nil {
		return nil, l.result()
	}
	if err := json.Unmarshal(l.root.marshal(nil, nil), &ref); err != nil {
		l.add(nil, l.root.at, strings.TrimPrefix(jsonError(err), "json: "), "sallyport schema --dialect describes the file, and "+ref.FileHint())
		return nil, l.result()
	}
	d, err := ref.Resolve()
	if err == nil {
		return d, nil
	}
	known := slices.Clone(l.mistakes)
	for _, m := range flat(err, "") {
		l.codecMistake(nil, nil, m, known)
	}
	return nil, l.result()
}
