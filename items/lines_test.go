package items

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// scan is what bufio.ScanLines says the lines of a text are.
func scan(t rapid.TB, text string) (lines []string) {
	t.Helper()
	s := bufio.NewScanner(strings.NewReader(text))
	s.Buffer(nil, len(text)+1)
	for s.Scan() {
		lines = append(lines, s.Text())
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

// checkLines reads all lines, as a block and one by one.
func checkLines(t rapid.TB, text string, most int) {
	t.Helper()
	want := scan(t, text)
	l, err := indexLines(context.Background(), strings.NewReader(text), int64(len(text)), most)
	if err != nil || l.Len() != int64(len(want)) || len(l.marks) > most {
		t.Fatalf("%.40q, %d marks: %d lines, %d marks, %v; want %d", text, most, l.Len(), len(l.marks), err, len(want))
	}
	if got := all(t, l); !slices.Equal(got, want) {
		t.Fatalf("%.40q, %d marks: %.200q, want %.200q", text, most, got, want)
	}
	for i := 0; i < len(want); i += 1 + len(want)/100 {
		line := want[i]
		if got, err := At(l, int64(i)); err != nil || got != line {
			t.Fatalf("%.40q, %d marks: line %d is %.40q, %v; want %.40q", text, most, i, got, err, line)
		}
	}
}

// The index loses every second mark when it is full, whether it holds an even number or not.
func TestLinesOfEveryCount(t *testing.T) {
	for most := 1; most <= 9; most++ {
		counts := []int{127, 128, 129, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025}
		for n := range 67 {
			counts = append(counts, n)
		}
		for _, n := range counts {
			var text strings.Builder
			for i := range n {
				text.WriteString(strings.Repeat(string(rune('a'+i%26)), i*7%5) + "\n")
			}
			checkLines(t, text.String(), most)
			checkLines(t, text.String()+"no newline", most)
		}
	}
}

// A line ends with a newline, or a carriage return and a newline; the last one may also end with the file.
func TestLinesEndings(t *testing.T) {
	for text, want := range map[string][]string{
		"":           nil,
		"\n":         {""},
		"\n\n":       {"", ""},
		"a":          {"a"},
		"a\n":        {"a"},
		"a\n\nb":     {"a", "", "b"},
		"a\r\nb\r\n": {"a", "b"},
		"a\r\nb\r":   {"a", "b"},
		"a\r\r\n":    {"a\r"},
		"a\rb\n":     {"a\rb"},
		"\r\n":       {""},
		"\r":         {""},
	} {
		l, err := IndexLines(t.Context(), strings.NewReader(text), int64(len(text)))
		if err != nil {
			t.Fatal(err)
		}
		if got := all(t, l); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		checkLines(t, text, 1)
	}
}

func TestLinesAgainstScanner(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{"a", "bc", "", "\n", "\n", "\r\n", "\r"})).Draw(t, "text"), "")
		if rapid.IntRange(0, 9).Draw(t, "long") == 0 { // longer than what is read at once
			at := rapid.IntRange(0, len(text)).Draw(t, "at")
			text = text[:at] + strings.Repeat("long", 100_000) + text[at:]
		}
		checkLines(t, text, rapid.SampledFrom([]int{1, 2, 3, 5, 64, maxMarks}).Draw(t, "most"))
	})
}

func TestTheLongestLine(t *testing.T) {
	longest := strings.Repeat("x", MaxLine-1) + "\n"
	checkLines(t, "a\n"+longest+"b\n", 2)
	text := "a\nx" + longest
	_, err := IndexLines(t.Context(), strings.NewReader(text), int64(len(text)))
	if want := "line 2 has 16777217 bytes; a line has at most 16777216"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestAFileThatChanged(t *testing.T) {
	index := func(text string) *Lines {
		l, err := IndexLines(t.Context(), strings.NewReader(text), int64(len(text)))
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	was := index("a\nb\n").Spec("hosts.txt")
	for text, want := range map[string]string{"a\nb\n": "", "a\nb\nc\n": "the file has changed: it has 6 bytes, not 4", "a\nc\n": "its content is not what it was"} {
		_, err := Spec{Lines: &was}.Build(func(LinesSpec) (*Lines, error) { return index(text), nil })
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	counted := LinesSpec{Path: "hosts.txt", Count: 3}
	_, err := Spec{Lines: &counted}.Build(func(LinesSpec) (*Lines, error) { return index("a\nb\n"), nil })
	if want := "items.lines: hosts.txt: the file has changed: it has 2 lines, not 3; put the old one back"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}

// Who reads on to the end of a file that has changed is told. Where every line has its mark, or the file was only cut off,
// nobody gets a wrong one.
func TestLinesThatChangedSinceIndexed(t *testing.T) {
	const was = "one\ntwo\n\nfour\nfive\nsix"
	for _, c := range []struct {
		name, now string
	}{
		{"cut off between lines", "one\ntwo\n"},
		{"cut off in a line", "one\ntw"},
		{"cut off in the last line", "one\ntwo\n\nfour\nfive\nsi"},
		{"emptied", ""},
		{"a newline less", "one two\n\nfour\nfive\nsix"},
		{"a newline more", "one\nt\no\n\nfour\nfive\nsix"},
		{"a newline in the last line", "one\ntwo\n\nfour\nfive\ns\nx"},
		{"a newline at the end", "one\ntwo\n\nfour\nfive\nsi\n"},
		{"a line longer, another shorter", "ones\ntw\n\nfour\nfive\nsix"},
		{"another letter", "one\ntwo\n\nfour\nfive\nsex"},
		{"lines the other way round", "two\none\n\nfour\nfive\nsix"},
		{"a line more at the start", "zero\none\ntwo\n\nfour\nfive\nsix"},
	} {
		for most := 1; most <= 8; most++ {
			file := &replaced{text: was}
			l, err := indexLines(t.Context(), file, int64(len(was)), most)
			if err != nil {
				t.Fatal(err)
			}
			file.text = c.now
			lines := scan(t, was)
			for start := range lines {
				i, noticed := start, false
				for got, err := range Range(l, int64(start), l.Len()) {
					if err != nil {
						noticed = errors.Is(err, ErrChanged)
						break
					}
					if (most == 8 || strings.HasPrefix(was, c.now)) && string(got) != lines[i] {
						t.Errorf("%s, from %d: line %d is %q, want %q or an error", c.name, start, i, got, lines[i])
					}
					i++
				}
				// Who starts at a later mark need not see what is before it.
				if !noticed && (start == 0 || most == 1) {
					t.Errorf("%s, %d marks, from %d: not noticed", c.name, most, start)
				}
			}
		}
	}
}

// A line that runs up to the next mark or past it is not given out where another should stand before that mark.
func TestLinesThatRunPastAMark(t *testing.T) {
	file := &replaced{text: "one\ntwo\nthree\nfour\n"}
	l, err := indexLines(t.Context(), file, int64(len(file.text)), 2)
	if err != nil || l.every != 2 {
		t.Fatalf("a mark every %d lines, %v", l.every, err)
	}
	for _, now := range []string{"one two\nthree\nfour\nfive\n", "one two three\nfour\n"} {
		file.text = now
		for got, err := range Range(l, 0, 2) {
			if err == nil {
				t.Errorf("%q gives %q", now, got)
			}
		}
	}
}

func FuzzLines(f *testing.F) {
	f.Add("a\nb\n\nc", "a\nb\nc\n\n", uint8(3))
	f.Add("a\r\nb\r", "a\r\n", uint8(0))
	f.Fuzz(func(t *testing.T, was, now string, marks uint8) {
		if len(was) > 1<<8 {
			t.Skip("long ones only take longer")
		}
		checkLines(t, was, int(marks)+1)
		file := &replaced{text: was}
		l, err := indexLines(t.Context(), file, int64(len(was)), int(marks)+1)
		if err != nil {
			t.Fatal(err)
		}
		file.text = now
		i := 0
		for got, err := range Range(l, 0, l.Len()) {
			if err != nil {
				if strings.HasPrefix(now, was) || !errors.Is(err, ErrChanged) {
					t.Fatal(err)
				}
				return
			}
			if want := scan(t, was); (l.every == 1 || strings.HasPrefix(was, now)) && string(got) != want[i] {
				t.Fatalf("line %d is %q, want %q", i, got, want[i])
			}
			i++
		}
		if !strings.HasPrefix(now, was) {
			t.Fatalf("%q became %q, and nobody noticed", was, now)
		}
	})
}

// The lines of a file that grew are those it had.
func TestLinesThatGrew(t *testing.T) {
	file := &replaced{text: "a\nb\n"}
	l, err := IndexLines(t.Context(), file, 4)
	if err != nil {
		t.Fatal(err)
	}
	file.text += "c\n"
	if got := all(t, l); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("got %q", got)
	}
}

func TestLinesThatCannotBeRead(t *testing.T) {
	broken := errors.New("the disk is broken")
	file := &replaced{text: "a\nb\n"}
	l, err := IndexLines(t.Context(), file, 4)
	if err != nil {
		t.Fatal(err)
	}
	file.err = broken
	if _, err := At(l, 1); !errors.Is(err, broken) || errors.Is(err, ErrChanged) {
		t.Errorf("at: %v", err)
	}
	if _, err := IndexLines(t.Context(), file, 4); !errors.Is(err, broken) {
		t.Errorf("index: %v", err)
	}
	if _, err := IndexLines(t.Context(), strings.NewReader("a\n"), 4); !errors.Is(err, ErrChanged) {
		t.Errorf("shorter while indexed: %v", err)
	}
}

// replaced is a file whose content is replaced.
type replaced struct {
	text string
	err  error
}

func (f *replaced) ReadAt(b []byte, at int64) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	n, err := bytes.NewReader([]byte(f.text)).ReadAt(b, at)
	if n < len(b) {
		err = io.EOF
	}
	return n, err
}

func BenchmarkLines(b *testing.B) {
	text := strings.Repeat("0123456789\n", 200_000)
	l, err := IndexLines(b.Context(), strings.NewReader(text), int64(len(text)))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("at", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			if _, err := At(l, int64(i*7)%l.Len()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("block", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			start := int64(i*7) % (l.Len() - 1000)
			for _, err := range l.Range(start, start+1000) {
				if err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}
