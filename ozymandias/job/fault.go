package job

import "fmt"

// Fault is one thing that is wrong with a job. It is an error too.
type Fault struct {
	// Path of the field, as it is written in a job file: "containers.app.ports[0]". What is missing has the path it would have.
	Path string `json:"path"`
	// Message names the value and what to write instead.
	Message string `json:"message"`
}

func (f Fault) Error() string { return f.Path + ": " + f.Message }

// faults collects what is wrong, in the order it is found.
type faults []Fault

func (f *faults) add(path, format string, args ...any) {
	*f = append(*f, Fault{Path: path, Message: fmt.Sprintf(format, args...)})
}
