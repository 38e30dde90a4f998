package dialect

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Ref is how a configuration names a dialect: one that is built in, by its name.
type Ref struct{ name string }

// UnmarshalJSON reads the name.
func (r *Ref) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, &r.name) }

// Resolve returns the dialect; of the zero value it is 1987-ascii.
func (r Ref) Resolve() (*Dialect, error) {
	if r.name == "" {
		r.name = names[0]
	}
	d, ok := Find(r.name)
	if !ok {
		return nil, fmt.Errorf("there is no dialect %q; there are %s", r.name, strings.Join(names, ", "))
	}
	return d, nil
}
