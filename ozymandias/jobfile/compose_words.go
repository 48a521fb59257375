package jobfile

// What the words of a compose file come to that are no words of a job file: see the compose specification, 05-services.md.

// ignored words make no other program of a service. Each has the reason that its warning gives.
var ignored = map[string]string{
	"annotations":        nobodyLooks,
	"attach":             noTerminal,
	"blkio_config":       nodeDecides,
	"cap_drop":           usualRights,
	"cgroup":             nodeDecides,
	"cgroup_parent":      nodeDecides,
	"container_name":     ownName,
	"cpu_count":          cpuShare,
	"cpu_percent":        cpuShare,
	"cpu_period":         cpuShare,
	"cpu_quota":          cpuShare,
	"cpu_rt_period":      cpuShare,
	"cpu_rt_runtime":     cpuShare,
	"cpu_shares":         cpuShare,
	"cpuset":             cpuShare,
	"develop":            "nobody develops here",
	"dns":                ownResolver,
	"dns_opt":            ownResolver,
	"dns_search":         ownResolver,
	"domainname":         ownName,
	"expose":             openPorts,
	"external_links":     byName,
	"extra_hosts":        ownResolver,
	"group_add":          "the container has its user's groups",
	"hostname":           ownName,
	"init":               "a pod has an init process anyway",
	"isolation":          nodeDecides,
	"label_file":         nobodyLooks,
	"labels":             nobodyLooks,
	"links":              byName,
	"log_driver":         logs,
	"log_opt":            logs,
	"logging":            logs,
	"mac_address":        openPorts,
	"mem_swappiness":     nodeDecides,
	"memswap_limit":      nodeDecides,
	"networks":           "every pod reaches every pod",
	"oom_kill_disable":   nodeDecides,
	"oom_score_adj":      nodeDecides,
	"pids_limit":         nodeDecides,
	"platform":           "the image for the node's own platform is taken",
	"pull_policy":        pulled,
	"pull_refresh_after": pulled,
	"runtime":            nodeDecides,
	"security_opt":       usualRights,
	"shm_size":           nodeDecides,
	"stdin_open":         noTerminal,
	"storage_opt":        nodeDecides,
	"sysctls":            nodeDecides,
	"tmpfs":              "what a container writes outside its volumes goes when it goes",
	"tty":                noTerminal,
	"ulimits":            nodeDecides,
	"umask":              nodeDecides,
	"userns_mode":        usualRights,
	"uts":                nodeDecides,
	"volume_driver":      "a volume is a directory of the node",
}

const (
	nobodyLooks = "nothing here looks at it"
	noTerminal  = "a job has no terminal"
	nodeDecides = "this is the same for all containers of a node"
	usualRights = "containers have podman's usual rights"
	ownName     = "containers are named after their job and instance"
	cpuShare    = "processors are shared out by cpus"
	ownResolver = "names are resolved by the cluster"
	openPorts   = "every pod reaches every port of every pod"
	byName      = "a job is reached by its name"
	logs        = "`ozymandias logs` has what the container writes"
	pulled      = "an image is pulled by a node that does not have it"
)

// refused words would make another program of a service if they were ignored. Each has what to do instead.
var refused = map[string]string{
	"cap_add":             noRights,
	"configs":             "there are no configs: put it into the image, or into a secret",
	"credential_spec":     noRights,
	"device_cgroup_rules": noDevices,
	"devices":             noDevices,
	"dockerfile":          "images are not built here: build it, name it in image, and `ozymandias image load` it",
	"env_file":            writtenOut,
	"extends":             writtenOut,
	"gpus":                noDevices,
	"ipc":                 ownNamespaces,
	"models":              "there are no models: run one as a service",
	"net":                 ownNamespaces,
	"network_mode":        ownNamespaces,
	"pid":                 ownNamespaces,
	"post_start":          noHooks,
	"pre_start":           noHooks,
	"pre_stop":            noHooks,
	"privileged":          noRights,
	"provider":            "a service is a container here",
	"use_api_socket":      noRights,
	"volumes_from":        "jobs have no volumes in common: write one job file with both containers",
}

const (
	noRights      = "containers have podman's usual rights and no more: run this one elsewhere"
	noDevices     = "containers get no devices: run this one elsewhere"
	writtenOut    = "no other file is read: write it out, as `docker compose config` does"
	ownNamespaces = "every pod has namespaces of its own: remove it; containers that share theirs are one job file"
	noHooks       = "there are no hooks: do it in the entrypoint"
)

// harmless are the values with which a refused word says what is so anyway.
var harmless = map[string]string{"privileged": "false", "use_api_socket": "false", "network_mode": "bridge", "ipc": "private"}
