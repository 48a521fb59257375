package program

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
)

// Source is where a program comes from.
type Source struct {
	// Name of its executable.
	Name string
	// Package that Go builds it from, and its Version.
	Package, Version string
	// C says that part of it is in C, and takes a compiler for that.
	C bool
}

// The programs that are not in distributions, or are too old there.
var (
	CoreDNS = Source{Name: "coredns", Package: "github.com/coredns/coredns", Version: "v1.15.0"}
	Flannel = Source{Name: "flanneld", Package: "github.com/flannel-io/flannel", Version: "v0.26.7", C: true}
)

// Find looks for the program beside our own executable, then in $PATH.
func (s Source) Find() (string, error) {
	own, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("look for %s: %w", s.Name, err)
	}
	beside := filepath.Join(filepath.Dir(own), s.Name)
	for _, candidate := range []string{beside, s.Name} {
		found, err := exec.LookPath(candidate)
		if err == nil {
			return filepath.Abs(found)
		}
		if !errors.Is(err, exec.ErrNotFound) && !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("look for %s: %w", s.Name, err)
		}
	}
	return "", fmt.Errorf("%s is neither %s nor in $PATH: install it with Go (%s)", s.Name, beside, s.install())
}

// install is the command that installs the program. Go names an executable after its package.
func (s Source) install() string {
	command := fmt.Sprintf("go install %s@%s", s.Package, s.Version)
	if s.C {
		command = "CGO_ENABLED=1 " + command // or else Go leaves that part out, and complains of what is missing
	}
	if built := path.Base(s.Package); built != s.Name {
		command += fmt.Sprintf(", then rename %s to %s", built, s.Name)
	}
	return command
}
