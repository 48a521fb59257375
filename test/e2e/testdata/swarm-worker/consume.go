package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"time"
)

// worker consumes jobs.
type worker struct {
	name    string
	targets string               // directory of the files that are locked
	held    map[string]*os.File  // by job
	text    string               // of the file that was read last
	runs    atomic.Pointer[part] // with the version of the whole, as k8s-swarm's workers tell it
}

// run consumes these jobs, and nothing else once it has returned.
func (w *worker) run(jobs []string) error {
	var errs []error
	for job, target := range w.held {
		if !slices.Contains(jobs, job) {
			delete(w.held, job)
			errs = append(errs, w.note("ended", job), target.Close())
		}
	}
	for _, job := range jobs {
		if w.held[job] == nil {
			errs = append(errs, w.consume(job))
		}
	}
	return errors.Join(errs...)
}

func (w *worker) consume(job string) error {
	target, err := os.OpenFile(filepath.Join(w.targets, filepath.Base(job)+".target"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(target.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return errors.Join(fmt.Errorf("job %s: another consumes it: %w", job, err), w.note("refused", job), target.Close())
	}
	w.held[job] = target
	return w.note("began", job)
}

// note appends a line to the log in the targets' directory, whole.
func (w *worker) note(what, job string) error {
	f, err := os.OpenFile(filepath.Join(w.targets, "log"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = fmt.Fprintf(f, "%s %s %s %s\n", time.Now().UTC().Format(time.RFC3339Nano), w.name, what, job)
	return err
}
