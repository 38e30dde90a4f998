package config

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/protocol/hl7/profile"
	"github.com/sallyport/sallyport/protocol/iso8583/dialect"
)

// Dialect reads the declaration of a dialect of ISO 8583 in the file at path. The error is a *Error if the file could be read and
// is wrong.
func Dialect(path string, env Env) (d *dialect.Dialect, err error) {
	var ref dialect.Ref
	err = declared(path, env, "dialect", &ref, func() (err error) {
		d, err = ref.Resolve()
		return err
	})
	return d, err
}

// Profile reads the declaration of a profile of HL7 messages in the file at path. The error is a *Error if the file could be read
// and is wrong.
func Profile(path string, env Env) (*profile.Declaration, error) {
	var ref profile.Ref
	err := declared(path, env, "profile", &ref, func() error {
		_, err := ref.Resolve()
		return err
	})
	if err != nil {
		return nil, err
	}
	return ref.Declaration(), nil
}

// declared reads the file at path, which is of a kind, into ref, and has judge say what is wrong there.
func declared(path string, env Env, kind string, ref interface {
	fromFile
	json.Unmarshaler
}, judge func() error) error {
	data, err := readFile(path, maxFile)
	if err != nil {
		return fmt.Errorf("read the %s: %w", kind, err)
	}
	l := &loader{name: path, env: env, open: readFile, of: "the " + kind, hint: ref.FileHint()}
	if l.root = l.read(data); l.root == nil {
		return l.result()
	}
	if err := json.Unmarshal(l.root.marshal(nil, nil), ref); err != nil {
		l.add(nil, l.root.at, strings.TrimPrefix(jsonError(err), "json: "), "sallyport schema --"+kind+" describes the file, and "+ref.FileHint())
		return l.result()
	}
	if err := judge(); err != nil {
		known := slices.Clone(l.mistakes)
		for _, m := range flat(err, "") {
			l.codecMistake(nil, nil, m, known)
		}
	}
	return l.result()
}
