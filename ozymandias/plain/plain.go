// Package plain makes what anybody may have written fit to be shown: by a program in a container, a registry, a server of secrets. Such text
// comes to records in etcd and from there to terminals, where an escape sequence would do as it likes with what an admin sees.
package plain

import (
	"strings"
	"unicode"
)

// Line makes of a text a line of at most so many characters that a terminal can show and that a record has room for. What is neither is a
// blank in it.
func Line(s string, longest int) string {
	var kept strings.Builder
	for _, r := range s { // bytes that are not UTF-8 come as U+FFFD
		if longest--; longest < 0 {
			kept.WriteRune('…')
			break
		}
		if !unicode.IsPrint(r) {
			r = ' '
		}
		kept.WriteRune(r)
	}
	return kept.String()
}
