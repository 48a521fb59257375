package listing

import (
	"context"
	"time"

	"github.com/spf13/cobra"
)

// Kind is what is shown of objects of a kind. C is the client that they are read by.
type Kind[C any] struct {
	Plural, Singular, Short string
	About                   string // short help
	Argument                string // what its names are
	Complete                cobra.CompletionFunc
	Header, Wide            []string // of a table's columns; of what has an age, AGE comes between these
	Aged                    bool
	None                    string // what is said where there are none
	Read                    func(ctx context.Context, c C, names []string) (Found, error)
}

// Found are objects of a kind.
type Found struct {
	Rows   []Row
	Object any // all of it, for -o json and yaml
}

// Row is what a table has of an object.
type Row struct {
	Name        string
	Key         string // by which it is known again, if it may be there several times by its name
	Cells, Wide []string
	Created     time.Time
}
