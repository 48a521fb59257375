package items

import (
	"errors"
	"fmt"
	"iter"
)

// MaxLen is the most items a list may have, 2^53-1: every index is exact as a JSON number in every language.
const MaxLen = 1<<53 - 1

// Source is a list of items that is computed, not stored. It is safe for concurrent use.
type Source interface {
	// Len is the number of items.
	Len() int64
	// Append appends the text of item i, 0 <= i < Len, to dst.
	Append(dst []byte, i int64) ([]byte, error)
}

// Indexer is a Source that has no text twice and can tell where each is.
type Indexer interface {
	// Index is the index of the item with that text; false if there is none.
	Index(item string) (int64, bool)
}

// Fielder is a Source whose items have several fields. The text of an item is its fields joined with a space.
type Fielder interface {
	Fields(i int64) ([]string, error)
}

// Ranger is a Source that reads neighbours more cheaply than one by one.
type Ranger interface {
	// Range yields the items start to end-1 in order. The text is valid until the next step. After an error nothing
	// more is yielded.
	Range(start, end int64) iter.Seq2[[]byte, error]
}

// ErrNoIndex means that a source cannot tell where an item is, or whether there is one: the lines of a file would have to be
// read, the parts of a zip be tried, a product be cut in too many ways.
var ErrNoIndex = errors.New("the source cannot find an item by its text")

// At is the text of item i.
func At(s Source, i int64) (string, error) {
	if err := inside(s, i, i+1); err != nil {
		return "", err
	}
	b, err := s.Append(nil, i)
	return string(b), err
}

// Index is the index of the first item with that text; false if there is none, ErrNoIndex if the source cannot tell.
func Index(s Source, item string) (int64, bool, error) {
	i, ok, err := new(search).in(s, item, 0)
	if !ok {
		i = 0
	}
	return i, ok, err
}

// Fields are the fields of item i; its text alone where the source has no fields.
func Fields(s Source, i int64) ([]string, error) {
	if x, ok := s.(Fielder); ok {
		if err := inside(s, i, i+1); err != nil {
			return nil, err
		}
		return x.Fields(i)
	}
	text, err := At(s, i)
	return []string{text}, err
}

// Range yields the items start to end-1 in order. The text is valid until the next step. After an error nothing more is
// yielded.
func Range(s Source, start, end int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if err := inside(s, start, end); err != nil {
			yield(nil, err)
			return
		}
		if x, ok := s.(Ranger); ok {
			x.Range(start, end)(yield)
			return
		}
		var b []byte
		for i := start; i < end; i++ {
			var err error
			b, err = s.Append(b[:0], i)
			if !yield(b, err) || err != nil {
				return
			}
		}
	}
}

func inside(s Source, start, end int64) error {
	if start < 0 || start > end || end > s.Len() {
		return fmt.Errorf("items %d to %d are not in a list of %d items", start, end-1, s.Len())
	}
	return nil
}
