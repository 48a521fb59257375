package cluster

import (
	"context"
	"crypto/x509/pkix"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// setup makes a machine of namespaces.
//
//go:embed node.sh
var setup string

// namespaces are what a node has of its own. Containers' cgroups are kept apart by their parent.
const namespaces = syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC

// makeMachine makes the namespaces, in which nothing runs yet but their first process, and plugs them into the network.
func (n *Node) makeMachine(ctx context.Context) (err error) {
	c := n.cluster
	if err := makeCgroup(c.network.cgroup(n.number)); err != nil {
		return err
	}
	if n.first, err = c.start(n.Name, syscall.SysProcAttr{Cloneflags: namespaces}, c.path("pause")); err != nil {
		return err
	}
	n.pid = n.first.cmd.Process.Pid
	cable := c.network.cable(n.number)
	if err := ip(ctx, "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", strconv.Itoa(n.pid)); err != nil {
		return err
	}
	if err := ip(ctx, "link", "set", cable, "master", c.network.bridge(), "up"); err != nil {
		return err
	}
	args := []string{"sh", "-ec", setup, "node.sh", n.path(), c.Programs, n.Name, n.Address, c.Host}
	for i := 1; i <= nodesAtMost; i++ {
		if i != n.number {
			args = append(args, c.network.pods(i), c.network.node(i))
		}
	}
	if out, err := n.command(ctx, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("set up the machine: %w: %s", err, out)
	}
	return nil
}

// inside is the command line that runs a program in the node.
func (n *Node) inside(args ...string) []string {
	return append([]string{"nsenter", "--target", strconv.Itoa(n.pid), "--pid", "--mount", "--net", "--uts", "--ipc", "--",
		"env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, args...)
}

func (n *Node) command(ctx context.Context, args ...string) *exec.Cmd {
	args = n.inside(args...)
	return exec.CommandContext(ctx, args[0], args[1:]...)
}

// start starts a program in the node, where it runs until the node is stopped.
func (n *Node) start(name string, args ...string) error {
	p, err := n.cluster.start(n.Name+"-"+name, syscall.SysProcAttr{}, n.inside(args...)...)
	if err == nil {
		n.processes = append(n.processes, p)
	}
	return err
}

// waitFor waits for a condition that one of the node's programs is to bring about.
func (n *Node) waitFor(ctx context.Context, program string, condition func() bool) error {
	if err := n.cluster.wait(ctx, condition, n.processes); err != nil {
		return fmt.Errorf("%s does not get ready: %w: %s", program, err, lastLines(n.cluster.path("logs", n.Name+"-"+program+".log")))
	}
	return nil
}

// configure writes the files that the node's programs read, in /var/etc as they see it.
func (n *Node) configure() error {
	c := n.cluster
	if err := os.RemoveAll(n.path()); err != nil { // of an earlier node of that name
		return err
	}
	for _, dir := range []string{"bin", "etc/cni", "lib", "log"} {
		if err := os.MkdirAll(n.path(dir), 0o700); err != nil {
			return err
		}
	}
	fill := strings.NewReplacer("$NAME", n.Name, "$CGROUP", c.network.cgroup(n.number), "$PODS", c.network.pods(n.number),
		"$CLUSTER", c.network.all(), "$SANDBOX", pauseImage, "$PLUGINS", cniPlugins)
	for file, content := range configuration {
		if err := os.WriteFile(n.path("etc", file), []byte(fill.Replace(content)), 0o600); err != nil {
			return err
		}
	}
	if err := os.WriteFile(n.path("etc", "ca.crt"), c.authority.pem, 0o600); err != nil {
		return err
	}
	user := "system:node:" + n.Name
	if err := c.authority.issueFiles(n.path("etc", "kubelet"), pkix.Name{CommonName: user, Organization: []string{"system:nodes"}}, n.Name, n.Address); err != nil {
		return err
	}
	if err := c.writeKubeconfig(n.path("etc", "kubelet.kubeconfig"), user, "system:nodes"); err != nil {
		return err
	}
	return c.writeKubeconfig(n.path("etc", "kube-proxy.kubeconfig"), "system:kube-proxy")
}

func (n *Node) path(names ...string) string {
	return n.cluster.path("nodes", n.Name, filepath.Join(names...))
}

// configuration is what is in /var/etc of a node.
var configuration = map[string]string{
	// The scores that the kernel ends processes by, when memory runs out, may only be raised where capabilities are few.
	"containerd.toml": `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "$SANDBOX"
restrict_oom_score_adj = true
disable_apparmor = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "$PLUGINS"
conf_dir = "/var/etc/cni"
`,
	// Point-to-point links rather than a bridge: all traffic between pods is routed, so that answers pass kube-proxy's rules.
	"cni/pods.conflist": `{
  "cniVersion": "0.4.0",
  "name": "pods",
  "plugins": [
    {"type": "ptp", "ipam": {"type": "host-local", "ranges": [[{"subnet": "$PODS"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
`,
	// There is no registry, so no image is removed to save space; and the disk is this machine's, so no pod is either.
	"kubelet.yaml": `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: false}
  x509: {clientCAFile: /var/etc/ca.crt}
authorization: {mode: AlwaysAllow}
tlsCertFile: /var/etc/kubelet.crt
tlsPrivateKeyFile: /var/etc/kubelet.key
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: /$CGROUP
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
oomScoreAdj: 0
resolvConf: ""
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 64Mi, nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%", imagefs.inodesFree: "0%"}
`,
	// The kernel's table of connections belongs to the whole machine: leave its size alone.
	"kube-proxy.yaml": `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: /var/etc/kube-proxy.kubeconfig}
mode: iptables
clusterCIDR: $CLUSTER
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
oomScoreAdj: 0
`,
}
