// Package endless has a body that no call may read to its end, for tests of the limits of APIs.
package endless

import "io"

// A Body goes on and on, and counts what is taken of it. It ends after 64 MiB: whoever has taken all of that has no limit.
type Body struct{ Taken int64 }

func (b *Body) Read(p []byte) (int, error) {
	const enough = 64 << 20
	if b.Taken >= enough {
		return 0, io.EOF
	}
	for i := range p {
		p[i] = ' ' // of which no kind of body is made wrong
	}
	b.Taken += int64(len(p))
	return len(p), nil
}
