package worker

import "syscall"

// ownGroup gives a command a process group of its own, so that it ends with its children and a Ctrl-C at the terminal
// reaches the worker alone; and lets it die with the worker, however that ends.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
