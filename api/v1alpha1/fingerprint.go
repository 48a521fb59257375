package v1alpha1

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"teamtask.dev/items"
)

// Source makes the items of a list; nil: they are integers. The fingerprint changes with anything that changes them, the lines of
// a ConfigMap included; those of a file are where the workers are, and known by what the spec says of them.
func (s *WorklistSpec) Source(open items.OpenLines) (source items.Source, fingerprint string, err error) {
	h := sha256.New()
	if s.Items == nil {
		fmt.Fprintln(h, s.Size)
	} else {
		fmt.Fprintln(h, s.Items.Fingerprint())
		source, err = s.Items.Build(func(spec items.LinesSpec) (*items.Lines, error) {
			lines, err := open(spec)
			if err == nil && spec.ConfigMap != nil {
				fmt.Fprintln(h, lines.Spec("").SHA256)
			}
			return lines, err
		})
	}
	return source, "sha256:" + hex.EncodeToString(h.Sum(nil)), err
}
