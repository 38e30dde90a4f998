package dialect

import (
	"fmt"
	"strconv"
	"strings"
)

// types are the standard's names of what a content consists of.
var types = [...]string{ANS: "ans", N: "n", A: "a", AN: "an", AS: "as", NS: "ns", Track: "z", Amount: "x+n", Bytes: "b"}

// String returns the standard's name of t.
func (t Type) String() string {
	if int(t) < len(types) {
		return types[t]
	}
	return "invalid"
}

// setForm reads the standard's notation into f: "n 6" has six digits, "ans..25" up to 25 characters behind a length of two
// digits, "x+n 8" a sign and eight digits, "b 64" 64 bits; "b..48" is up to 48 bytes.
func (f *Field) setForm(form string) error {
	letters := strings.TrimRight(form, "0123456789")
	most, err := strconv.Atoi(form[len(letters):])
	if err != nil || most < 1 || most > 999_999 {
		return fmt.Errorf("form: %q does not end with a length from 1 to 999999, as in \"n 6\" or \"ans..25\"", form)
	}
	name := strings.TrimRight(letters, ".")
	f.Digits = len(letters) - len(name)
	name = strings.TrimSpace(name)
	known := false
	for t, n := range types {
		if n == name {
			f.Type, known = Type(t), true
		}
	}
	switch {
	case !known:
		return fmt.Errorf("form: %q begins with none of %s", form, strings.Join(types[:], ", "))
	case f.Digits == 1 || f.Digits > 6:
		return fmt.Errorf("form: %q has %d dots; want as many as the length has digits, from 2 to 6, or none", form, f.Digits)
	case f.Digits > 0 && len(strconv.Itoa(most)) > f.Digits:
		return fmt.Errorf("form: in %q a length of %d digits cannot say %d", form, f.Digits, most)
	}
	if f.Type == Bytes && f.Digits == 0 {
		if most%8 != 0 {
			return fmt.Errorf("form: %q counts bits, which are no whole bytes", form)
		}
		most /= 8
	}
	f.Length = most
	return nil
}

// Form is the reverse.
func (f *Field) Form() string {
	if f.Digits > 0 {
		return f.Type.String() + strings.Repeat(".", f.Digits) + strconv.Itoa(f.Length)
	}
	if f.Type == Bytes {
		return "b " + strconv.Itoa(8*f.Length)
	}
	return f.Type.String() + " " + strconv.Itoa(f.Length)
}
