package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/spf13/cobra"

	"teamtask.dev/await"
	"teamtask.dev/items"
)

// sourceFlags say what the items of a list are.
type sourceFlags struct {
	size     int64
	lines    string
	rng      string
	hosts    string
	mask     string
	custom   [4]string
	alphabet string
	length   int
	once     bool
	from, to int64

	files lineFiles // that have been opened
}

func (s *sourceFlags) register(cmd *cobra.Command) {
	s.files = lineFiles{}
	f := cmd.Flags()
	f.StringVar(&s.rng, "range", "", "integers START..END or START..END..STEP, both ends included")
	f.StringVar(&s.lines, "lines", "", "the lines of a file; - for standard input")
	f.StringVar(&s.hosts, "hosts", "", "host names, such as node[001-100],gpu[1-4]")
	f.StringVar(&s.mask, "mask", "", "candidates by a hashcat-style mask, such as ?u?l?l?d?d")
	for i := range s.custom {
		f.StringVarP(&s.custom[i], fmt.Sprintf("custom-charset%d", i+1), fmt.Sprint(i+1), "", fmt.Sprintf("the set ?%d of --mask", i+1))
	}
	f.StringVar(&s.alphabet, "alphabet", "", "all strings of --length over this alphabet")
	f.IntVar(&s.length, "length", 0, "length of the strings over --alphabet")
	f.BoolVar(&s.once, "without-reuse", false, "use each letter of --alphabet at most once")
	f.Int64Var(&s.size, "size", 0, "number of items, where they are just 0 to size-1")
	f.Int64Var(&s.from, "from", 0, "of all these only the items from this index on")
	f.Int64Var(&s.to, "to", 0, "of all these only the items before this index")
}

// spec is the source that the flags, or what follows ::: in the arguments, describe; nil where there is none. The lines of
// files are indexed.
func (s *sourceFlags) spec(ctx context.Context, args items.Spec) (*items.Spec, error) {
	out := args
	set := func(is bool, f func()) {
		if is {
			f()
		}
	}
	if s.rng != "" {
		r, err := items.ParseRange(s.rng)
		if err != nil {
			return nil, fmt.Errorf("--range: %w", err)
		}
		out.Range = r
	}
	set(s.hosts != "", func() { out.Hosts = s.hosts })
	set(s.lines != "", func() { out.Lines = &items.LinesSpec{Path: s.lines} })
	set(s.mask != "", func() { out.Mask = &items.MaskSpec{Mask: s.mask, Custom: s.customSets()} })
	set(s.alphabet != "" && !s.once, func() { out.Strings = &items.StringsSpec{Alphabet: s.alphabet, Length: s.length} })
	set(s.alphabet != "" && s.once, func() { out.Permutations = &items.PermutationsSpec{Alphabet: s.alphabet, Length: s.length} })
	if out.Empty() {
		return nil, nil
	}
	if s.from != 0 || s.to != 0 {
		out = items.Spec{Slice: &items.SliceSpec{Of: out, Start: s.from, End: s.to}}
	}
	if err := s.files.describe(ctx, &out); err != nil {
		return nil, err
	}
	if err := out.Validate(); err != nil {
		return nil, err
	}
	return &out, nil
}

func (s *sourceFlags) customSets() []string {
	n := len(s.custom)
	for n > 0 && s.custom[n-1] == "" {
		n--
	}
	return s.custom[:n]
}

// lineFiles are files of lines by their path, so that each is read through once.
type lineFiles map[string]*items.Lines

// open opens and indexes a file, unless it is known.
func (f lineFiles) open(ctx context.Context, s items.LinesSpec) (*items.Lines, error) {
	if l := f[s.Path]; l != nil {
		return l, nil
	}
	l, err := openLines(ctx, s)
	if err == nil {
		f[s.Path] = l
	}
	return l, err
}

// describe fills in what is to be known of the files in a source, and makes their paths absolute.
func (f lineFiles) describe(ctx context.Context, s *items.Spec) error {
	if s.Lines != nil {
		l, err := openLines(ctx, *s.Lines) // by the name that was given: an error is to name it
		if err != nil {
			return err
		}
		path := s.Lines.Path
		if path != standardInput {
			if path, err = filepath.Abs(path); err != nil {
				return err
			}
		}
		f[path] = l
		spec := l.Spec(path)
		s.Lines = &spec
	}
	for _, parts := range [][]items.Spec{s.Product, s.Zip, s.Concat} {
		for i := range parts {
			if err := f.describe(ctx, &parts[i]); err != nil {
				return err
			}
		}
	}
	if s.Slice != nil {
		return f.describe(ctx, &s.Slice.Of)
	}
	return nil
}

// carried is the size up to which a file's lines are written into the list, so that workers need not have the file.
const carried = 64 << 10

// carry writes out the lines of small files.
func (f lineFiles) carry(ctx context.Context, s *items.Spec) error {
	if s.Lines != nil && s.Lines.Bytes <= carried {
		l, err := f.open(ctx, *s.Lines)
		if err != nil {
			return err
		}
		s.Lines = nil
		for text, err := range items.Range(l, 0, l.Len()) {
			if err != nil {
				return err
			}
			s.Values = append(s.Values, string(text))
		}
	}
	if s.Lines != nil && s.Lines.Path == standardInput {
		return fmt.Errorf("standard input is longer than %d bytes, so it cannot travel with the list: write it to a file that all workers can read", carried)
	}
	for _, parts := range [][]items.Spec{s.Product, s.Zip, s.Concat} {
		for i := range parts {
			if err := f.carry(ctx, &parts[i]); err != nil {
				return err
			}
		}
	}
	if s.Slice != nil {
		return f.carry(ctx, &s.Slice.Of)
	}
	return nil
}

// withoutContent is the source with only the names of its files: what stays when a file changes.
func withoutContent(s items.Spec) items.Spec {
	if s.Lines != nil && s.Lines.Path != standardInput { // other lines there are another run
		s.Lines = &items.LinesSpec{Path: s.Lines.Path}
	}
	strip := func(parts []items.Spec) (out []items.Spec) {
		for _, p := range parts {
			out = append(out, withoutContent(p))
		}
		return out
	}
	s.Product, s.Zip, s.Concat = strip(s.Product), strip(s.Zip), strip(s.Concat)
	if s.Slice != nil {
		s.Slice = &items.SliceSpec{Of: withoutContent(s.Slice.Of), Start: s.Slice.Start, End: s.Slice.End}
	}
	return s
}

// openSource makes the source that a spec describes, with the files it names.
func openSource(ctx context.Context, s *items.Spec, files lineFiles) (items.Source, error) {
	return s.Build(func(l items.LinesSpec) (*items.Lines, error) { return files.open(ctx, l) })
}

// openLines opens and indexes a file. The file stays open as long as the process.
func openLines(ctx context.Context, s items.LinesSpec) (l *items.Lines, err error) {
	var f *os.File
	if s.Path == standardInput {
		f, err = await.Do(ctx, spooled)
	} else {
		f, err = os.Open(s.Path)
	}
	if err != nil {
		return nil, fmt.Errorf("read the lines: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the lines: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read the lines of %s: it is not a regular file; give its lines on standard input, or write them to a file first", s.Path)
	}
	if info.Size() == 0 && s.Path == standardInput {
		return nil, errors.New("there are no items: give --range, --lines, --hosts, --mask or --alphabet, ::: and items, or lines on standard input")
	}
	if info.Size() == 0 {
		return nil, fmt.Errorf("the file %s is empty: there are no items in it", s.Path)
	}
	if l, err = items.IndexLines(ctx, f, info.Size()); err != nil {
		return nil, fmt.Errorf("read the lines of %s: %w", s.Path, err)
	}
	return l, nil
}

// standardInput stands for a file of lines.
const standardInput = "-"

// spooled is what stands on standard input, in a file that is in no directory: its lines are read more than once, and out
// of order.
var spooled = sync.OnceValues(func() (*os.File, error) {
	f, err := os.CreateTemp("", "teamtask-lines-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, err
	}
	if _, err := io.Copy(f, os.Stdin); err != nil {
		return nil, fmt.Errorf("standard input: %w", err)
	}
	return f, nil
})

// none tells whether the flags name no items.
func (s *sourceFlags) none() bool {
	return s.rng == "" && s.lines == "" && s.hosts == "" && s.mask == "" && s.alphabet == "" && s.size == 0
}
