package podman

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"

	"teamtask.dev/ozymandias/job"
)

// Pod is one to be made: containers that have one network namespace and one control group.
type Pod struct {
	Name string
	// Hostname that its containers see.
	Hostname string
	Labels   map[string]string
	// CgroupParent is the control group below which all of it runs, counted from the root of the hierarchy: "ozymandias/n1/stop".
	CgroupParent string
	// Network it is attached to.
	Network string
	// Ports of the node that lead to it.
	Ports []job.Port
	// Nameservers its containers ask, and the domains they add to names without a dot. None: the node's.
	Nameservers []netip.Addr
	Search      []string
	// CPUs is what its containers are assured of together, in proportion to other pods.
	CPUs job.CPUs
}

// CreatePod makes a pod. Nothing of it runs until one of its containers is started.
func (c *Client) CreatePod(ctx context.Context, p Pod) error {
	type port struct {
		IP        string       `json:"host_ip,omitempty"`
		Host      uint16       `json:"host_port"`
		Container uint16       `json:"container_port"`
		Protocol  job.Protocol `json:"protocol"`
	}
	ports := make([]port, 0, len(p.Ports))
	for _, published := range p.Ports {
		one := port{Host: published.Host, Container: published.Container, Protocol: published.Protocol}
		if published.IP.IsValid() {
			one.IP = published.IP.String()
		}
		ports = append(ports, one)
	}
	spec := struct {
		Name         string              `json:"name"`
		Hostname     string              `json:"hostname,omitempty"`
		Labels       map[string]string   `json:"labels,omitempty"`
		CgroupParent string              `json:"cgroup_parent,omitempty"`
		Networks     map[string]struct{} `json:"Networks,omitempty"`
		Ports        []port              `json:"portmappings,omitempty"`
		Nameservers  []netip.Addr        `json:"dns_server,omitempty"`
		Search       []string            `json:"dns_search,omitempty"`
		Limits       limits              `json:"resource_limits"`
	}{p.Name, p.Hostname, p.Labels, p.CgroupParent, nil, ports, p.Nameservers, p.Search, limits{CPU: &cpuLimit{shares(p.CPUs)}}}
	if p.Network != "" {
		spec.Networks = map[string]struct{}{p.Network: {}}
	}
	if err := c.call(ctx, http.MethodPost, "/pods/create", nil, spec, nil); err != nil {
		return fmt.Errorf("create pod %s: %w", p.Name, err)
	}
	return nil
}

// RemovePod kills what runs in a pod and removes it with its containers. One that is not there is no error.
func (c *Client) RemovePod(ctx context.Context, name string) error {
	var report struct{ Err any } // podman may say in the body of a success that it failed
	err := c.call(ctx, http.MethodDelete, "/pods/"+url.PathEscape(name), url.Values{"force": {"true"}, "timeout": {"0"}}, nil, &report)
	if err == nil && report.Err != nil {
		err = &Error{Status: http.StatusOK, Message: fmt.Sprint(report.Err)}
	}
	if err := none(err); err != nil {
		return fmt.Errorf("remove pod %s: %w", name, err)
	}
	return nil
}

// none takes it for a success that there is nothing to do it to.
func none(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// PodState is a pod as it stands.
type PodState struct {
	ID     string            `json:"Id"`
	Name   string            `json:"Name"`
	Labels map[string]string `json:"Labels"`
	// Status is podman's word: Created, Running, Degraded (some run), Exited, Stopped, Paused, Dead or Error.
	Status string `json:"Status"`
	// Containers of the pod, without the one that holds its namespaces.
	Containers []PodContainer `json:"Containers"`

	Infra string `json:"InfraId"`
}

// PodContainer is a container of a pod.
type PodContainer struct {
	ID   string `json:"Id"`
	Name string `json:"Names"`
	// Status as in [ContainerState].
	Status string `json:"Status"`
}

// Pods lists the pods that have all these labels, all pods if there are none.
func (c *Client) Pods(ctx context.Context, labels map[string]string) ([]PodState, error) {
	return c.pods(ctx, filters(labels))
}

// Pod returns the pod of that name.
func (c *Client) Pod(ctx context.Context, name string) (PodState, error) {
	// The list rather than podman's inspection, so that the answer is in one form. Its filter knows parts of names, too.
	pods, err := c.pods(ctx, filter(map[string][]string{"name": {name}}))
	if err != nil {
		return PodState{}, err
	}
	for _, pod := range pods {
		if pod.Name == name {
			return pod, nil
		}
	}
	return PodState{}, fmt.Errorf("pod %s: %w", name, ErrNotFound)
}

func (c *Client) pods(ctx context.Context, query url.Values) ([]PodState, error) {
	var pods []PodState
	if err := c.call(ctx, http.MethodGet, "/pods/json", query, nil, &pods); err != nil {
		return nil, fmt.Errorf("list pods: %w", err)
	}
	for i, pod := range pods {
		pods[i].Containers = nil
		for _, container := range pod.Containers {
			if container.ID != pod.Infra {
				pods[i].Containers = append(pods[i].Containers, container)
			}
		}
	}
	return pods, nil
}

// Address is where the pod is reached in that network; the zero value if it does not run.
func (c *Client) Address(ctx context.Context, pod PodState, network string) (netip.Addr, error) {
	settings, err := c.settings(ctx, pod)
	if err != nil || settings.Networks[network].IPAddress == "" {
		return netip.Addr{}, err
	}
	address, err := netip.ParseAddr(settings.Networks[network].IPAddress)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("look for the address of pod %s: %w", pod.Name, err)
	}
	return address, nil
}

// Namespace is the file of the pod's network namespace; "" if it does not run.
func (c *Client) Namespace(ctx context.Context, pod PodState) (string, error) {
	settings, err := c.settings(ctx, pod)
	return settings.SandboxKey, err
}

// networkSettings are those of the container that holds a pod's namespaces.
type networkSettings struct {
	SandboxKey string
	Networks   map[string]struct{ IPAddress string }
}

func (c *Client) settings(ctx context.Context, pod PodState) (networkSettings, error) {
	if pod.Infra == "" { // podman was ended before it had made it all, or removed it all
		return networkSettings{}, nil
	}
	var infra struct{ NetworkSettings networkSettings }
	err := c.call(ctx, http.MethodGet, "/containers/"+url.PathEscape(pod.Infra)+"/json", nil, nil, &infra)
	if err := none(halfRemoved(err)); err != nil {
		return networkSettings{}, fmt.Errorf("look for the network of pod %s: %w", pod.Name, err)
	}
	return infra.NetworkSettings, nil
}
