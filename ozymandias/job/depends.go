package job

import (
	"bytes"
	"encoding/json"
)

// Dependencies are the containers a container needs, by name. They are read from a map, or from a list, whose conditions are
// [Started]; they are written as a map.
type Dependencies map[string]Dependency

// Dependency is what a container waits for before it is started.
type Dependency struct {
	// Condition is [Started] or [Healthy]. Default Started.
	Condition Condition `json:"condition,omitempty" doc:"service_started or service_healthy; default service_started." enum:"service_started,service_healthy"`
}

// Condition of a container that another one waits for.
type Condition string

const (
	// Started is met as soon as the container runs.
	Started Condition = "service_started"
	// Healthy is met when its healthcheck says so for the first time.
	Healthy Condition = "service_healthy"
)

// UnmarshalJSON takes a map or a list.
func (d *Dependencies) UnmarshalJSON(b []byte) error {
	if b = bytes.TrimSpace(b); len(b) == 0 || b[0] != '[' {
		return json.Unmarshal(b, (*map[string]Dependency)(d))
	}
	list, err := entries(b)
	if err != nil {
		return err
	}
	*d = make(Dependencies, len(list))
	for _, name := range list {
		(*d)[name] = Dependency{Condition: Started}
	}
	return nil
}
