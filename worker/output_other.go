//go:build unix && !linux

package worker

import (
	"errors"
	"os"
)

// alone cannot be told: each command gets a file of its own.
func alone(*os.File) bool { return false }

func reopen(*os.File) (*os.File, error) { return nil, errors.ErrUnsupported }
