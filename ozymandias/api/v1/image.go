package v1

import (
	"time"

	"teamtask.dev/ozymandias/job"
)

// An Image is one that was loaded into the cluster.
type Image struct {
	Name   string    `json:"name"`
	ID     string    `json:"id"`
	Size   job.Size  `json:"size"`
	Loaded time.Time `json:"loaded"`
	Nodes  []string  `json:"nodes" doc:"Those that have it."`
}

// LoadedImages are the names of images that an archive had.
type LoadedImages struct {
	Names []string `json:"names"`
}

// A Secret is what may be known of one.
type Secret struct {
	Name    string    `json:"name"`
	Version int64     `json:"version" doc:"Counts the values it has had."`
	Changed time.Time `json:"changed"`
}
