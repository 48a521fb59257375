package podman

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
	"time"
)

// ReadLog reads a file that was some container's log, as [Client.Logs] does while the container is there. Nobody writes to it any more, so
// there is nothing to follow. One that is not there is [os.ErrNotExist].
func ReadLog(path string, l Log) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		file, err := os.Open(path)
		if err != nil {
			yield(Line{}, fmt.Errorf("read a log: %w", err))
			return
		}
		defer file.Close()
		var last []Line // those that are the last until more are read
		for line, err := range logLines(file) {
			switch {
			case err != nil:
				yield(line, fmt.Errorf("read a log: %w", err))
				return
			case line.Time.Before(l.Since):
			case l.Tail == 0:
				if !yield(line, nil) {
					return
				}
			default:
				last = append(last[max(0, len(last)-l.Tail+1):], line)
			}
		}
		for _, line := range last {
			if !yield(line, nil) {
				return
			}
		}
	}
}

// logLines takes the lines of a file apart that conmon has written: "TIME stdout F TEXT", or P in place of F where the line goes on in the
// next one of that stream. What is no such line, as the end of a file may be that was not written in whole, is left out.
func logLines(from io.Reader) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		begun := map[string]Line{}
		for r := bufio.NewReader(from); ; {
			read, err := r.ReadString('\n')
			if errors.Is(err, io.EOF) && read == "" {
				return
			}
			if err != nil && !errors.Is(err, io.EOF) {
				yield(Line{}, err)
				return
			}
			fields := strings.SplitN(strings.TrimSuffix(read, "\n"), " ", 4)
			if len(fields) < 4 {
				continue
			}
			stamp, stream, tag, text := fields[0], fields[1], fields[2], fields[3]
			line := begun[stream]
			if line.Time, err = time.Parse(time.RFC3339Nano, stamp); err != nil {
				continue
			}
			line.Stderr = stream == "stderr"
			line.Text += text
			if tag == "P" && len(line.Text) < maxFrame {
				begun[stream] = line
				continue
			}
			delete(begun, stream)
			if !yield(line, nil) {
				return
			}
		}
	}
}
