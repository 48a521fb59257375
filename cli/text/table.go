package text

import (
	"bufio"
	"io"
	"strings"
	"unicode/utf8"
)

// Table writes aligned columns as kubectl does. What comes after a flush is aligned with what came before it.
type Table struct {
	w      io.Writer
	rows   []string // their cells apart by tabs
	widths []int
}

// NewTable begins a table with its header.
func NewTable(w io.Writer, header ...string) *Table {
	t := Plain(w, len(header))
	t.Row(header...)
	return t
}

// Plain begins a table of so many columns without a header.
func Plain(w io.Writer, columns int) *Table {
	return &Table{w: w, widths: make([]int, columns)}
}

// Row adds a row; it is written with the next flush.
func (t *Table) Row(cells ...string) {
	for i, c := range cells {
		if c == "" {
			cells[i] = "-"
		}
		cells[i] = strings.ReplaceAll(cells[i], "\t", " ")
		t.widths[i] = max(t.widths[i], utf8.RuneCountInString(cells[i]))
	}
	t.rows = append(t.rows, strings.Join(cells, "\t"))
}

// Flush writes the rows that were added since the last one.
func (t *Table) Flush() error {
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
