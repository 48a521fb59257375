package items

import (
	"fmt"
	"strings"
)

// ParseArgs reads GNU parallel's way to give items behind a command:
//
//	command {} ::: a b ::: 1 2       all combinations
//	command {} ::: a b :::+ 1 2      a with 1, b with 2
//	command {} :::: FILE OTHER       the lines of files; each file is a source of its own, so all combinations
//	command {} ::: a b ::::+ FILE    a with the first line, b with the second
//
// The + links to the source before it, which after several files is the last of them. Two things are refused that GNU
// parallel lets pass: a separator without anything behind it, and, when the source is built, linked sources of different
// lengths, of which it uses only as much as the shortest has.
//
// ParseArgs returns the command and the source; the zero Spec where there is no separator.
func ParseArgs(args []string) (command []string, spec Spec, err error) {
	command, args = untilSeparator(args)
	var product []Spec
	for len(args) > 0 {
		sep := args[0]
		var given []string
		given, args = untilSeparator(args[1:])
		if len(given) == 0 {
			return nil, Spec{}, fmt.Errorf("nothing follows %s; give items after ::: and files after :::: there", sep)
		}
		sources := []Spec{{Values: given}}
		if strings.HasPrefix(sep, "::::") {
			sources = nil
			for _, file := range given {
				sources = append(sources, Spec{Lines: &LinesSpec{Path: file}})
			}
		}
		if !strings.HasSuffix(sep, "+") {
			product = append(product, sources...)
			continue
		}
		if len(product) == 0 {
			return nil, Spec{}, fmt.Errorf("%s: there is nothing before it to link with; write %s", sep, strings.TrimSuffix(sep, "+"))
		}
		last := &product[len(product)-1]
		if len(last.Zip) == 0 {
			*last = Spec{Zip: []Spec{*last}}
		}
		last.Zip = append(last.Zip, sources...)
	}
	switch len(product) {
	case 0:
		return command, Spec{}, nil
	case 1:
		return command, product[0], nil
	}
	return command, Spec{Product: product}, nil
}

// untilSeparator cuts arguments before the first separator.
func untilSeparator(args []string) (before, from []string) {
	for i, arg := range args {
		switch arg {
		case ":::", ":::+", "::::", "::::+":
			return args[:i], args[i:]
		}
	}
	return args, nil
}
