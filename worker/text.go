package worker

import (
	"strings"
	"unicode/utf8"
)

// valid puts U+FFFD for each run of bytes that are no UTF-8. An encoder of JSON would do the same for each byte, but later:
// what is stored could be three times as long as was asked for.
func valid(s string) string { return strings.ToValidUTF8(s, string(utf8.RuneError)) }

// first is the beginning of a valid text, as many whole characters as n bytes hold.
func first(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// last is the end of a valid text, as many whole characters as n bytes hold.
func last(s string, n int) string {
	start := max(0, len(s)-n)
	for start < len(s) && !utf8.RuneStart(s[start]) {
		start++
	}
	return s[start:]
}

// withoutRest drops what may be left of a character at the beginning of b, cut from something longer.
func withoutRest(b []byte) []byte {
	for range utf8.UTFMax - 1 {
		if len(b) > 0 && !utf8.RuneStart(b[0]) {
			b = b[1:]
		}
	}
	return b
}
