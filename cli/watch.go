package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
)

func watchCommand(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "watch NAME", Short: "Follow the progress of a worklist until it is over", Args: cobra.ExactArgs(1), ValidArgsFunction: g.completeLists,
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			status, err := follow(ctx, c, args[0], cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", status.Phase, status.Reason)
			return err
		}),
	}
}

func waitCommand(g *global) *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use: "wait NAME...", Short: "Wait until worklists are over", Args: cobra.MinimumNArgs(1), ValidArgsFunction: g.completeLists,
		Long: "Wait until worklists are over. The exit code is 0 if all of them are complete without failed items, 1 otherwise.",
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			if timeout > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, timeout)
				defer cancel()
			}
			code := exit(0)
			for _, name := range args {
				var status v1alpha1.WorklistStatus
				for s, err := range c.Watch(ctx, name) {
					if err != nil {
						if ctx.Err() == context.DeadlineExceeded {
							return fmt.Errorf("worklist %s is not over after %s", name, timeout)
						}
						return err
					}
					status = s
				}
				if ctx.Err() == context.DeadlineExceeded && !status.Phase.Over() {
					return fmt.Errorf("worklist %s is not over after %s: %s of its items are done", name, timeout, share(status.Done, status.Size))
				}
				fmt.Fprintf(cmd.OutOrStdout(), "worklist/%s %s: %s\n", name, status.Phase, status.Reason)
				if status.Phase != v1alpha1.PhaseComplete || status.Failed > 0 {
					code = 1
				}
			}
			if code != 0 {
				return code
			}
			return nil
		}),
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "how long to wait (default for ever)")
	return cmd
}

// follow shows a list's progress until it is over: as a bar on a terminal, otherwise as a line now and then.
func follow(ctx context.Context, c *client.Client, name string, w io.Writer) (status v1alpha1.WorklistStatus, err error) {
	p := newProgress(w)
	defer p.end()
	for s, err := range c.Watch(ctx, name) {
		if err != nil {
			return status, err
		}
		status = s
		p.show(s)
	}
	return status, ctx.Err()
}

// progress shows how far a list is.
type progress struct {
	w       io.Writer
	bars    *mpb.Progress // on a terminal
	bar     *mpb.Bar
	status  v1alpha1.WorklistStatus
	printed time.Time // otherwise
}

// quiet is how often a line is printed where there is no terminal.
const quiet = 10 * time.Second

func newProgress(w io.Writer) *progress {
	p := &progress{w: w, printed: time.Now()}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.bars = mpb.New(mpb.WithOutput(w), mpb.WithWidth(40), mpb.WithAutoRefresh())
	}
	return p
}

func (p *progress) show(s v1alpha1.WorklistStatus) {
	p.status = s
	if p.bars == nil {
		if time.Since(p.printed) >= quiet {
			p.printed = time.Now()
			fmt.Fprintln(p.w, p.line(decor.Statistics{}))
		}
		return
	}
	if p.bar == nil {
		p.bar = p.bars.New(s.Size, mpb.BarStyle().Lbound("[").Filler("=").Tip(">").Padding(" ").Rbound("]"), mpb.BarRemoveOnComplete(),
			mpb.AppendDecorators(decor.Any(p.line)))
	}
	p.bar.SetCurrent(s.Done + s.Failed)
}

// line is progress in words.
func (p *progress) line(decor.Statistics) string {
	s := p.status
	text := fmt.Sprintf(" %s %s/%s", share(s.Done+s.Failed, s.Size), count(s.Done), count(s.Size))
	if s.Failed > 0 {
		text += fmt.Sprintf(", %s failed", count(s.Failed))
	}
	if s.ItemsPerSecond > 0 {
		left := time.Duration(float64(s.Size-s.Done-s.Failed) / s.ItemsPerSecond * float64(time.Second))
		text += fmt.Sprintf(", %s, %s left", rate(s.ItemsPerSecond), left.Round(time.Second))
	}
	return text
}

func (p *progress) end() {
	if p.bar != nil {
		p.bar.Abort(true)
		p.bars.Wait()
	}
}
