package worker

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// output is a file that commands write to, one after the other, so that the outputs of several never mix and none is too
// large. It is not in any directory: it goes with its last user, however that ends. The zero value is ready.
//
// A command may leave children behind that hold the file, in its process group or anywhere. They are not killed: GNU
// parallel and xargs do not either, and servers are started like that. As with GNU parallel, nobody sees what they write
// later: if anything but the worker holds the file, the next command gets another one. Making a file for each command
// would do as well, but all workers of a machine would queue for the one directory.
type output struct {
	file *os.File // to read from; nil: none yet
}

// lend gives an empty file that nothing else writes to, for a command to write to. The caller closes it.
func (o *output) lend() (*os.File, error) {
	if o.file != nil && alone(o.file) {
		if f, err := reopen(o.file); err == nil {
			return f, o.empty()
		}
	}
	o.close()
	return o.make()
}

// make makes the file. It is opened twice, so that alone can tell whether somebody has the command's.
func (o *output) make() (lent *os.File, err error) {
	o.file, err = os.CreateTemp("", "teamtask-output-")
	if err == nil {
		lent, err = os.OpenFile(o.file.Name(), os.O_RDWR, 0)
		err = errors.Join(err, os.Remove(o.file.Name()))
	}
	if err != nil {
		return nil, fmt.Errorf("make a file for the command's output: %w; set TMPDIR to a directory that can be written to, or in a pod mount an emptyDir volume at /tmp", err)
	}
	return lent, nil
}

func (o *output) empty() error {
	size, err := o.size()
	if size == 0 || err != nil {
		return err
	}
	return o.file.Truncate(0)
}

func (o *output) close() {
	o.file.Close()
	o.file = nil
}

func (o *output) size() (int64, error) {
	info, err := o.file.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// tail is the last n bytes or less, as text.
func (o *output) tail(n int) (string, error) {
	size, err := o.size()
	if err != nil {
		return "", err
	}
	start := max(0, size-int64(n))
	b, err := io.ReadAll(io.NewSectionReader(o.file, start, size-start))
	if start > 0 {
		b = withoutRest(b)
	}
	return last(valid(string(b)), n), err
}

// lines are the first lines that are not empty, trimmed and cut, as text.
func (o *output) lines(most, length int) (lines []string, err error) {
	r := bufio.NewReaderSize(io.NewSectionReader(o.file, 0, 1<<62), 64<<10)
	for whole := true; len(lines) < most; {
		b, rest, err := r.ReadLine()
		if err == io.EOF {
			return lines, nil
		}
		if err != nil {
			return lines, err
		}
		if b = bytes.TrimSpace(b); whole && len(b) > 0 { // of a line that is longer than the buffer the beginning
			lines = append(lines, first(valid(string(b)), length))
		}
		whole = !rest
	}
	return lines, nil
}

// print writes everything to w.
func (o *output) print(w io.Writer) error {
	size, err := o.size()
	if size == 0 || err != nil {
		return err
	}
	_, err = io.Copy(w, io.NewSectionReader(o.file, 0, size))
	return err
}
