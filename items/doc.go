// Package items says what item i of a worklist is, without ever making the list: a [Source] computes the text of an item
// from its index, and where that is defined the index from the text.
//
//	src, err := items.Spec{Range: &items.RangeSpec{Start: 1, End: 100, Step: 2}}.Build(nil)
//	src.Len()                  // 50
//	items.At(src, 3)           // "7"
//	items.Index(src, "7")      // 3
//
// Where an item is, some sources cannot tell, such as the lines of a file: [ErrNoIndex] is not "there is none".
//
// A [Spec] is the declarative form, as it stands in a manifest under spec.items. Sources nest: products, zips, concatenations
// and slices of other sources are sources.
//
// The package is pure: files are read through an io.ReaderAt that the caller hands in.
package items
