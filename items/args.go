package items

import (
	"fmt"
	"strings"
)

// ParseArgs reads GNU parallel's way to give items behind a command:
//
//	command {} ::: a b ::: 1 2     all combinations
//	command {} ::: a b :::+ 1 2    a with 1, b with 2
//	command {} :::: FILE           the lines of a file; ::::+ links them
//
// It returns the command and the source; the zero Spec where there is no ":::".
func ParseArgs(args []string) (command []string, spec Spec, err error) {
	var sources []Spec
	command = args
	for i, arg := range args {
		if isSeparator(arg) {
			command = args[:i]
			break
		}
	}
	for i := len(command); i < len(args); {
		sep := args[i]
		end := i + 1
		for end < len(args) && !isSeparator(args[end]) {
			end++
		}
		values := args[i+1 : end]
		if len(values) == 0 {
			return nil, Spec{}, fmt.Errorf("%s: nothing follows it", sep)
		}
		var next Spec
		if strings.HasPrefix(sep, "::::") {
			for _, file := range values {
				next.Concat = append(next.Concat, Spec{Lines: &LinesSpec{Path: file}})
			}
			if len(next.Concat) == 1 {
				next = next.Concat[0]
			}
		} else {
			next.Values = values
		}
		switch linked := strings.HasSuffix(sep, "+"); {
		case linked && len(sources) == 0:
			return nil, Spec{}, fmt.Errorf("%s: there is nothing before it to link with", sep)
		case linked:
			last := &sources[len(sources)-1]
			if len(last.Zip) > 0 {
				last.Zip = append(last.Zip, next)
			} else {
				*last = Spec{Zip: []Spec{*last, next}}
			}
		default:
			sources = append(sources, next)
		}
		i = end
	}
	switch len(sources) {
	case 0:
		return command, Spec{}, nil
	case 1:
		return command, sources[0], nil
	}
	return command, Spec{Product: sources}, nil
}

func isSeparator(arg string) bool {
	switch arg {
	case ":::", ":::+", "::::", "::::+":
		return true
	}
	return false
}
