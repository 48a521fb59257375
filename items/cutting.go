package items

import "strings"

// find cuts the text into items of the parts. The items of most products can be cut in one way only; where there are more,
// the one with the smallest index counts.
func (x *product) find(s *search, text string, from int64) (int64, bool, error) {
	c := cutting{product: x, search: s, text: text, known: map[remainder]answer{}}
	return c.first(0, 0, from)
}

// cutting is a search for the items of the parts that make up a text. It answers each question once, so it tries at most
// 2 × parts × length² cuts.
type cutting struct {
	*product
	*search
	text  string
	known map[remainder]answer
}

// remainder is what is left of a text for the parts from one on. The indices are bounded from below only as long as those
// of all parts before are the lowest possible, so that there are two questions about a remainder.
type remainder struct {
	part, offset int
	bounded      bool
}

type answer struct {
	index int64
	ok    bool
}

// first is the first index at or after low, among the combinations of the parts from p on, of what stands from an offset on.
func (c *cutting) first(p, offset int, low int64) (int64, bool, error) {
	if p == len(c.parts)-1 {
		return c.in(c.parts[p], c.text[offset:], low)
	}
	key := remainder{p, offset, low > 0}
	best, known := c.known[key]
	if known {
		return best.index, best.ok, nil
	}
	for end := offset; end <= len(c.text); end++ {
		sep := strings.Index(c.text[end:], c.sep)
		if sep < 0 {
			break
		}
		end += sep
		i, ok, err := c.cut(p, offset, end, low)
		if err != nil {
			return 0, false, err
		}
		if ok && (!best.ok || i < best.index) {
			best = answer{i, true}
		}
	}
	c.known[key] = best
	return best.index, best.ok, nil
}

// cut is the same where the item of part p ends at a given place.
func (c *cutting) cut(p, offset, end int, low int64) (int64, bool, error) {
	if c.cuts++; c.cuts > maxCuts {
		return 0, false, ErrNoIndex
	}
	item, behind := c.text[offset:end], end+len(c.sep)
	digit, low := low/c.step[p], low%c.step[p]
	d, ok, err := c.in(c.parts[p], item, digit)
	if err != nil {
		// What this part has does not matter where the others do not have the rest.
		if _, ok, restErr := c.first(p+1, behind, 0); !ok && restErr == nil {
			return 0, false, nil
		}
		return 0, false, err
	}
	if ok && d == digit && low > 0 {
		i, ok, err := c.first(p+1, behind, low)
		if ok || err != nil {
			return d*c.step[p] + i, ok, err
		}
		return c.cut(p, offset, end, (digit+1)*c.step[p])
	}
	if !ok {
		return 0, false, nil
	}
	i, ok, err := c.first(p+1, behind, 0)
	return d*c.step[p] + i, ok, err
}
