package v1

import "time"

// LogLine is one that a container wrote. A log is a stream of them, each a line of JSON.
type LogLine struct {
	Time      time.Time `json:"time"`
	Container string    `json:"container"`
	Stderr    bool      `json:"stderr,omitempty" doc:"It went to standard error rather than to standard output."`
	Text      string    `json:"text"`
	// Problem ends a log that could not be read to its end.
	Problem *Problem `json:"problem,omitempty"`
}
