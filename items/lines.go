package items

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"iter"
	"strings"
)

// LinesSpec is a file whose lines are the items, with what is needed to notice that it is another one.
//
// +kubebuilder:object:generate=true
// +kubebuilder:validation:ExactlyOneOf=path;text;configMap
// +kubebuilder:validation:XValidation:rule="!has(self.path) || has(self.count) && self.count > 0",message="is needed with path, as nobody reads the file before the workers do: the number of its lines (wc -l)",fieldPath=".count"
type LinesSpec struct {
	// path is a file where the workers are.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Path string `json:"path,omitempty" doc:"A file, where the workers are."`
	// text has the lines in it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1048576
	Text string `json:"text,omitempty" doc:"The lines themselves."`
	// configMap has the lines, beside the list, on Kubernetes.
	// +optional
	ConfigMap *ConfigMapKey `json:"configMap,omitempty" doc:"On Kubernetes: a ConfigMap that has the lines."`

	// What is known of the lines: others are refused.

	// bytes is the size of the file.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	Bytes int64 `json:"bytes,omitempty"`
	// count is the number of lines. It is needed with path, as nobody reads the file before the workers do.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	Count int64 `json:"count,omitempty"`
	// sha256 is that of the file, in hex.
	// +optional
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{64}$`
	SHA256 string `json:"sha256,omitempty"`
}

// ConfigMapKey is a value in a ConfigMap of the list's namespace.
//
// +kubebuilder:object:generate=true
type ConfigMapKey struct {
	// name is the ConfigMap's.
	// +required
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a ConfigMap"
	Name string `json:"name"`
	// key is which of its values. It may be left out where there is only one.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key,omitempty"`
}

const (
	// MaxLine is the longest line, in bytes.
	MaxLine = 16 << 20
	// maxMarks bounds the index of a file: 64 Ki marks are 1 MiB, however long the file.
	maxMarks = 64 << 10
	readSize = 256 << 10
)

// ErrChanged means that a file is not what it was when it was described or indexed.
var ErrChanged = errors.New("the file has changed")

// Lines are the lines of a file of any size. Reading a block of them takes one seek and reads on from the nearest line
// whose offset is known. The lines are those of bufio.ScanLines: an empty line is an item, the last line needs no newline,
// and one carriage return at the end of a line is not part of the item.
//
// The file must stay as it is; what is appended does not matter. Reading gives ErrChanged instead of a line where the file is
// shorter, and at each mark that is passed, where the lines before it are not what they were. Up to 64 Ki lines each has its
// mark, so none is wrong; in longer files a change between two marks is noticed by who reads on to the second.
type Lines struct {
	r     io.ReaderAt
	size  int64
	count int64
	every int64  // marks[i] is at line i*every
	marks []mark // at most maxMarks
	power uint64 // radix to the power of every
	sum   string
}

// mark is a place in a file.
type mark struct {
	offset int64
	// sum is the lines up to the next mark: their CRC-32Cs are the digits of a number, modulo 2^64. Like this the sum of two
	// stretches follows from the sums of each (Karp and Rabin, "Efficient randomized pattern-matching algorithms", 1987).
	sum uint64
}

// radix is 2^64 over the golden ratio, an odd number, so that no digit is lost.
const radix = 0x9e3779b97f4a7c15

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// IndexLines reads a file once, to count its lines, to know where to find them, and for its fingerprint.
func IndexLines(ctx context.Context, r io.ReaderAt, size int64) (*Lines, error) {
	return indexLines(ctx, r, size, maxMarks)
}

func indexLines(ctx context.Context, r io.ReaderAt, size int64, most int) (*Lines, error) {
	l := &Lines{r: r, size: size, every: 1, power: radix}
	h := sha256.New()
	buf := make([]byte, readSize)
	var at, start int64 // offsets of the buffer, of the line
	var crc uint32      // of the line so far
	for at < size {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		b := buf[:min(int64(len(buf)), size-at)]
		if n, err := r.ReadAt(b, at); n < len(b) {
			if err == nil || errors.Is(err, io.EOF) {
				err = fmt.Errorf("%w: it became shorter while it was read", ErrChanged)
			}
			return nil, fmt.Errorf("index lines: %w", err)
		}
		h.Write(b)
		rest := b
		for {
			i := bytes.IndexByte(rest, '\n') + 1
			if i == 0 {
				break
			}
			crc = crc32.Update(crc, castagnoli, rest[:i])
			rest = rest[i:]
			end := at + int64(len(b)-len(rest))
			if err := l.add(start, end, crc, most); err != nil {
				return nil, err
			}
			start, crc = end, 0
		}
		crc = crc32.Update(crc, castagnoli, rest)
		at += int64(len(b))
	}
	if start < size {
		if err := l.add(start, size, crc, most); err != nil {
			return nil, err
		}
	}
	l.sum = hexSum(h)
	return l, nil
}

// add takes in a line. When there are too many marks every second one is dropped.
func (l *Lines) add(start, end int64, crc uint32, most int) error {
	if end-start > MaxLine {
		return fmt.Errorf("line %d has %d bytes; a line has at most %d; break it up", l.count+1, end-start, MaxLine)
	}
	if l.count%l.every == 0 {
		if len(l.marks) == most {
			half := l.marks[:0]
			for i := 0; i < most; i += 2 {
				m := l.marks[i]
				if i+1 < most { // of an odd number the last stays, and its stretch goes on
					m.sum = m.sum*l.power + l.marks[i+1].sum
				}
				half = append(half, m)
			}
			l.marks = half
			l.every *= 2
			l.power *= l.power
		}
		if l.count%l.every == 0 {
			l.marks = append(l.marks, mark{offset: start})
		}
	}
	last := &l.marks[len(l.marks)-1]
	last.sum = last.sum*radix + uint64(crc)
	if l.count++; l.count > MaxLen {
		return fmt.Errorf("more than %d lines", int64(MaxLen))
	}
	return nil
}

// isSum tells whether a text can be a file's SHA256.
func isSum(s string) bool {
	return len(s) == 2*sha256.Size && strings.Trim(s, "0123456789abcdef") == ""
}

func hexSum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// Spec describes the file for a manifest.
func (l *Lines) Spec(path string) LinesSpec {
	return LinesSpec{Path: path, Bytes: l.size, Count: l.count, SHA256: l.sum}
}

// where names what has the lines.
func (s LinesSpec) where() string {
	switch {
	case s.ConfigMap != nil:
		return "ConfigMap " + s.ConfigMap.Name
	case s.Text != "":
		return "a text"
	}
	return s.Path
}

// check tells whether the file is the one that was described.
func (l *Lines) check(s LinesSpec) error {
	var is string
	switch {
	case s.Bytes != 0 && s.Bytes != l.size:
		is = fmt.Sprintf("it has %d bytes, not %d", l.size, s.Bytes)
	case s.Count != 0 && s.Count != l.count:
		is = fmt.Sprintf("it has %d lines, not %d", l.count, s.Count)
	case s.SHA256 != "" && s.SHA256 != l.sum:
		is = "its content is not what it was"
	default:
		return nil
	}
	return fmt.Errorf("%s: %w: %s; put the old one back, or make a new list", s.where(), ErrChanged, is)
}

// Len is the number of lines.
func (l *Lines) Len() int64 { return l.count }

// Append appends line i.
func (l *Lines) Append(dst []byte, i int64) ([]byte, error) {
	for line, err := range l.Range(i, i+1) {
		return append(dst, line...), err
	}
	return dst, nil
}

// Range yields lines start to end-1.
func (l *Lines) Range(start, end int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if start >= end {
			return
		}
		size := readSize
		if end-start < 16 {
			size = 4 << 10
		}
		r, err := l.reader(start/l.every, size)
		for err == nil && r.line < end {
			var line []byte
			line, err = r.next()
			if err == nil && r.line > start && !yield(line, nil) {
				return
			}
		}
		if err != nil {
			yield(nil, fmt.Errorf("read line %d: %w", r.line, err))
		}
	}
}

// Describe stands for a file that is elsewhere: its lines are counted, but cannot be read.
func Describe(s LinesSpec) *Lines { return &Lines{count: s.Count, size: s.Bytes, sum: s.SHA256} }

// Text is the value in a ConfigMap's data.
func (k ConfigMapKey) Text(data map[string]string) (string, error) {
	if k.Key == "" && len(data) == 1 {
		for _, text := range data {
			return text, nil
		}
	}
	text, ok := data[k.Key]
	switch {
	case k.Key == "":
		return "", fmt.Errorf("configMap.key: is not given, and ConfigMap %s has %d values; name one", k.Name, len(data))
	case !ok:
		return "", fmt.Errorf("configMap.key: ConfigMap %s has no %s", k.Name, k.Key)
	}
	return text, nil
}
