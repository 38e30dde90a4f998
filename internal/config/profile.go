package config

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/sallyport/sallyport/protocol/hl7/profile"
)

// Profile reads the declaration of a profile of HL7 messages in the file at path. The error is a *Error if the file could be read
// and is wrong.
func Profile(path string, env Env) (*profile.Declaration, error) {
	data, err := readFile(path, maxFile)
	if err != nil {
		return nil, fmt.Errorf("read the profile: %w", err)
	}
	l := &loader{name: path, env: env, open: readFile}
	if l.root = l.read(data); l.root == nil {
		return nil, l.result()
	}
	var ref profile.Ref
	if err := json.Unmarshal(l.root.marshal(nil, nil), &ref); err != nil {
		l.add(nil, l.root.at, jsonError(err), "sallyport schema --profile describes the file")
		return nil, l.result()
	}
	_, err = ref.Resolve()
	if err == nil {
		return ref.Declaration(), l.result()
	}
	known := slices.Clone(l.mistakes)
	for _, m := range flat(err, "") {
		l.codecMistake(nil, nil, m, known)
	}
	return nil, l.result()
}
