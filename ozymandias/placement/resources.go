package placement

import (
	"strconv"
	"strings"
)

// Resources are amounts of what nodes have and instances need.
type Resources struct {
	Memory int64 // bytes
	Disk   int64 // bytes
	CPU    int64 // thousandths of a processor
}

// Dimension is one of the Resources.
type Dimension string

const (
	Memory Dimension = "memory"
	Disk   Dimension = "disk"
	CPU    Dimension = "cpu"
)

// dimensions are in the order of a vector.
var dimensions = [...]Dimension{Memory, Disk, CPU}

// vector is Resources to reckon with: by dimension, in the order of dimensions.
type vector [len(dimensions)]int64

func (r Resources) vector() vector { return vector{r.Memory, r.Disk, r.CPU} }

func (v vector) resources() Resources { return Resources{Memory: v[0], Disk: v[1], CPU: v[2]} }

// add and sub change v. Neither overflows: the sums of all that is there are checked at the door (see newState).
func (v *vector) add(w *vector) {
	for d := range v {
		v[d] += w[d]
	}
}

func (v *vector) sub(w *vector) {
	for d := range v {
		v[d] -= w[d]
	}
}

// within tells whether v is at most w in every dimension.
func (v *vector) within(w *vector) bool { return v[0] <= w[0] && v[1] <= w[1] && v[2] <= w[2] }

// beyond is by how much v is more than w, in each dimension.
func (v *vector) beyond(w *vector) (over vector) {
	for d := range v {
		over[d] = max(0, v[d]-w[d])
	}
	return over
}

// Get is the amount in one dimension.
func (r Resources) Get(d Dimension) int64 {
	switch d {
	case Memory:
		return r.Memory
	case Disk:
		return r.Disk
	default:
		return r.CPU
	}
}

// String is every amount that is not zero: "2G of memory, 10G of disk and half a processor" reads "2G of memory, 10G of disk
// and 0.5 of cpu".
func (r Resources) String() string { return r.words(Quantity) }

// atLeast says the same of what is short: rounded up, as nobody wants to read, or to add, 144027Ki.
func (r Resources) atLeast() string {
	return r.words(func(r Resources, d Dimension) string { return rounded(r, d, 1) })
}

// atMost is an amount of what is free, rounded down.
func atMost(r Resources, d Dimension) string { return rounded(r, d, 0) }

// readable is how many characters an exact quantity may have before it is rounded.
const readable = 6

// rounded is an amount to three digits: to the next one up, or else down. What is short when it is written exactly stays as it is.
func rounded(r Resources, d Dimension, up int64) string {
	n, exact := r.Get(d), Quantity(r, d)
	if d == CPU || n < 1000 || len(exact) <= readable {
		return exact
	}
	unit := int64(1)
	for n/unit >= 1000 {
		unit *= 10
	}
	if n%unit == 0 {
		up = 0
	}
	return size((n/unit + up) * unit)
}

func (r Resources) words(quantity func(Resources, Dimension) string) string {
	var parts []string
	for _, d := range dimensions {
		if r.Get(d) != 0 {
			parts = append(parts, quantity(r, d)+" of "+string(d))
		}
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return Enumerate(parts, "and")
}

// Quantity is one amount as a Kubernetes quantity: the shortest that is exact, with at most three digits after the point.
// Of equally short ones it is the one without a point, then the decimal one: 2000000000 bytes are "2G", 2147483648 "2Gi",
// 1500 thousandths of a processor "1.5".
func Quantity(r Resources, d Dimension) string {
	if d == CPU {
		return fraction(r.CPU, 1000, "")
	}
	return size(r.Get(d))
}

// suffixes of Kubernetes quantities, decimal before binary.
var suffixes = []struct {
	name string
	unit int64
}{
	{"", 1}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}, {"P", 1e15},
	{"Ki", 1 << 10}, {"Mi", 1 << 20}, {"Gi", 1 << 30}, {"Ti", 1 << 40}, {"Pi", 1 << 50},
}

func size(n int64) string {
	shortest := ""
	for _, s := range suffixes {
		text := fraction(n, s.unit, s.name)
		if text == "" {
			continue
		}
		shorter := len(text) < len(shortest) || len(text) == len(shortest) && strings.Contains(shortest, ".") && !strings.Contains(text, ".")
		if shortest == "" || shorter {
			shortest = text
		}
	}
	return shortest
}

// fraction is n in a unit, or "" if that is not exact with three digits after the point.
func fraction(n, unit int64, suffix string) string {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	thousandths := n % unit * 1000 // unit is at most 1<<50, so that this does not overflow
	if thousandths%unit != 0 {
		return ""
	}
	text := sign + strconv.FormatInt(n/unit, 10)
	if thousandths != 0 {
		digits := strconv.FormatInt(1000+thousandths/unit, 10)[1:]
		text += "." + strings.TrimRight(digits, "0")
	}
	return text + suffix
}
