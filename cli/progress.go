package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli/text"
	"teamtask.dev/client"
)

// progress shows how far a list is: as a bar on a terminal, otherwise as a line now and then. End it.
type progress struct {
	w       io.Writer
	bars    *mpb.Progress // on a terminal
	bar     *mpb.Bar
	status  atomic.Pointer[v1alpha1.WorklistStatus]
	printed time.Time // otherwise
}

// quiet is how often a line is printed where there is no terminal.
const quiet = 10 * time.Second

func newProgress(w io.Writer) *progress {
	p := &progress{w: w, printed: time.Now()}
	if isTerminal(w) {
		p.bars = mpb.New(mpb.WithOutput(w), mpb.WithWidth(40), mpb.WithAutoRefresh())
	}
	return p
}

func (p *progress) show(s v1alpha1.WorklistStatus) {
	p.status.Store(&s)
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
	s := p.status.Load()
	line := fmt.Sprintf(" %s %s/%s", v1alpha1.Progress(s.Done+s.Failed, s.Size), text.Count(s.Done), text.Count(s.Size))
	if s.Failed > 0 {
		line += fmt.Sprintf(", %s failed", text.Count(s.Failed))
	}
	if perSecond := s.Rate(); perSecond > 0 {
		left := time.Duration(float64(s.Size-s.Done-s.Failed) / perSecond * float64(time.Second))
		line += fmt.Sprintf(", %s, %s left", text.Rate(perSecond), left.Round(time.Second))
	}
	return line
}

// end takes the bar away.
func (p *progress) end() {
	if p.bars == nil {
		return
	}
	if p.bar != nil {
		p.bar.Abort(true)
	}
	p.bars.Wait()
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// beside is where something can be written to w while the bar is shown: above it, where both are on a terminal.
func (p *progress) beside(w io.Writer) io.Writer {
	if p.bars == nil || !isTerminal(w) {
		return w
	}
	return aboveBar{p.bars, w}
}

// aboveBar writes whole lines above a bar, which would take a line that is not ended with it.
type aboveBar struct {
	bars *mpb.Progress
	w    io.Writer // once the bar has ended
}

func (a aboveBar) Write(b []byte) (int, error) {
	text := b
	if !bytes.HasSuffix(b, []byte("\n")) {
		text = append(bytes.Clone(b), '\n')
	}
	if _, err := a.bars.Write(text); err == mpb.ErrDone {
		return a.w.Write(b)
	} else if err != nil {
		return 0, err
	}
	return len(b), nil
}

// follow shows a list's progress until it is over or ctx ends.
func (p *progress) follow(ctx context.Context, c *client.Client, name string) (status v1alpha1.WorklistStatus, err error) {
	for s, err := range c.Watch(ctx, name) {
		if err != nil {
			return status, err
		}
		status = s
		p.show(s)
	}
	return status, ctx.Err()
}
