package jobfile

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// yamlFromJSON writes a JSON text so that the YAML parser takes it, which it does but for three things within strings: characters
// beyond the first 65536 written as surrogates, characters that do not print and are not written as escapes, and "\/". Nothing changes
// its line. What is no JSON is returned as it is.
func yamlFromJSON(b []byte) []byte {
	if !json.Valid(b) {
		return b
	}
	var out strings.Builder
	for s := string(b); s != ""; {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case strings.HasPrefix(s, `\u`):
			high, low := unit(s), unit(s[6:])
			n = 6
			if pair := utf16.DecodeRune(high, low); pair != utf8.RuneError {
				n = 12
				fmt.Fprintf(&out, `\U%08x`, pair)
			} else if utf16.IsSurrogate(high) {
				out.WriteRune(utf8.RuneError) // half a character, as encoding/json reads it
			} else {
				out.WriteString(s[:n])
			}
		case strings.HasPrefix(s, `\/`):
			n = 2
			out.WriteByte('/')
		case r == '\\': // whatever is escaped, it is not the beginning of \u
			n = 2
			out.WriteString(s[:n])
		case r == 0x7f || 0x80 <= r && r < 0xa0 || r == 0xfeff || r == 0xfffe || r == 0xffff || r == 0x2028 || r == 0x2029:
			fmt.Fprintf(&out, `\u%04x`, r)
		case r == utf8.RuneError:
			out.WriteRune(r)
		default:
			out.WriteString(s[:n])
		}
		s = s[n:]
	}
	return []byte(out.String())
}

// unit reads the \uXXXX that s begins with; 0 if it does not.
func unit(s string) rune {
	if len(s) < 6 || !strings.HasPrefix(s, `\u`) {
		return 0
	}
	u, _ := strconv.ParseUint(s[2:6], 16, 16) // JSON has four digits there
	return rune(u)
}
