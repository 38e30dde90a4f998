package er7

// AppendUnescaped appends raw with its escape sequences replaced: \F\ \S\ \T\ \R\ \E\ and \P\ by the delimiters, \Xhh\ by the
// bytes, \.br\ by a line feed; \H\ and \N\, which say how it looks, are left out. Others stay as they stand.
func (t *Text) AppendUnescaped(dst, raw []byte) []byte {
	w := walker{set: t.Set}
	for i := 0; i < len(raw); {
		if n := w.skip(raw[i:]); n > 0 {
			dst = append(dst, raw[i:i+n]...)
			i += n
			continue
		}
		if raw[i] != t.Delims.Escape {
			dst = append(dst, raw[i])
			i++
			continue
		}
		end := t.sequenceEnd(raw, i)
		if end < 0 {
			return append(dst, raw[i:]...)
		}
		var known bool
		if dst, known = t.Delims.appendSequence(dst, raw[i+1:end]); !known {
			dst = append(dst, raw[i:end+1]...)
		}
		i = end + 1
	}
	return dst
}

// BadEscape finds the first escape sequence in raw that has no end, or that the standard does not know (2.7.1): its place, or -1.
func (t *Text) BadEscape(raw []byte) int {
	w := walker{set: t.Set}
	for i := 0; i < len(raw); {
		if n := w.skip(raw[i:]); n > 0 {
			i += n
			continue
		}
		if raw[i] != t.Delims.Escape {
			i++
			continue
		}
		end := t.sequenceEnd(raw, i)
		if end < 0 || !t.Delims.knows(raw[i+1:end]) {
			return i
		}
		i = end + 1
	}
	return -1
}

// sequenceEnd is where the escape sequence ends that begins at i, -1 if it does not.
func (t *Text) sequenceEnd(raw []byte, i int) int {
	for end := i + 1; end < len(raw); end++ {
		if raw[end] == t.Delims.Escape {
			return end
		}
	}
	return -1
}
