package worker

import (
	"errors"
	"os/exec"
	"slices"
	"strings"
	"syscall"
)

// unfit are the errors that say that a file is no program, and the exit code that a shell has for each: POSIX, Shell
// Command Language, 2.8.2. All others, such as EAGAIN or EMFILE, are the machine's.
var unfit = []struct {
	err  error
	exit int
}{
	{exec.ErrNotFound, 127}, {syscall.ENOENT, 127}, {syscall.ENOTDIR, 127}, {syscall.ELOOP, 127}, {syscall.ENAMETOOLONG, 127},
	{exec.ErrDot, 126}, {syscall.EACCES, 126}, {syscall.EINVAL, 126}, {syscall.EISDIR, 126}, {syscall.ENOEXEC, 126},
	{syscall.EPERM, 126}, {syscall.ETXTBSY, 126},
}

// itemsFault says how a command that could not be started has failed, if that is the fault of the items that it stands
// for; the exit code is 0 if not.
func (t *Template) itemsFault(err error, args, env []string) (exit int, reason string) {
	if !errors.As(err, new(startError)) {
		return 0, ""
	}
	const cannot = "cannot execute: " // and not what: the same reason is kept once for many items
	rest := t.expand(&values{})
	switch {
	case hasNUL(args):
		if !hasNUL(rest) {
			return 126, cannot + "an argument holds a NUL byte"
		}
	case errors.Is(err, syscall.E2BIG):
		// How much fits depends on the machine. Where the rest is less than all machines take it cannot be that; where
		// the items' part is as much as none has to take, it is.
		if other := size(rest) + size(env); other < maxString || size(args)-size(rest) >= maxString {
			return 126, cannot + syscall.E2BIG.Error()
		}
	case t.namedByItem():
		for _, u := range unfit {
			if errors.Is(err, u.err) {
				return u.exit, cannot + u.err.Error()
			}
		}
	}
	return 0, ""
}

// namedByItem tells whether what is executed depends on the items.
func (t *Template) namedByItem() bool {
	return !t.shell && slices.ContainsFunc(t.parts[0], func(p part) bool { return p.replace && p.text != "%" })
}

func hasNUL(args []string) bool {
	return slices.ContainsFunc(args, func(a string) bool { return strings.Contains(a, "\x00") })
}

// size is how much of a new program's memory arguments or variables take, with a pointer to each: execve(2).
func size(list []string) (n int) {
	for _, s := range list {
		n += len(s) + len("\x00") + 8
	}
	return n
}
