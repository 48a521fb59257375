package worker

import (
	"errors"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// Mode is how often a command runs.
type Mode int

const (
	PerItem  Mode = iota // once for each item
	PerBlock             // once for each block, which it gets by {start}, {end}, {index} or {size}
	Pipe                 // once for each block, the items on standard input, a line each
)

// Template is a command line with replacement strings, those of GNU parallel where it has them:
//
//	{}                the item
//	{.} {/} {//} {/.} the item without extension, its base name, its directory, its base name without extension
//	{1} {2} ...       the fields of the item, with the same variants: {1.} {1/} {1//} {1/.}
//	{#}               the item's index, from 0
//	{%}               the slot, from 1: which of the worker's hands it is in
//	{start} {end}     the first and the last item of the block
//	{index} {size}    the block's first index and its number of items
//
// A command without any has the item appended. Other words in braces stay as they are. A command given as one argument
// that is more than a word is run by /bin/sh, with replaced values quoted.
type Template struct {
	Mode   Mode
	parts  [][]part // one list for each argument
	shell  bool
	fields bool // {1} {2} ... are used
}

// part is a piece of an argument: text, or a replacement string without its braces.
type part struct {
	text    string
	replace bool
}

var replacement = regexp.MustCompile(`\{(?:|#|%|start|end|index|size|\d*(?:\.|/|//|/\.)|\d+)\}`)

// Parse reads a command line.
func Parse(args []string, pipe bool) (*Template, error) {
	if len(args) == 0 || args[0] == "" {
		return nil, errors.New("the command is missing: give it after --, as in `-- echo {}`")
	}
	t := &Template{Mode: PerItem}
	item, block := false, false
	for _, arg := range args {
		var parts []part
		at := 0
		for _, m := range replacement.FindAllStringIndex(arg, -1) {
			if at < m[0] {
				parts = append(parts, part{text: arg[at:m[0]]})
			}
			name := arg[m[0]+1 : m[1]-1]
			parts = append(parts, part{text: name, replace: true})
			at = m[1]
			switch name {
			case "start", "end", "index", "size":
				block = true
			case "%":
			default:
				item = true
				t.fields = t.fields || name != "" && '0' <= name[0] && name[0] <= '9'
			}
		}
		if at < len(arg) || len(arg) == 0 {
			parts = append(parts, part{text: arg[at:]})
		}
		t.parts = append(t.parts, parts)
	}
	t.shell = len(args) == 1 && strings.ContainsAny(args[0], " \t\n|&;<>()$`\\\"'*?[]~=")
	switch {
	case pipe && item:
		return nil, errors.New("--pipe gives the items on standard input; the command cannot have {} as well")
	case pipe:
		t.Mode = Pipe
	case item:
	case block:
		t.Mode = PerBlock
	case t.shell:
		t.parts[0] = append(t.parts[0], part{text: " "}, part{replace: true})
	default:
		t.parts = append(t.parts, []part{{replace: true}})
	}
	return t, nil
}

// program is what is executed, if that is the same for all items.
func (t *Template) program() (string, bool) {
	if t.shell {
		return "/bin/sh", true
	}
	for _, p := range t.parts[0] {
		if p.replace {
			return "", false
		}
	}
	return t.parts[0][0].text, true
}

// values are what replacement strings stand for.
type values struct {
	item       string
	fields     []string
	index      int64 // of the item
	slot       int
	start, end string // items
	first, n   int64  // of the block
}

// expand is the command line for some values.
func (t *Template) expand(v *values) []string {
	args := make([]string, 0, len(t.parts)+2)
	if t.shell {
		args = append(args, "/bin/sh", "-c")
	}
	for _, parts := range t.parts {
		if len(parts) == 1 && !parts[0].replace {
			args = append(args, parts[0].text)
			continue
		}
		var b strings.Builder
		for _, p := range parts {
			switch {
			case !p.replace:
				b.WriteString(p.text)
			case t.shell:
				b.WriteString(quote(v.get(p.text)))
			default:
				b.WriteString(v.get(p.text))
			}
		}
		args = append(args, b.String())
	}
	return args
}

func (v *values) get(name string) string {
	switch name {
	case "":
		return v.item
	case "#":
		return strconv.FormatInt(v.index, 10)
	case "%":
		return strconv.Itoa(v.slot)
	case "start":
		return v.start
	case "end":
		return v.end
	case "index":
		return strconv.FormatInt(v.first, 10)
	case "size":
		return strconv.FormatInt(v.n, 10)
	}
	variant := strings.TrimLeft(name, "0123456789")
	text := v.item
	if number := name[:len(name)-len(variant)]; number != "" {
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 || n > len(v.fields) {
			return ""
		}
		text = v.fields[n-1]
	}
	switch variant {
	case ".":
		return withoutExtension(text)
	case "/":
		return path.Base(text)
	case "//":
		return path.Dir(text)
	case "/.":
		return withoutExtension(path.Base(text))
	}
	return text
}

func withoutExtension(s string) string { return strings.TrimSuffix(s, path.Ext(s)) }

var plain = regexp.MustCompile(`^[A-Za-z0-9_./:=@%+,-]+$`)

// quote makes a word that the shell takes as it is.
func quote(s string) string {
	if plain.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Line is a command line as a person would type it.
func Line(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = quote(a)
	}
	return strings.Join(quoted, " ")
}
