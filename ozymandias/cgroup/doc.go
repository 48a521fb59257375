// Package cgroup ends everything that runs below a control group of the kernel, and tells whether anything does.
//
// A node has all of its instances below groups of its own. So it can end them without podman, whatever state podman is in, and
// without the node's process, whatever state that is in: a program cannot leave its group.
package cgroup
