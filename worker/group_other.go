//go:build unix && !linux

package worker

import "syscall"

// ownGroup gives a command a process group of its own, so that it ends with its children and a Ctrl-C at the terminal
// reaches the worker alone.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
