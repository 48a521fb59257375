package program

import (
	"bytes"
	"log/slog"
	"sync"
)

// most is the longest line that is logged in one piece, in bytes.
const most = 4096

// Lines is an output that logs what is written to it, line by line, under the name of the program that says it.
type Lines struct {
	Log  *slog.Logger
	Name string
	// Bad tells which lines are of trouble: they are logged as warnings, all others for debugging only. It is called for each line.
	Bad func(line []byte) bool

	mu   sync.Mutex
	rest []byte
}

// Write logs the lines that b completes.
func (l *Lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, b...)
	for {
		end, next := bytes.IndexByte(l.rest, '\n'), 1
		switch {
		case end < 0 && len(l.rest) < most:
			return len(b), nil
		case end < 0 || end > most:
			end, next = most, 0
		}
		l.log(bytes.TrimSpace(l.rest[:end]))
		l.rest = l.rest[end+next:]
	}
}

func (l *Lines) log(line []byte) {
	if len(line) == 0 {
		return
	}
	say := l.Log.Debug
	if l.Bad(line) {
		say = l.Log.Warn
	}
	say(string(line), "program", l.Name)
}
