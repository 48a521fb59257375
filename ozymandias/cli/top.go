package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"teamtask.dev/cli/cmdline"
	"teamtask.dev/cli/text"
	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/client"
	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/placement"
)

// measured is how long processors are watched for.
const measured = time.Second

func topCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{Use: "top (nodes | instances)", Short: "Measure what takes memory and processors"}
	cmd.AddCommand(&cobra.Command{
		Use: "nodes [NAME...]", Aliases: []string{"node"}, Short: "What the instances on each node take together", Args: cmdline.Arguments(0, cmdline.Many), ValidArgsFunction: g.completeNodes(),
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			nodes, used, err := usage(ctx, c, args)
			t := text.NewTable(cmd.OutOrStdout(), "NAME", "LOAD", "CPUS", "MEMORY", "PLANNED", "CAPACITY")
			for _, n := range nodes {
				sum := take{}
				for _, u := range used {
					if u.node == n.Name {
						sum.memory += u.memory
						sum.cpus += u.cpus
					}
				}
				t.Row(n.Name, fmt.Sprintf("%.2f", n.Load), cpus(sum.cpus), rounded(sum.memory), n.Planned.Memory.String(), n.Capacity.Memory.String())
			}
			return errors.Join(t.Flush(), err)
		}),
	}, &cobra.Command{
		Use: "instances [JOB_OR_INSTANCE...]", Aliases: []string{"instance", "in"}, Short: "What each instance takes, the busiest first", Args: cmdline.Arguments(0, cmdline.Many), ValidArgsFunction: g.completeInstances(),
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			if _, err := instances(ctx, c, args); err != nil {
				return err
			}
			_, used, err := usage(ctx, c, nil)
			slices.SortFunc(used, func(a, b take) int {
				return cmp.Or(cmp.Compare(b.cpus, a.cpus), cmp.Compare(b.memory, a.memory), strings.Compare(a.name, b.name))
			})
			t := text.NewTable(cmd.OutOrStdout(), "NAME", "NODE", "CPUS", "MEMORY", "LIMIT")
			for _, u := range used {
				if len(args) == 0 || slices.ContainsFunc(args, func(arg string) bool { return u.name == bare("instance", arg) || u.job == bare("job", arg) }) {
					t.Row(u.name, u.node, cpus(u.cpus), rounded(u.memory), u.limit.String())
				}
			}
			return errors.Join(t.Flush(), err)
		}),
	})
	return cmd
}

// take is what an instance takes.
type take struct {
	name, job, node string
	cpus            float64
	memory, limit   job.Size
}

// usage measures twice on all nodes at once, or on those named, and says what was taken in between. What cannot be measured is in the error,
// beside the rest.
func usage(ctx context.Context, c *client.Client, names []string) (asked []v1.Node, used []take, err error) {
	if asked, err = namedOrAll(ctx, names, c.Node, c.Nodes); err != nil {
		return nil, nil, err
	}
	alive := slices.DeleteFunc(slices.Clone(asked), func(n v1.Node) bool { return n.Phase == v1.Away })
	before, err := measure(ctx, c, alive)
	if err != nil && len(before) == 0 {
		return asked, nil, err
	}
	select {
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	case <-time.After(measured):
	}
	after, err := measure(ctx, c, alive)
	for node, now := range after {
		then := map[string]v1.InstanceUsage{}
		for _, u := range before[node].Instances {
			then[fmt.Sprint(u.Instance, " ", u.Epoch)] = u
		}
		seconds := now.At.Sub(before[node].At).Seconds()
		for _, u := range now.Instances {
			t := take{name: u.Instance, job: u.Job, node: node, memory: u.Memory, limit: u.Limit.Memory}
			if was, known := then[fmt.Sprint(u.Instance, " ", u.Epoch)]; known && seconds > 0 {
				t.cpus = max(0, u.CPUSeconds-was.CPUSeconds) / seconds // less than before, if a container was restarted
			}
			used = append(used, t)
		}
	}
	return asked, used, err
}

// measure asks all nodes at once.
func measure(ctx context.Context, c *client.Client, nodes []v1.Node) (map[string]v1.Usage, error) {
	var mu sync.Mutex
	var failed []error
	out := map[string]v1.Usage{}
	var asking sync.WaitGroup
	for _, n := range nodes {
		asking.Go(func() {
			u, err := c.Usage(ctx, n.Name)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = append(failed, err)
				return
			}
			out[n.Name] = u
		})
	}
	asking.Wait()
	return out, errors.Join(failed...)
}

func cpus(n float64) string { return fmt.Sprintf("%.2f", n) }

// rounded writes a size that was measured, to the megabyte.
func rounded(s job.Size) string {
	return placement.Quantity(placement.Resources{Memory: int64(s+500_000) / 1e6 * 1e6}, placement.Memory)
}
