package jobfile

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// interpolate replaces the variables of a compose file. None is set, as nothing but the file is read, so what counts is the default
// in ${NAME:-default}; one without is a fault. compose-go would do this too, but would write to the log, and knows no lines.
func (c *compose) interpolate(n *yaml.Node, path string) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			c.interpolate(n.Content[i+1], join(path, n.Content[i].Value))
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			c.interpolate(item, fmt.Sprintf("%s[%d]", path, i))
		}
	case yaml.ScalarNode:
		if !strings.Contains(n.Value, "$") {
			return
		}
		value, err := expand(n.Value, 0)
		if err != nil {
			c.report.fault(at(n), path, "%q: %s", cut(n.Value), err)
			return
		}
		n.Value = value
		if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle|yaml.TaggedStyle) == 0 {
			n.Tag = "" // ${REPLICAS:-3} is a number
		}
	}
}

// deepest is how many variables may stand in one another's defaults. Each level is read again for those within.
const deepest = 20

// expand replaces $NAME and ${NAME...} where no name has a value; $$ is a dollar sign.
func expand(s string, depth int) (string, error) {
	if depth > deepest {
		return "", fmt.Errorf("more than %d variables stand in one another's defaults: write the value", deepest)
	}
	var out strings.Builder
	for {
		head, tail, found := strings.Cut(s, "$")
		out.WriteString(head)
		if !found {
			return out.String(), nil
		}
		switch {
		case strings.HasPrefix(tail, "$"):
			out.WriteByte('$')
			s = tail[1:]
		case strings.HasPrefix(tail, "{"):
			end := closing(tail)
			if end < 0 {
				return "", fmt.Errorf("${ is not closed: close it, or write $$ for a dollar sign")
			}
			value, err := substitute(tail[1:end], depth)
			if err != nil {
				return "", err
			}
			out.WriteString(value)
			s = tail[end+1:]
		default:
			name := variable(tail)
			if name == "" {
				return "", fmt.Errorf("$ begins no variable: write $$ for a dollar sign")
			}
			return "", unset(name)
		}
	}
}

// closing finds the brace that closes the one s begins with, -1 if there is none.
func closing(s string) int {
	open := 0
	for i := range len(s) {
		switch s[i] {
		case '{':
			open++
		case '}':
			if open--; open == 0 {
				return i
			}
		}
	}
	return -1
}

// substitute returns what NAME, NAME:-default, NAME-default, NAME:+other, NAME+other, NAME:?message or NAME?message comes to.
func substitute(s string, depth int) (string, error) {
	name := variable(s)
	operator, operand := strings.TrimPrefix(s[len(name):], ":"), ""
	if operator != "" {
		operator, operand = operator[:1], operator[1:]
	}
	switch {
	case name == "":
		return "", fmt.Errorf("${%s} names no variable: write $$ for a dollar sign", cut(s))
	case operator == "-":
		return expand(operand, depth+1)
	case operator == "+":
		return "", nil
	case operator == "?" || s == name:
		return "", unset(name)
	}
	return "", fmt.Errorf("${%s} is no variable: write ${%s:-DEFAULT}, or $$ for a dollar sign", cut(s), name)
}

func unset(name string) error {
	return fmt.Errorf("%s has no value, nothing is taken from the environment: write the value, or ${%s:-DEFAULT}", name, name)
}

// variable returns the name s begins with.
func variable(s string) string {
	for i := range len(s) {
		c := s[i]
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return s[:i]
		}
	}
	return s
}
