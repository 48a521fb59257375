package sidecar

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"teamtask.dev/ozymandias/job"
)

// domain is what the names of jobs end with in DNS.
const domain = "." + job.Domain

type (
	object = map[string]any
	list   = []any
)

// bootstrap is Envoy's configuration (envoy.config.bootstrap.v3.Bootstrap) of the job's instances: a way to each of the others, but no
// listener on a port that is taken. Taken is changed.
func bootstrap(name string, others []job.Job, taken map[int]string) object {
	clusters, hosts := list{}, list{}
	listeners := list{ready()}
	for _, other := range others {
		made := map[int]bool{}
		reach := func(port int) (cluster string) {
			cluster = fmt.Sprintf("%s:%d", other.Name, port)
			if !made[port] {
				clusters = append(clusters, upstream(cluster, other.Name, port))
				made[port] = true
			}
			return cluster
		}
		routes := list{}
		for _, in := range paths(other.Ingress) {
			routes = append(routes, route(in.Path, reach(in.Port)))
		}
		if len(routes) > 0 {
			hosts = append(hosts, object{"name": other.Name, "domains": list{other.Name, other.Name + domain}, "routes": routes})
		}
		for _, in := range other.Ingress {
			if _, no := taken[in.TCP]; in.TCP == 0 || no {
				continue
			}
			taken[in.TCP] = ""
			listeners = append(listeners, listener(fmt.Sprintf("%s:%d", other.Name, in.TCP), "127.0.0.1", in.TCP, filter("envoy.filters.network.tcp_proxy",
				"envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy", object{"stat_prefix": other.Name, "cluster": reach(in.Port)})))
		}
	}
	if len(hosts) > 0 {
		listeners = append(listeners, listener("egress", "127.0.0.1", egressPort, http("egress", hosts, object{
			"strip_any_host_port": true,                                      // http://shop:80/ is http://shop/
			"upgrade_configs":     list{object{"upgrade_type": "websocket"}}, // passed on, not ended here
		})))
	}
	return object{
		"node":             object{"id": name, "cluster": name},
		"admin":            object{"address": address("127.0.0.1", adminPort)},
		"static_resources": object{"listeners": listeners, "clusters": clusters},
	}
}

// paths are the ways into a job by HTTP, the longest path first, as the first that matches is taken. Of equal ones the first counts.
func paths(all job.Ingresses) []job.Ingress {
	var ways []job.Ingress
	for _, in := range all {
		if in.TCP == 0 && !slices.ContainsFunc(ways, func(other job.Ingress) bool { return other.Path == in.Path }) {
			ways = append(ways, in)
		}
	}
	slices.SortStableFunc(ways, func(a, b job.Ingress) int { return cmp.Compare(len(b.Path), len(a.Path)) })
	return ways
}

// route passes requests for a path and what is below on to a cluster.
func route(path, cluster string) object {
	match := object{"prefix": path}
	// "/api" has /api and /api/x, not /apix. Envoy takes no path for this that has a query or ends with "/".
	if !strings.HasSuffix(path, "/") && !strings.ContainsAny(path, "?#") {
		match = object{"path_separated_prefix": path}
	}
	return object{"match": match, "route": object{
		"cluster": cluster,
		"timeout": "0s", // long answers are nobody's fault here
		// What has not reached the other side is tried again, elsewhere.
		"retry_policy": object{"retry_on": "connect-failure,refused-stream", "num_retries": 2},
	}}
}

// upstream is the healthy instances of a job, as DNS has them.
func upstream(name, of string, port int) object {
	endpoint := object{"endpoint": object{"address": address(of+domain, port)}}
	return object{
		"name": name, "type": "STRICT_DNS", "dns_lookup_family": "V4_ONLY", "respect_dns_ttl": true, "connect_timeout": "2s",
		"load_assignment": object{"cluster_name": name, "endpoints": list{object{"lb_endpoints": list{endpoint}}}},
	}
}

// ready answers whether Envoy is, to the node. On all addresses, as the node asks from outside the pod.
func ready() object {
	always := object{"match": object{"prefix": "/"}, "direct_response": object{"status": 200}}
	return listener("ready", "0.0.0.0", readyPort, http("ready", list{object{"name": "ready", "domains": list{"*"}, "routes": list{always}}}, nil))
}

func listener(name, on string, port int, f object) object {
	return object{"name": name, "address": address(on, port), "filter_chains": list{object{"filters": list{f}}}}
}

// http is the filter that routes requests.
func http(name string, hosts list, more object) object {
	settings := object{
		"stat_prefix":  name,
		"route_config": object{"name": name, "virtual_hosts": hosts},
		"http_filters": list{filter("envoy.filters.http.router", "envoy.extensions.filters.http.router.v3.Router", object{})},
	}
	for key, value := range more {
		settings[key] = value
	}
	return filter("envoy.filters.network.http_connection_manager", "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", settings)
}

func filter(name, kind string, settings object) object {
	settings["@type"] = "type.googleapis.com/" + kind
	return object{"name": name, "typed_config": settings}
}

func address(host string, port int) object {
	return object{"socket_address": object{"address": host, "port_value": port}}
}
