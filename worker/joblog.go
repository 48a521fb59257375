package worker

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// Joblog is a file with a line for each command that has run, in the columns of GNU parallel's --joblog. It is safe for
// concurrent use.
type Joblog struct {
	mu   sync.Mutex
	file *os.File
	host string
}

// OpenJoblog opens a file to append to; a new one gets the header.
func OpenJoblog(name string) (*Joblog, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open joblog: %w", err)
	}
	info, err := f.Stat()
	if err == nil && info.Size() == 0 {
		_, err = fmt.Fprintln(f, "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand")
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("open joblog: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		host = ":"
	}
	return &Joblog{file: f, host: host}, nil
}

// add writes the line of a command. As with GNU parallel Seq counts from 1, the exit code is 0 where a signal ended the
// command and -1 where it ran out of time, and a newline in the command is written as NUL.
func (j *Joblog) add(index int64, e ended, out *output, args []string) error {
	if j == nil {
		return nil
	}
	received, err := out.size()
	if err != nil {
		return err
	}
	exit := e.exit
	if e.signal != 0 && !e.timedOut {
		exit = 0
	}
	command := strings.ReplaceAll(Line(args), "\n", "\x00")
	j.mu.Lock()
	defer j.mu.Unlock()
	_, err = fmt.Fprintf(j.file, "%d\t%s\t%.3f\t%10.3f\t0\t%d\t%d\t%d\t%s\n", index+1, j.host,
		float64(e.begun.UnixMilli())/float64(time.Second/time.Millisecond), e.seconds, received, exit, e.signal, command)
	return err
}

// Close closes the file.
func (j *Joblog) Close() error {
	if j == nil {
		return nil
	}
	return j.file.Close()
}
