package jobfile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Place is where in a file something is.
type Place struct {
	File string `json:"file"`
	// Line and Column count from 1; 0 where they are not known. Columns are counted in characters.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
	// Path of the field: "containers.app.ports[0]"; empty for the file as such.
	Path string `json:"path,omitempty"`
}

// String writes FILE:LINE:COLUMN, as editors and compilers do.
func (p Place) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

func (p Place) with(message string) string {
	if p.Path == "" {
		return p.String() + ": " + message
	}
	return p.String() + ": " + p.Path + ": " + message
}

// Fault is one thing that is wrong.
type Fault struct {
	Place
	Message string `json:"message"`
}

func (f Fault) Error() string { return f.with(f.Message) }

// Warning is something that is ignored, or means something else than the author of a compose file may think.
type Warning struct {
	Place
	Message string `json:"message"`
}

func (w Warning) String() string { return w.with(w.Message) }

// Faults are all that is wrong with a file, by line. [Parse] returns no other error for what a file says.
type Faults []Fault

func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.Error()
	}
	return strings.Join(lines, "\n")
}

// before orders by line and column; what has none comes first.
func (p Place) before(q Place) int {
	return cmp.Or(cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
}

// report collects what is to be said about a file.
type report struct {
	file     string
	faults   Faults
	warnings []Warning
}

// maxFaults ends the list: after that many there is something else the matter.
const maxFaults = 100

func (r *report) fault(at spot, path, format string, args ...any) {
	r.add(Fault{r.place(at, path), fmt.Sprintf(format, args...)})
}

func (r *report) add(f Fault) {
	if len(r.faults) < maxFaults {
		r.faults = append(r.faults, f)
	}
}

func (r *report) warn(at spot, path, format string, args ...any) {
	if len(r.warnings) < maxFaults {
		r.warnings = append(r.warnings, Warning{r.place(at, path), fmt.Sprintf(format, args...)})
	}
}

func (r *report) place(at spot, path string) Place {
	return Place{File: r.file, Line: at.line, Column: at.column, Path: path}
}

// result returns what was collected, in the order of the file.
func (r *report) result() ([]Warning, error) {
	slices.SortStableFunc(r.warnings, func(a, b Warning) int { return a.before(b.Place) })
	if len(r.faults) == 0 {
		return r.warnings, nil
	}
	slices.SortStableFunc(r.faults, func(a, b Fault) int { return a.before(b.Place) })
	// What is wrong with what several aliases name is wrong once.
	r.faults = slices.CompactFunc(r.faults, func(a, b Fault) bool {
		return a.Line > 0 && a.Line == b.Line && a.Column == b.Column && a.Message == b.Message
	})
	return r.warnings, r.faults
}
