package job

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
)

// badLabel says what is wrong with a name that has to be one label of a DNS name (RFC 1123, 2.1), in lower case.
func badLabel(s string, most int) string {
	switch {
	case s == "":
		return "is missing: give it a name"
	case len(s) > most:
		return quoted(s, fmt.Sprintf("has %d bytes: at most %d", len(s), most))
	case strings.Trim(s, lower+digits+"-") != "" || strings.HasPrefix(s, "-") || strings.HasSuffix(s, "-"):
		return quoted(s, "is no name: lower-case letters, digits and '-', with a letter or digit at both ends")
	}
	return ""
}

// badVolume says what is wrong with the name of a volume: what podman and docker-compose take, a little shorter.
func badVolume(s string) string {
	if s == "" || len(s) > 50 || strings.Trim(s, lower+upper+digits+"-_.") != "" || strings.ContainsAny(s[:1], "-_.") {
		return quoted(s, "is no name of a volume: at most 50 letters, digits, '-', '_' and '.', beginning with a letter or digit")
	}
	return ""
}

// badName says what is wrong with the name of something outside the job: a secret, a worklist, a swarm, a label.
func badName(s string) string {
	switch {
	case s == "":
		return "is missing: give it a name"
	case len(s) > 253:
		return quoted(s, fmt.Sprintf("has %d bytes: at most 253", len(s)))
	case strings.Trim(s, lower+upper+digits+"-_./") != "" || strings.ContainsAny(s[:1]+s[len(s)-1:], "-_./") || strings.Contains(s, ".."):
		return quoted(s, "is no name: letters, digits, '-', '_', '.' and '/', without \"..\", with a letter or digit at both ends")
	}
	return ""
}

// IsName tells whether that can be the name of something outside a job, such as a secret.
func IsName(s string) bool { return badName(s) == "" }

// badHost says what is wrong with the host of an ingress.
func badHost(s string) string {
	for label := range strings.SplitSeq(s, ".") {
		if len(s) > 253 || badLabel(label, 63) != "" {
			return quoted(s, "is no host name: labels of lower-case letters, digits and '-', with dots between, without a port")
		}
	}
	return ""
}

// IsHost tells whether that is a host name in lower case: the host of an ingress, the name of a node.
func IsHost(s string) bool { return badHost(s) == "" }

// badVariable says what is wrong with the name of an environment variable.
func badVariable(s string) string {
	if s == "" || strings.ContainsAny(s, "=\x00") || strings.ContainsFunc(s, control) {
		return quoted(s, "is no name of a variable: text without '=' and control characters")
	}
	return ""
}

// badPath says what is wrong with the path of a directory or file in a container.
func badPath(s string) string {
	switch {
	case s == "":
		return "is missing: write an absolute path"
	case !strings.HasPrefix(s, "/"):
		return quoted(s, "is not absolute: begin with /")
	case len(s) > 4095 || strings.ContainsFunc(s, control):
		return quoted(s, "is too long or has control characters: at most 4095 bytes")
	}
	for part := range strings.SplitSeq(strings.TrimPrefix(s, "/"), "/") {
		if part == "." || part == ".." || part == "" && s != "/" {
			return quoted(s, "goes in circles: write it without //, . and .., and without / at the end")
		}
	}
	return ""
}

// control tells whether a character does not show, or is no text at all.
func control(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }

// quoted begins a message with the value, so that a value cannot be taken for a format.
func quoted(value, why string) string { return fmt.Sprintf("%q %s", shorten(value), why) }

// shorten keeps a message readable, whatever the value.
func shorten(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "..."
}

// list names choices.
func list(names []string) string {
	switch n := len(names); n {
	case 0:
		return "one that exists"
	case 1:
		return names[0]
	default:
		return strings.Join(names[:n-1], ", ") + " or " + names[n-1]
	}
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
