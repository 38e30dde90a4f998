package schema

import (
	"cmp"
	"math"
	"math/big"
	"math/bits"
)

// decimal is a JSON number, exactly: digits times ten to the power. What does not fit is
// in ratio.
type decimal struct {
	digits   uint64
	power    int
	negative bool // never of 0
	ratio    *big.Rat
}

const (
	longestNumber = 32
	largestPower  = 308
)

// number makes a decimal of a JSON number. It allocates only if there are more than 19
// digits that count.
func number(text []byte) (d decimal) {
	if len(text) < len(tens)-1 {
		for _, b := range text {
			if b -= '0'; b > 9 {
				return anyNumber(text)
			}
			d.digits = d.digits*10 + uint64(b)
		}
		return d
	}
	return anyNumber(text)
}

func anyNumber(text []byte) (d decimal) {
	negative := len(text) > 0 && text[0] == '-'
	rest := text
	if negative {
		rest = text[1:]
	}
	fraction, power := false, 0
	for i, b := range rest {
		switch {
		case b == '.':
			fraction = true
		case b|0x20 == 'e':
			power = exponent(rest[i+1:])
			d.power += power
			d.negative = negative && d.digits != 0
			return d
		case d.digits > (math.MaxUint64-9)/10:
			ratio, _ := new(big.Rat).SetString(string(text))
			return decimal{ratio: ratio}
		default:
			d.digits = d.digits*10 + uint64(b-'0')
			if fraction {
				d.power--
			}
		}
	}
	d.negative = negative && d.digits != 0
	return d
}

// exponent is that of text, or one that is far beyond the largest.
func exponent(text []byte) (n int) {
	sign := 1
	for _, b := range text {
		switch b {
		case '-':
			sign = -1
		case '+':
		default:
			n = min(10*n+int(b-'0'), 10*largestPower)
		}
	}
	return sign * n
}

// exact returns d as a ratio.
func (d *decimal) exact() *big.Rat {
	if d.ratio != nil {
		return d.ratio
	}
	r := new(big.Rat).SetInt(new(big.Int).SetUint64(d.digits))
	power := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(abs(d.power))), nil))
	if d.power < 0 {
		r.Quo(r, power)
	} else {
		r.Mul(r, power)
	}
	if d.negative {
		r.Neg(r)
	}
	return r
}

// compare is -1, 0 or 1.
func (d *decimal) compare(o *decimal) int {
	switch {
	case d.power == o.power && d.simple() && o.simple():
		return cmp.Compare(d.digits, o.digits)
	case d.ratio != nil || o.ratio != nil:
		return d.exact().Cmp(o.exact())
	case d.negative != o.negative:
		if d.negative {
			return -1
		}
		return 1
	case d.negative:
		return o.magnitude(d)
	}
	return d.magnitude(o)
}

func (d *decimal) simple() bool { return d.ratio == nil && !d.negative }

// magnitude compares without the signs.
func (d *decimal) magnitude(o *decimal) int {
	x, y := d.digits, o.digits
	switch {
	case d.power == o.power:
	case x == 0 || y == 0:
	case d.power > o.power:
		var ok bool
		if x, ok = scale(x, d.power-o.power); !ok {
			return 1
		}
	default:
		var ok bool
		if y, ok = scale(y, o.power-d.power); !ok {
			return -1
		}
	}
	return cmp.Compare(x, y)
}

// scale is x times ten to the power of n, if that fits.
func scale(x uint64, n int) (uint64, bool) {
	if n >= len(tens) {
		return 0, x == 0
	}
	high, low := bits.Mul64(x, tens[n])
	return low, high == 0
}

// tens are the powers of ten that fit.
var tens = func() (list [20]uint64) {
	list[0] = 1
	for i := 1; i < len(list); i++ {
		list[i] = 10 * list[i-1]
	}
	return list
}()

// whole tells whether d is an integer.
func (d *decimal) whole() bool {
	switch {
	case d.ratio != nil:
		return d.ratio.IsInt()
	case d.power >= 0 || d.digits == 0:
		return true
	case -d.power >= len(tens):
		return false
	}
	return d.digits%tens[-d.power] == 0
}

// multipleOf tells whether d is some integer times o, which is not 0.
func (d *decimal) multipleOf(o *decimal) bool {
	if d.ratio != nil || o.ratio != nil {
		return new(big.Rat).Quo(d.exact(), o.exact()).IsInt()
	}
	if d.digits == 0 {
		return true
	}
	n := d.power - o.power
	if n >= 0 && o.digits == 1 {
		return true
	}
	if n < 0 {
		y, ok := scale(o.digits, -n)
		return ok && d.digits%y == 0
	}
	rest := d.digits % o.digits
	for ; n > 0 && rest != 0; n-- {
		high, low := bits.Mul64(rest, 10)
		rest = bits.Rem64(high, low, o.digits)
	}
	return rest == 0
}

// normal has no digit 0 at its end, so that equal numbers have equal fields.
func (d decimal) normal() decimal {
	if d.digits == 0 {
		return decimal{}
	}
	for d.digits%10 == 0 {
		d.digits /= 10
		d.power++
	}
	return d
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}
