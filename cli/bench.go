package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"teamtask.dev/cli/cmdline"
	"teamtask.dev/cli/text"
	"teamtask.dev/client"
	"teamtask.dev/load"
)

// benchReport is what bench prints: what the workers saw, and what it took the server.
type benchReport struct {
	load.Report
	Durable                    bool    `json:"durable"`
	StateBytes                 int64   `json:"stateBytes"`      // of the record, at its largest
	FinalStateBytes            int64   `json:"finalStateBytes"` // and at the end
	DataBytes                  int64   `json:"dataBytes,omitempty"`
	ServerCPUSecondsPerMillion float64 `json:"serverCPUSecondsPerMillionItems"`
	ServerMemoryBytes          int64   `json:"serverMemoryBytes"`
}

func benchCommand(g *global) *cobra.Command {
	o := load.Options{}
	var durable bool
	var output string
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure a server: how many blocks and items it shares out a second",
		Long: `Measure a server: workers that do nothing take blocks and turn them in as fast as it goes.

Without --server a server is started for it, in a process of its own with its data in a
temporary directory. Workers and server share this machine.`,
		Example: `  teamtask bench
  teamtask bench --block-size 1 --batch 1000 -o json
  teamtask bench --workers 10000 --rate 5000 --limit 30s`,
		Args: cmdline.Arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Items < 1 || o.BlockSize < 1 || o.Workers < 1 || o.Batch < 1 {
				return fmt.Errorf("--items, --block-size, --workers and --batch must be at least 1")
			}
			return bench(cmd.Context(), g, cmd, o, durable, output)
		},
	}
	f := cmd.Flags()
	f.Int64Var(&o.Items, "items", 1_000_000_000, "items of the list")
	f.Int64Var(&o.BlockSize, "block-size", 1000, "items of a block")
	f.IntVar(&o.Workers, "workers", 64, "workers at the same time")
	f.IntVar(&o.Batch, "batch", 16, "blocks turned in and taken with each call")
	f.Float64Var(&o.Rate, "rate", 0, "calls per second of all workers together (default as fast as it goes)")
	f.DurationVar(&o.Limit, "limit", 20*time.Second, "stop after that, whether the list is done or not")
	f.BoolVar(&durable, "durable", true, "acknowledge only what is on disk; false shows what that costs")
	cmdline.OutputFlag(cmd, f, &output, "json")
	return cmd
}

func bench(ctx context.Context, g *global, cmd *cobra.Command, o load.Options, durable bool, output string) (err error) {
	c, dir := (*client.Client)(nil), ""
	if g.server == "" && os.Getenv("TEAMTASK_SERVER") == "" {
		var stop func()
		if c, dir, stop, err = startServer(ctx, durable, cmd.ErrOrStderr()); err != nil {
			return err
		}
		defer stop()
	} else {
		if c, err = g.connect(); err != nil {
			return err
		}
	}
	defer c.Close()
	c.HTTP.Transport.(*http.Transport).MaxConnsPerHost = 256
	c.HTTP.Transport.(*http.Transport).MaxIdleConnsPerHost = 256
	o.List = "bench-" + strings.ToLower(rand.Text()[:8])
	before, err := metrics(ctx, c)
	if err != nil {
		return err
	}
	r := benchReport{Durable: durable}
	peak := make(chan map[string]float64, 1)
	sampling, stopSampling := context.WithCancel(ctx)
	go func() { peak <- sample(sampling, c) }()
	defer func() {
		if gone := c.Delete(context.WithoutCancel(ctx), o.List); gone != nil && !client.IsNotFound(gone) {
			err = errors.Join(err, gone)
		}
	}()
	r.Report, err = load.Run(ctx, c, o)
	stopSampling()
	highest := <-peak
	interrupted := ctx.Err() != nil
	if err != nil && !interrupted {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	after, err := metrics(ctx, c)
	if err != nil {
		return err
	}
	r.ServerCPUSecondsPerMillion = (after["process_cpu_seconds_total"] - before["process_cpu_seconds_total"]) / float64(max(1, r.Items)) * 1e6
	r.ServerMemoryBytes = int64(max(highest["process_resident_memory_bytes"], after["process_resident_memory_bytes"]))
	r.StateBytes, r.FinalStateBytes = int64(highest["teamtask_worklist_record_bytes"]), int64(after["teamtask_worklist_record_bytes"])
	if dir != "" {
		if r.DataBytes, err = dirSize(dir); err != nil {
			return err
		}
	}
	if interrupted {
		defer func() { err = errors.Join(err, exit(130)) }()
	}
	if output != "" {
		return text.Object(cmd.OutOrStdout(), output, r)
	}
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "%s items in blocks of %s, %d workers, %d blocks a call, durable %t\n", text.Count(r.Items), text.Count(r.BlockSize), r.Workers, r.Batch, durable)
	for _, x := range [][2]string{
		{"items/s", text.Count(int64(r.ItemsPerSecond))},
		{"blocks/s", text.Count(int64(r.BlocksPerSecond))},
		{"calls/s", text.Count(int64(r.CallsPerSecond))},
		{"submit", fmt.Sprintf("%.1f ms", 1000*r.SubmitSeconds)},
		{"claim p50, p99", fmt.Sprintf("%.2f ms, %.2f ms", r.ClaimP50Millis, r.ClaimP99Millis)},
		{"complete p50, p99", fmt.Sprintf("%.2f ms, %.2f ms", r.CompleteP50Millis, r.CompleteP99Millis)},
		{"record", fmt.Sprintf("%s bytes at most, %s at the end", text.Count(r.StateBytes), text.Count(r.FinalStateBytes))},
		{"data directory", fmt.Sprintf("%.1f MB", float64(r.DataBytes)/1e6)},
		{"server CPU", fmt.Sprintf("%.4f s per million items", r.ServerCPUSecondsPerMillion)},
		{"server memory", fmt.Sprintf("%.0f MB", float64(r.ServerMemoryBytes)/1e6)},
	} {
		fmt.Fprintf(w, "  %-18s %s\n", x[0], x[1])
	}
	return nil
}

// startServer runs `teamtask serve` in a process and a directory of its own.
func startServer(ctx context.Context, durable bool, stderr io.Writer) (c *client.Client, dir string, stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", nil, err
	}
	if dir, err = os.MkdirTemp("", "teamtask-bench-"); err != nil {
		return nil, "", nil, err
	}
	args := []string{"serve", "--listen", "127.0.0.1:0", "--data-dir", dir, "--log-format", "text"}
	if !durable {
		args = append(args, "--no-sync")
	}
	server := exec.Command(self, args...)
	var log strings.Builder
	server.Stderr = &log
	server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the measurement: its figures are asked for then
	if err := server.Start(); err != nil {
		os.RemoveAll(dir)
		return nil, "", nil, fmt.Errorf("start a server: %w", err)
	}
	stop = func() {
		server.Process.Signal(os.Interrupt)
		server.Wait()
		os.RemoveAll(dir)
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		url, urlErr := written(urlFile(dir))
		token, tokenErr := written(tokenFile(dir))
		if urlErr == nil && tokenErr == nil && url != "" && token != "" {
			return client.New(url, token), dir, stop, nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			stop()
			return nil, "", nil, fmt.Errorf("the server does not start: %s", log.String())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// metrics are the server's metrics, those of one name added up.
func metrics(ctx context.Context, c *client.Client) (map[string]float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return nil, fmt.Errorf("read the server's metrics: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read the server's metrics: %w", err)
	}
	out := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if v, err := strconv.ParseFloat(value, 64); ok && err == nil && !strings.HasPrefix(line, "#") {
			name, _, _ = strings.Cut(name, "{")
			out[name] += v
		}
	}
	return out, nil
}

// sample looks at the metrics now and then until ctx ends, and returns the highest values.
func sample(ctx context.Context, c *client.Client) map[string]float64 {
	highest := map[string]float64{}
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return highest
		case <-ticker.C:
		}
		now, err := metrics(ctx, c)
		if err != nil {
			continue
		}
		for name, v := range now {
			highest[name] = max(highest[name], v)
		}
	}
}

func dirSize(dir string) (n int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Size()
		}
		return nil
	})
	return n, err
}
