package worker

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// output is a file that a command writes to until it has ended, so that the outputs of several never mix and none is too
// large. It is used for one command after the other, and goes with its last user, however that ends.
type output struct{ file *os.File }

func newOutput() (*output, error) {
	f, err := os.CreateTemp("", "teamtask-output-")
	if err != nil {
		return nil, fmt.Errorf("make a file for the command's output: %w", err)
	}
	return &output{f}, os.Remove(f.Name())
}

func (o *output) size() (int64, error) {
	info, err := o.file.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// tail is the last n bytes.
func (o *output) tail(n int) (string, error) {
	size, err := o.size()
	if n = int(min(int64(n), size)); n == 0 || err != nil {
		return "", err
	}
	b := make([]byte, n)
	_, err = o.file.ReadAt(b, size-int64(n))
	return string(b), err
}

// lines are the first lines that are not empty, trimmed and cut.
func (o *output) lines(most, length int) (lines []string, err error) {
	b, err := io.ReadAll(io.NewSectionReader(o.file, 0, int64(most)*int64(length)))
	for line := range bytes.Lines(b) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && len(lines) < most {
			lines = append(lines, string(line[:min(len(line), length)]))
		}
	}
	return lines, err
}

// flush writes everything to w, and is empty again.
func (o *output) flush(w io.Writer) error {
	size, err := o.size()
	if size == 0 || err != nil {
		return err
	}
	if _, err := io.Copy(w, io.NewSectionReader(o.file, 0, size)); err != nil {
		return err
	}
	if err := o.file.Truncate(0); err != nil {
		return err
	}
	_, err = o.file.Seek(0, io.SeekStart)
	return err
}
