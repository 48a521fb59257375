package jobfile

import (
	"fmt"
	"maps"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"teamtask.dev/ozymandias/job"
)

// volumeExtension is what a volume may say under x-ozymandias.
type volumeExtension struct {
	Type   job.VolumeType `json:"type"`
	Space  job.Size       `json:"space"`
	Sticky bool           `json:"sticky"`
}

// defaultSpace is what a compose file's volume may take that does not say.
const defaultSpace job.Size = 1e9

// checkVolumes looks at the volumes a compose file defines.
func (c *compose) checkVolumes() {
	for _, name := range slices.Sorted(maps.Keys(c.project.Volumes)) {
		volume, path := c.project.Volumes[name], "volumes."+name
		switch {
		case bool(volume.External):
			c.warn(path+".external", "ignored: a new volume is made")
		case len(volume.DriverOpts) > 0 || volume.Driver != "" && volume.Driver != "local":
			c.fault(path, "a driver is not supported: a volume is a directory of the node; remove driver and driver_opts")
		}
	}
	users := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.project.Services)) {
		for i, v := range c.project.Services[name].Volumes {
			if v.Type != types.VolumeTypeVolume || v.Source == "" {
				continue
			}
			if user, used := users[v.Source]; used && user != name {
				c.fault(fmt.Sprintf("services.%s.volumes[%d]", name, i), "volume %q is %s's: jobs have no volumes in common; write one job file with both containers", v.Source, user)
			}
			users[v.Source] = name
		}
	}
}

// volumes makes the volumes of a service. They are an instance's own, because nothing says that replicas can share them.
func (c *compose) volumes(s types.ServiceConfig, path string) []job.Volume {
	var volumes []job.Volume
	for i, v := range s.Volumes {
		path := fmt.Sprintf("%s.volumes[%d]", path, i)
		switch v.Type {
		case types.VolumeTypeVolume:
		case types.VolumeTypeTmpfs:
			c.warn(path, "ignored: %s", ignored["tmpfs"])
			continue
		case types.VolumeTypeBind:
			c.fault(path, "%q is a folder of one machine: use a volume, or put the files into the image or a secret", cut(v.Source))
			continue
		default:
			c.fault(path, "type %q is not supported: use a volume", cut(v.Type))
			continue
		}
		if v.Volume != nil && v.Volume.Subpath != "" {
			c.fault(path, "subpath %q is not supported: use a volume of its own", cut(v.Volume.Subpath))
		}
		var x volumeExtension
		if v.Source != "" {
			c.extension("volumes."+v.Source, &x)
		}
		if x.Space == 0 {
			x.Space = defaultSpace
			if space := join(join("volumes."+v.Source, extended), "space"); slices.Contains(c.zeros, space) {
				c.fault(space, "must be more than 0, as in 10G")
			}
			c.warn(path, "the space it may take is not said: %s; say it at the volume, as %s: {space: 10G}", defaultSpace, extended)
		}
		volumes = append(volumes, job.Volume{Type: x.Type, Name: v.Source, Path: v.Target, Space: x.Space, ReadOnly: v.ReadOnly, Sticky: x.Sticky})
	}
	return volumes
}
