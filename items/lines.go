package items

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
)

// LinesSpec is a file whose lines are the items, with what is needed to notice that it is another one.
type LinesSpec struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes,omitempty"`
	Count  int64  `json:"count,omitempty"`
	SHA256 string `json:"sha256,omitempty"` // hex
}

const (
	// MaxLine is the longest line, in bytes.
	MaxLine = 16 << 20
	// maxMarks bounds the index of a file: 64 Ki offsets are 512 KiB, however long the file.
	maxMarks = 64 << 10
	readSize = 256 << 10
)

// Lines are the lines of a file of any size. Reading a block of them takes one seek and reads on from the nearest line
// whose offset is known. An empty line is an item; the last line needs no newline; a carriage return before the newline is
// not part of the item.
type Lines struct {
	r     io.ReaderAt
	size  int64
	count int64
	every int64   // marks[i] is the offset of line i*every
	marks []int64 // at most maxMarks
	sum   string
}

// IndexLines reads a file once, to count its lines, to know where to find them, and for its fingerprint.
func IndexLines(ctx context.Context, r io.ReaderAt, size int64) (*Lines, error) {
	return indexLines(ctx, r, size, maxMarks)
}

func indexLines(ctx context.Context, r io.ReaderAt, size int64, most int) (*Lines, error) {
	l := &Lines{r: r, size: size, every: 1}
	h := sha256.New()
	buf := make([]byte, readSize)
	var at, start int64 // offsets of the buffer, of the line
	for at < size {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		b := buf[:min(int64(len(buf)), size-at)]
		if n, err := r.ReadAt(b, at); n < len(b) {
			if err == nil || errors.Is(err, io.EOF) {
				err = errors.New("the file became shorter while it was read")
			}
			return nil, fmt.Errorf("read lines: %w", err)
		}
		h.Write(b)
		for rest := b; ; {
			i := bytes.IndexByte(rest, '\n')
			if i < 0 {
				break
			}
			rest = rest[i+1:]
			if err := l.add(start, at+int64(len(b)-len(rest)), most); err != nil {
				return nil, err
			}
			start = at + int64(len(b)-len(rest))
		}
		at += int64(len(b))
	}
	if start < size {
		if err := l.add(start, size, most); err != nil {
			return nil, err
		}
	}
	l.sum = hexSum(h)
	return l, nil
}

// add takes in a line. When there are too many marks every second one is dropped.
func (l *Lines) add(start, end int64, most int) error {
	if end-start > MaxLine {
		return fmt.Errorf("line %d has %d bytes; a line has at most %d", l.count+1, end-start, MaxLine)
	}
	if l.count%l.every == 0 {
		if len(l.marks) == most {
			for i := range most / 2 {
				l.marks[i] = l.marks[2*i]
			}
			l.marks = l.marks[:most/2]
			l.every *= 2
		}
		if l.count%l.every == 0 {
			l.marks = append(l.marks, start)
		}
	}
	if l.count++; l.count > MaxLen {
		return fmt.Errorf("more than %d lines", int64(MaxLen))
	}
	return nil
}

func hexSum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// Spec describes the file for a manifest.
func (l *Lines) Spec(path string) LinesSpec {
	return LinesSpec{Path: path, Bytes: l.size, Count: l.count, SHA256: l.sum}
}

// check tells whether the file is the one that was described.
func (l *Lines) check(s LinesSpec) error {
	switch {
	case s.Bytes != 0 && s.Bytes != l.size:
		return fmt.Errorf("lines %s: the file has changed: it has %d bytes, not %d", s.Path, l.size, s.Bytes)
	case s.SHA256 != "" && s.SHA256 != l.sum:
		return fmt.Errorf("lines %s: the file has changed: its content is not what it was", s.Path)
	}
	return nil
}

// Len is the number of lines.
func (l *Lines) Len() int64 { return l.count }

// Append appends line i.
func (l *Lines) Append(dst []byte, i int64) ([]byte, error) {
	for line, err := range l.Range(i, i+1) {
		return append(dst, line...), err
	}
	return dst, nil
}

// Range yields lines start to end-1.
func (l *Lines) Range(start, end int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if start >= end {
			return
		}
		offset := l.marks[start/l.every]
		size := readSize
		if end-start < 16 {
			size = 4 << 10
		}
		r := bufio.NewReaderSize(io.NewSectionReader(l.r, offset, l.size-offset), size)
		var long []byte
		for i := start / l.every * l.every; i < end; i++ {
			line, err := r.ReadSlice('\n')
			if errors.Is(err, bufio.ErrBufferFull) {
				long = append(long[:0], line...)
				for errors.Is(err, bufio.ErrBufferFull) && len(long) <= MaxLine {
					line, err = r.ReadSlice('\n')
					long = append(long, line...)
				}
				line = long
			}
			if err != nil && (!errors.Is(err, io.EOF) || len(line) == 0) {
				yield(nil, fmt.Errorf("read line %d: the file has changed since it was indexed: %w", i+1, err))
				return
			}
			if i < start {
				continue
			}
			line = bytes.TrimSuffix(line, []byte("\n"))
			if !yield(bytes.TrimSuffix(line, []byte("\r")), nil) {
				return
			}
		}
	}
}
