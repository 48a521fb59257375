package cli

import (
	"bufio"
	"io"
	"strings"
	"unicode/utf8"
)

// table writes aligned columns as kubectl does. What comes after a flush is aligned with what came before it.
type table struct {
	w      io.Writer
	rows   []string // their cells apart by tabs
	widths []int
}

func newTable(w io.Writer, header ...string) *table {
	t := &table{w: w, widths: make([]int, len(header))}
	t.row(header...)
	return t
}

func (t *table) row(cells ...string) {
	for i, c := range cells {
		if c == "" {
			cells[i] = "-"
		}
		cells[i] = strings.ReplaceAll(cells[i], "\t", " ")
		t.widths[i] = max(t.widths[i], utf8.RuneCountInString(cells[i]))
	}
	t.rows = append(t.rows, strings.Join(cells, "\t"))
}

func (t *table) flush() error {
	const gap = 3
	w := bufio.NewWriter(t.w)
	for _, row := range t.rows {
		cells := strings.Split(row, "\t")
		for i, c := range cells {
			w.WriteString(c)
			if i < len(cells)-1 {
				w.WriteString(strings.Repeat(" ", t.widths[i]-utf8.RuneCountInString(c)+gap))
			}
		}
		w.WriteString("\n")
	}
	t.rows = nil
	return w.Flush()
}
