package v1alpha1

import "strings"

// Cut shortens a text for people to so many bytes at most, at least 3: what a field of a status or an event takes.
func Cut(text string, longest int) string {
	if len(text) <= longest {
		return text
	}
	const end = "..."
	return strings.ToValidUTF8(text[:longest-len(end)], "") + end
}
