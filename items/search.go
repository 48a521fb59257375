package items

// search looks for one text in a source and the sources it is made of. There are three answers: the first index at or after
// a given one, that there is none, and ErrNoIndex. A source must not guess: the source around it may skip what comes first,
// as a slice does, or combine it, as a product does.
type search struct {
	cuts int // tried so far, in all products
}

// maxCuts bounds a search: products within products can be cut in exponentially many ways.
const maxCuts = 1 << 19

// finder is a source that may have a text more than once, or is made of others.
type finder interface {
	// find is the first index at or after from, 0 <= from < Len, with that text.
	find(s *search, text string, from int64) (int64, bool, error)
}

// in looks in a source from an index on.
func (s *search) in(src Source, text string, from int64) (int64, bool, error) {
	if from >= src.Len() {
		return 0, false, nil
	}
	switch x := src.(type) {
	case finder:
		return x.find(s, text, from)
	case Indexer:
		i, ok := x.Index(text)
		return i, ok && i >= from, nil
	}
	return 0, false, ErrNoIndex
}
