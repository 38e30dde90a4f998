package gateway

import (
	"math/bits"
	"time"
)

// tempo is how long answers took: in all, and in the last minute. It belongs to a diary.
type tempo struct {
	all    spread   // but for the slices
	slices []spread // the last minute and a little more, in slices; nil until something is added
	now    int64    // which slice is being filled, counted from the beginning
	at     int      // where that is
	until  moment   // when the next one begins
	most   [timeSlices]time.Duration
}

const (
	timeSlice  = 10 * time.Second
	timeSlices = 7
)

// spread counts times by their length: each power of two of microseconds is divided in eight, so that what is read out is
// at most an eighth too great.
type spread struct {
	counts [8 * spreadPowers]uint64
	sum    time.Duration
}

// spreadPowers is up to more than an hour.
const spreadPowers = 30

// add counts d, which ended at.
func (t *tempo) add(d time.Duration, at moment) {
	if at >= t.until || t.slices == nil {
		if t.slices == nil {
			t.slices, t.now = make([]spread, timeSlices), sliceOf(at)-1
		}
		t.turn(at)
	}
	d = max(d, 1) // what has a sum has something in it
	s := &t.slices[t.at]
	s.counts[spreadIndex(d)]++
	s.sum += d
	t.most[t.at] = max(t.most[t.at], d)
}

// sliceOf returns in which slice of all time a moment lies, which in a test may be before the beginning, and sliceAt where that
// slice is kept.
func sliceOf(at moment) int64 { return int64(at) / int64(timeSlice) }

func sliceAt(slice int64) int { return int((slice%timeSlices + timeSlices) % timeSlices) }

// turn begins the slice of at, unless a later one has begun.
func (t *tempo) turn(at moment) {
	now := sliceOf(at)
	if now <= t.now || t.slices == nil {
		return
	}
	for n := max(t.now, now-timeSlices) + 1; n <= now; n++ {
		i := sliceAt(n)
		t.all.join(&t.slices[i])
		t.slices[i], t.most[i] = spread{}, 0
	}
	t.now, t.at, t.until = now, sliceAt(now), moment(now+1)*moment(timeSlice)
}

// recent adds the last minute to sum, and returns the longest of it.
func (t *tempo) recent(sum *spread, at moment) (most time.Duration) {
	t.turn(at)
	for i := range t.slices {
		if i == sliceAt(t.now+1) {
			continue // older than a minute
		}
		sum.join(&t.slices[i])
		most = max(most, t.most[i])
	}
	return most
}

// total adds all that there was to sum.
func (t *tempo) total(sum *spread) {
	sum.join(&t.all)
	for i := range t.slices {
		sum.join(&t.slices[i])
	}
}

func (s *spread) join(o *spread) {
	if o.sum == 0 {
		return
	}
	for i, n := range o.counts {
		s.counts[i] += n
	}
	s.sum += o.sum
}

// durations is s at each power of two of microseconds, from 128 µs to 67 s.
func (s *spread) durations() Durations {
	d := Durations{Sum: s.sum, Upto: map[time.Duration]uint64{}}
	for i, n := range s.counts {
		d.Count += n
		if bound := spreadBound(i); i%8 == 7 && bound >= 128*time.Microsecond && bound <= 70*time.Second {
			d.Upto[bound] = d.Count
		}
	}
	return d
}

func (s *spread) count() (n uint64) {
	for _, c := range s.counts {
		n += c
	}
	return n
}

// quantile returns a time that the share q of all is not longer than; 0 if there are none.
func (s *spread) quantile(q float64) time.Duration {
	rest := int64(q*float64(s.count()) + 0.5)
	for i, c := range s.counts {
		if rest -= int64(c); c > 0 && rest <= 0 {
			return spreadBound(i)
		}
	}
	return 0
}

// spreadIndex is where d is counted: of the microseconds that it has begun, the highest bit and the three below it.
func spreadIndex(d time.Duration) int {
	us := uint64(max(d, 1)+time.Microsecond-1) / uint64(time.Microsecond)
	us-- // what is exactly a bound is counted below it
	if us < 8 {
		return int(us)
	}
	power := bits.Len64(us) - 4
	return min(8*(power+1)+int(us>>power&7), len(spread{}.counts)-1)
}

// spreadBound is the longest time that is counted at i.
func spreadBound(i int) time.Duration {
	if i < 8 {
		return time.Duration(i+1) * time.Microsecond
	}
	power := i/8 - 1
	return time.Duration(uint64(8+i%8+1)<<power) * time.Microsecond
}
