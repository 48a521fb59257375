package items

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// parseHosts reads a list of hosts as cluster tools write them (SLURM's hostlist, ClusterShell's NodeSet): entries
// separated by commas, each with any number of brackets that hold numbers and ranges of numbers; leading zeros are kept.
// node[001-100], gpu[1,3-5]-r[01-02]. Several brackets make all combinations, the last one turning fastest.
func parseHosts(s string) (Source, error) {
	var all []Source
	for _, entry := range splitOutside(s) {
		src, err := parseHost(strings.TrimSpace(entry))
		if err != nil {
			return nil, fmt.Errorf("%q: %w", entry, err)
		}
		all = append(all, src)
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return newConcat(all)
}

// splitOutside splits at commas that are not within brackets.
func splitOutside(s string) (out []string) {
	depth, at := 0, 0
	for i := range len(s) {
		switch s[i] {
		case '[':
			depth++
		case ']':
			depth--
		case ',':
			if depth <= 0 {
				out = append(out, s[at:i])
				at = i + 1
			}
		}
	}
	return append(out, s[at:])
}

// maxBrackets bounds how much there is to try when a host is looked for.
const maxBrackets = 16

func parseHost(s string) (Source, error) {
	if s == "" {
		return nil, errors.New("a host has no name; leave the comma out")
	}
	var parts []Source
	brackets := 0
	for s != "" {
		text, rest, bracket := strings.Cut(s, "[")
		if strings.Contains(text, "]") {
			return nil, errors.New("a bracket is closed that was not opened; leave it out")
		}
		if text != "" {
			parts = append(parts, values{text})
		}
		if !bracket {
			break
		}
		inner, after, ok := strings.Cut(rest, "]")
		if !ok {
			return nil, errors.New("a bracket is not closed; end it with ]")
		}
		numbers, err := parseNumbers(inner)
		if err != nil {
			return nil, err
		}
		if brackets++; brackets > maxBrackets {
			return nil, fmt.Errorf("a host has more than %d brackets; split the list", maxBrackets)
		}
		parts = append(parts, numbers)
		s = after
	}
	return newProduct(parts, "")
}

// parseNumbers reads what stands in a bracket.
func parseNumbers(s string) (Source, error) {
	var all []Source
	for entry := range strings.SplitSeq(s, ",") {
		from, to, isRange := strings.Cut(entry, "-")
		if !isRange {
			to = from
		}
		first, err1 := strconv.ParseUint(from, 10, 53)
		last, err2 := strconv.ParseUint(to, 10, 53)
		if err1 != nil || err2 != nil || last < first {
			return nil, fmt.Errorf("[%s]: %q must be a number or a range of them, such as 001-100", s, entry)
		}
		r := integers{first: int64(first), stride: 1, n: int64(last-first) + 1}
		if padded(from) {
			r.width = len(from)
		}
		all = append(all, r)
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return newConcat(all)
}
