package items

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// lineReader reads the lines of a file from a mark on, and compares them with what is known of them.
type lineReader struct {
	lines  *Lines
	in     bufio.Reader // no pointer: there is one less to allocate for each line that is asked for
	line   int64        // that was read last, from 1
	offset int64        // behind it
	mark   int64        // the last one at or before it
	sum    uint64       // of the lines since
	long   []byte
}

var errMoved = fmt.Errorf("%w since it was indexed; put the old one back, or make a new list", ErrChanged)

// reader starts at a mark. It sees to it that a line begins there because another ends.
func (l *Lines) reader(at int64, size int) (lineReader, error) {
	offset := l.marks[at].offset
	before := max(0, offset-1)
	r := lineReader{
		lines:  l,
		in:     *bufio.NewReaderSize(io.NewSectionReader(l.r, before, l.size-before), size),
		line:   at * l.every,
		offset: offset,
		mark:   at,
	}
	if offset == 0 {
		return r, nil
	}
	b, err := r.in.ReadByte()
	if errors.Is(err, io.EOF) || err == nil && b != '\n' {
		err = errMoved
	}
	return r, err
}

// next is the next line without its end. It is valid until the one after that.
func (r *lineReader) next() ([]byte, error) {
	r.line++
	line, err := r.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		r.long = append(r.long[:0], line...)
		for errors.Is(err, bufio.ErrBufferFull) && len(r.long) <= MaxLine {
			line, err = r.in.ReadSlice('\n')
			r.long = append(r.long, line...)
		}
		line = r.long
	}
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, err
	}
	text, closed := bytes.CutSuffix(line, []byte("\n"))
	if !r.pass(line, closed) {
		return nil, errMoved
	}
	return bytes.TrimSuffix(text, []byte("\r")), nil
}

// pass goes on behind a line. It tells whether that can be the line that was there: only the last one may lack its newline,
// all but the last before the next mark end before it, and those up to there have the right sum.
func (r *lineReader) pass(line []byte, closed bool) bool {
	l := r.lines
	stretchEnd, offsetEnd := l.count, l.size
	if next := r.mark + 1; next < int64(len(l.marks)) {
		stretchEnd, offsetEnd = next*l.every, l.marks[next].offset
	}
	r.offset += int64(len(line))
	r.sum = r.sum*radix + uint64(crc32.Checksum(line, castagnoli))
	if r.line < stretchEnd {
		return closed && r.offset < offsetEnd
	}
	right := r.sum == l.marks[r.mark].sum
	r.mark, r.sum = r.mark+1, 0
	return right
}
