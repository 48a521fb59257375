package routes

import "strings"

// Host is a host as requests name it, in the form in which jobs do: in lower case, without a port and without the dot at the end
// that says that a name is complete. It is "" for what cannot be a job's: names on the wire are ASCII.
func Host(s string) string {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return ""
		}
	}
	if address, literal := strings.CutPrefix(s, "["); literal {
		s, _, _ = strings.Cut(address, "]")
	} else if strings.Count(s, ":") == 1 {
		s, _, _ = strings.Cut(s, ":")
	}
	return strings.ToLower(strings.TrimSuffix(s, "."))
}

// below tells whether a path is root or below it. Root has no slash at its end, and is "" for everything.
func below(path, root string) bool {
	rest, ok := strings.CutPrefix(path, root)
	return ok && (rest == "" || rest[0] == '/' || root == "")
}
