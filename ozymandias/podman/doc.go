// Package podman runs pods through podman, one pod for each instance of a job.
//
// Podman is a program, not a library of this module: its Go bindings bring some two hundred modules, and would tie every node to the
// one version of podman that they were made for. So a [Service] runs `podman system service` as a child, with storage, networks and
// settings apart from those of the podman that people use on the machine, and a [Client] speaks its REST API over a Unix socket, of
// which it knows only the fields that are used here. What is asked for goes by the version 4.0 of the API, which all podmans from 4.0
// on serve.
//
// Containers do not depend on the service: each has a process of its own that watches it (conmon), and they go on while the service is
// restarted, or a new one takes its place. Podman keeps no policy here: it restarts nothing and checks no health.
//
// [Start] starts a service. An instance is made by [Client.CreatePod] and [Client.CreateContainer], begins by [Client.Start], and ends by
// [Client.Stop] and [Client.RemovePod]. [Client.Pods], [Client.Pod] and [Client.Container] tell how it stands, [Client.Deaths] when to look.
// What podman takes for true and is not is put right before it is told: of ends that it never heard of in untold.go, of a want of memory in
// oom.go.
package podman
