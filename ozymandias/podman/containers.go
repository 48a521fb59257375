package podman

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"teamtask.dev/ozymandias/job"
)

// Container is one to be made: what the job says of it and what the node adds.
type Container struct {
	Name string
	// Pod it belongs to.
	Pod string
	// Spec is the job's. What it says of ports, health, restarts, volumes and secrets is the node's to do.
	Spec job.Container
	// Environment is the node's; where the job sets the same variable, the node's value stands.
	Environment map[string]string
	Labels      map[string]string
	// Mounts are directories and files of the node that the container has.
	Mounts []Mount
}

// Mount is a directory or file of the node that a container has.
type Mount struct {
	// Source on the node and Target in the container; absolute.
	Source, Target string
	ReadOnly       bool
}

// LogSize is how much of a container's output is kept, in bytes: when it is full, all of it is dropped.
const LogSize = 16 << 20

// CreateContainer makes a container. An image that is not there is [ErrNotFound]: nothing is pulled.
func (c *Client) CreateContainer(ctx context.Context, n Container) error {
	type mount struct {
		Type        string   `json:"type"`
		Source      string   `json:"source"`
		Destination string   `json:"destination"`
		Options     []string `json:"options"`
	}
	type logs struct {
		Driver string `json:"driver"`
		Size   int64  `json:"size"`
	}
	mounts := make([]mount, 0, len(n.Mounts))
	for _, m := range n.Mounts {
		one := mount{"bind", m.Source, m.Target, []string{"rbind", "rw"}}
		if m.ReadOnly {
			one.Options[1] = "ro"
		}
		mounts = append(mounts, one)
	}
	environment := map[string]string{}
	for _, variables := range []map[string]string{n.Spec.Environment, n.Environment} {
		for name, value := range variables {
			environment[name] = value
		}
	}
	spec := struct {
		Name        string            `json:"name"`
		Pod         string            `json:"pod"`
		Image       string            `json:"image"`
		Entrypoint  []string          `json:"entrypoint,omitempty"`
		Command     []string          `json:"command,omitempty"`
		Environment map[string]string `json:"env,omitempty"`
		Labels      map[string]string `json:"labels,omitempty"`
		Mounts      []mount           `json:"mounts,omitempty"`
		User        string            `json:"user,omitempty"`
		WorkingDir  string            `json:"work_dir,omitempty"`
		ReadOnly    bool              `json:"read_only_filesystem,omitempty"`
		StopSignal  unix.Signal       `json:"stop_signal,omitempty"`
		Limits      limits            `json:"resource_limits"`
		Logs        logs              `json:"log_configuration"`
		Restart     string            `json:"restart_policy"`
	}{
		Name: n.Name, Pod: n.Pod, Image: n.Spec.Image, Entrypoint: n.Spec.Entrypoint, Command: n.Spec.Command, Environment: environment,
		Labels: n.Labels, Mounts: mounts, User: n.Spec.User, WorkingDir: n.Spec.WorkingDir, ReadOnly: n.Spec.ReadOnly,
		Limits: limits{CPU: &cpuLimit{shares(n.Spec.CPUs)}}, Logs: logs{"k8s-file", LogSize}, Restart: "no",
	}
	if n.Spec.Memory > 0 {
		spec.Limits.Memory = &memoryLimit{int64(n.Spec.Memory), int64(n.Spec.Memory)}
	}
	if n.Spec.StopSignal != "" {
		var err error
		if spec.StopSignal, err = signal(n.Spec.StopSignal); err != nil {
			return fmt.Errorf("create container %s: %w", n.Name, err)
		}
	}
	if err := c.call(ctx, http.MethodPost, "/containers/create", nil, spec, nil); err != nil {
		return fmt.Errorf("create container %s: %w", n.Name, err)
	}
	return nil
}

// signal reads "SIGTERM", "TERM" or a number.
func signal(s string) (unix.Signal, error) {
	if n, err := strconv.Atoi(s); err == nil && n > 0 && n <= 64 {
		return unix.Signal(n), nil
	}
	if n := unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(s), "SIG")); n != 0 {
		return n, nil
	}
	return 0, fmt.Errorf("there is no signal %q: write one such as SIGTERM or SIGINT", s)
}

// Start starts a container, and its pod if that does not run. One that runs is left as it is.
func (c *Client) Start(ctx context.Context, name string) error {
	err := c.container(ctx, "start", http.MethodPost, name, "/start", nil)
	var refused *Error
	if !errors.As(err, &refused) || refused.Cause != "internal libpod error" {
		return err
	}
	// Podman does not say why it could not start what the container depends on, unless it is asked to start just that.
	var inspected struct{ Dependencies []string }
	if c.call(ctx, http.MethodGet, "/containers/"+url.PathEscape(name)+"/json", nil, nil, &inspected) != nil {
		return err
	}
	for _, needed := range inspected.Dependencies {
		if why := c.container(ctx, "start", http.MethodPost, needed, "/start", nil); why != nil {
			return fmt.Errorf("%w: %w", err, why)
		}
	}
	// It was for a moment only, as when several processes change the rules of the firewall at once.
	return c.container(ctx, "start", http.MethodPost, name, "/start", nil)
}

// Signal sends a container's first process a signal, such as "SIGTERM". One that does not run is [ErrState].
func (c *Client) Signal(ctx context.Context, name, signal string) error {
	return c.container(ctx, "signal", http.MethodPost, name, "/kill", url.Values{"signal": {signal}})
}

// Stop asks a container to end, by its stop signal, and kills it if it has not done so within the grace. It returns when it has ended.
// One that does not run, or is not there, is no error.
func (c *Client) Stop(ctx context.Context, name string, grace time.Duration) error {
	// Podman's own stop locks the container for the whole grace, and nobody could kill it or look at it meanwhile.
	state, err := c.Container(ctx, name)
	if err != nil {
		return none(err)
	}
	if !state.Running() {
		return nil
	}
	within, done := context.WithTimeout(ctx, grace)
	defer done()
	err = c.end(within, name, strconv.Itoa(int(state.stopSignal)))
	if within.Err() != nil && ctx.Err() == nil {
		err = c.end(ctx, name, "SIGKILL")
	}
	return none(err)
}

// end sends a container a signal and waits for its end.
func (c *Client) end(ctx context.Context, name, signal string) error {
	err := c.Signal(ctx, name, signal)
	if err == nil {
		_, err = c.Wait(ctx, name)
	}
	if errors.Is(err, ErrState) {
		return nil
	}
	return err
}

// Wait waits until a container does not run, and returns its exit code.
func (c *Client) Wait(ctx context.Context, name string) (int, error) {
	var code int
	query := url.Values{"condition": {"stopped", "exited"}, "interval": {"100ms"}}
	if err := c.call(ctx, http.MethodPost, "/containers/"+url.PathEscape(name)+"/wait", query, nil, &code); err != nil {
		return 0, fmt.Errorf("wait for container %s: %w", name, err)
	}
	return code, nil
}

func (c *Client) container(ctx context.Context, verb, method, name, path string, query url.Values) error {
	if err := c.call(ctx, method, "/containers/"+url.PathEscape(name)+path, query, nil, nil); err != nil {
		return fmt.Errorf("%s container %s: %w", verb, name, err)
	}
	return nil
}

// ContainerState is a container as it stands.
type ContainerState struct {
	ID, Name string
	Labels   map[string]string
	// Image is the id of its image.
	Image string
	// Status is podman's word: created, initialized, running, stopping, stopped, exited, paused or removing. One is stopped when it
	// has ended and podman has not yet put away its mounts.
	Status   string
	ExitCode int
	// OutOfMemory says that the kernel ended something in it because it used more memory than it may.
	OutOfMemory bool
	// Error is why it could not be started.
	Error             string
	Started, Finished time.Time
	// PID of its first process, on the node; 0 if it does not run.
	PID int
	// User it runs as, as the job or its image says: a name or a number, perhaps with ":" and a group; "" for root.
	User string
	// Log is the file with what it has written: see [ReadLog]. It is there once the container was started.
	Log string

	stopSignal unix.Signal
}

// Running says whether something of it may run.
func (s ContainerState) Running() bool {
	return s.Status == "running" || s.Status == "paused" || s.Status == "stopping"
}

// Container returns the container of that name or id.
func (c *Client) Container(ctx context.Context, name string) (ContainerState, error) {
	return c.inspect(ctx, name, false)
}

// inspect asks podman, and once more if it had to be told of an end.
func (c *Client) inspect(ctx context.Context, name string, again bool) (ContainerState, error) {
	var inspected struct {
		ID    string `json:"Id"`
		Name  string
		Image string
		State struct {
			Status                string
			OOMKilled             bool
			Pid, ConmonPid        int
			ExitCode              int
			Error                 string
			StartedAt, FinishedAt time.Time
		}
		Config struct {
			Labels     map[string]string
			StopSignal unix.Signal
			User       string
		}
		HostConfig struct{ LogConfig struct{ Path string } }
	}
	if err := c.call(ctx, http.MethodGet, "/containers/"+url.PathEscape(name)+"/json", nil, nil, &inspected); err != nil {
		return ContainerState{}, fmt.Errorf("inspect container %s: %w", name, halfRemoved(err))
	}
	state := ContainerState{
		ID: inspected.ID, Name: inspected.Name, Labels: inspected.Config.Labels, Image: inspected.Image, Status: inspected.State.Status,
		ExitCode: inspected.State.ExitCode, OutOfMemory: inspected.State.OOMKilled, Error: inspected.State.Error,
		Started: inspected.State.StartedAt, Finished: inspected.State.FinishedAt, PID: inspected.State.Pid, User: inspected.Config.User, Log: inspected.HostConfig.LogConfig.Path,
		stopSignal: inspected.Config.StopSignal,
	}
	if state.Running() {
		told, err := c.untold(state.ID, inspected.State.Pid, inspected.State.ConmonPid)
		if err != nil {
			return ContainerState{}, err
		}
		if told && !again {
			return c.inspect(ctx, name, true)
		}
	}
	if !state.Running() && state.ExitCode != 0 && !state.OutOfMemory {
		state.OutOfMemory = outOfMemory(state.ID, state.Started)
	}
	return state, nil
}

// most is how long a file may be that is read from a container: whoever made the image may have put anything there.
const most = 1 << 20

// ReadFile returns a file of a container, which need not run. One that is not there is [ErrNotFound]; one of more than a MiB is refused.
func (c *Client) ReadFile(ctx context.Context, name, path string) ([]byte, error) {
	fault := func(err error) ([]byte, error) {
		return nil, fmt.Errorf("read %s in container %s: %w", path, name, err)
	}
	archive, err := c.stream(ctx, http.MethodGet, "/containers/"+url.PathEscape(name)+"/archive", url.Values{"path": {path}}, nil)
	if err != nil {
		return fault(err)
	}
	defer archive.Close()
	files := tar.NewReader(archive)
	head, err := files.Next()
	if err == nil && head.Typeflag != tar.TypeReg {
		err = fmt.Errorf("%w as a file", ErrNotFound)
	}
	if err != nil {
		return fault(err)
	}
	b, err := io.ReadAll(io.LimitReader(files, most+1))
	if err == nil && len(b) > most {
		err = fmt.Errorf("it is longer than %d bytes: make it shorter", most)
	}
	if err != nil {
		return fault(err)
	}
	return b, nil
}

// Stats is what a container uses.
type Stats struct {
	// Memory in bytes.
	Memory job.Size
	// CPU is the time it has had on processors since it was started.
	CPU time.Duration
}

// Stats returns what each of these running containers uses, by id. What does not run is left out.
func (c *Client) Stats(ctx context.Context, names ...string) (map[string]Stats, error) {
	query := url.Values{"stream": {"false"}, "containers": names}
	var read struct {
		Error any
		Stats []struct {
			ContainerID string
			MemUsage    job.Size
			CPUNano     int64
		}
	}
	err := c.call(ctx, http.MethodGet, "/containers/stats", query, nil, &read)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("ask what containers use: %w", err)
	}
	if read.Error != nil {
		return nil, fmt.Errorf("ask what containers use: %v", read.Error)
	}
	stats := make(map[string]Stats, len(read.Stats))
	for _, s := range read.Stats {
		stats[s.ContainerID] = Stats{Memory: s.MemUsage, CPU: time.Duration(s.CPUNano)}
	}
	return stats, nil
}
