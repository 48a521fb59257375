package jobfile

import (
	"math"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"teamtask.dev/ozymandias/job"
)

// deploy takes over what a service says about a cluster, but for its resources, which are the container's.
func (c *compose) deploy(d *types.DeployConfig, path string, j *job.Job) {
	if d == nil {
		return
	}
	switch d.Mode {
	case "", "replicated":
		if d.Replicas != nil {
			j.NumInstances = d.Replicas
		}
	case "global":
		j.Daemon, j.NumInstances = true, nil
	default:
		c.fault(path+".mode", "%q is not supported: write replicated or global", d.Mode)
	}
	for _, word := range []struct {
		name, why string
		said      bool
	}{
		{"labels", nobodyLooks, len(d.Labels) > 0},
		{"endpoint_mode", "a job's name has the addresses of its instances", d.EndpointMode != ""},
		{"rollback_config", "going back is done as going forward", d.RollbackConfig != nil},
	} {
		if word.said {
			c.warn(path+"."+word.name, "ignored: %s", word.why)
		}
	}
	for _, r := range []struct {
		name string
		said *types.Resource
	}{{"limits", d.Resources.Limits}, {"reservations", d.Resources.Reservations}} {
		if r.said == nil {
			continue
		}
		path := path + ".resources." + r.name
		if len(r.said.Devices)+len(r.said.GenericResources) > 0 {
			c.fault(path, "devices and generic resources are not supported: %s", noDevices)
		}
		if r.said.Pids != 0 {
			c.warn(path+".pids", "ignored: %s", nodeDecides)
		}
	}
	if d.UpdateConfig != nil {
		j.Update = c.update(*d.UpdateConfig, path+".update_config")
	}
	j.Placement = c.placement(d.Placement, path+".placement")
}

// update takes over how instances are replaced. Parallelism is how many at a time: beside the old ones or in their place.
func (c *compose) update(u types.UpdateConfig, path string) job.Update {
	update := job.Update{Order: job.Order(u.Order)}
	if update.Order == "" {
		update.Order = job.StopFirst // compose's default
	}
	if n := u.Parallelism; n != nil {
		atOnce := int(min(*n, math.MaxInt32))
		if atOnce == 0 {
			c.fault(path+".parallelism", "0, all at once, is not supported: write how many at a time")
		}
		if update.Order == job.StartFirst {
			update.MaxSurge = atOnce
		} else {
			update.MaxUnavailable = atOnce
		}
	}
	update.MinHealthy = job.Duration(u.Monitor)
	switch u.FailureAction {
	case "rollback":
	case "", "pause":
		update.Rollback = new(false)
	default:
		c.fault(path+".failure_action", "%q is not supported: write rollback or pause", u.FailureAction)
	}
	if u.Delay != 0 {
		c.warn(path+".delay", "ignored: the next is replaced when the one before has been healthy for %s; say monitor", max(update.MinHealthy, job.Duration(5*time.Second)))
	}
	if u.MaxFailureRatio != 0 {
		c.warn(path+".max_failure_ratio", "ignored: an update ends at the first failure")
	}
	return update
}

// placement takes over which nodes may run a service. A constraint that is not understood is a fault: it is there for a reason.
func (c *compose) placement(p types.Placement, path string) job.Placement {
	var placement job.Placement
	for _, constraint := range p.Constraints {
		label, value, ok := strings.Cut(constraint, "==")
		label, named := strings.CutPrefix(strings.TrimSpace(label), "node.labels.")
		if !ok || !named {
			c.fault(path+".constraints", "%q is not supported: write node.labels.LABEL==VALUE", cut(constraint))
			continue
		}
		if placement.Requires == nil {
			placement.Requires = job.Labels{}
		}
		placement.Requires[label] = strings.TrimSpace(value)
	}
	for i, preference := range p.Preferences {
		label, named := strings.CutPrefix(preference.Spread, "node.labels.")
		if !named || i > 0 {
			c.warn(path+".preferences", "%q is ignored: instances can be spread over one label, node.labels.LABEL", cut(preference.Spread))
			continue
		}
		placement.Spread = label
	}
	placement.MaxPerNode = int(min(p.MaxReplicas, math.MaxInt32))
	return placement
}
