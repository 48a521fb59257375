package names

import (
	"bytes"
	"net/netip"
	"strings"
	"text/template"
)

// corefile is CoreDNS's configuration.
//
// Our names come from etcd, which is asked through port 1053. If it does not answer within a second, they come from a file through
// port 1054, with what etcd last said: so a node that is cut off, and runs what is to run on, resolves what it knew. CoreDNS's own
// way to do that, answers from a cache that are too old (serve_stale), is not used: it knows only what was asked before, also prefers
// an old denial to the answer that came after it, and at times gives old answers though etcd answers (CoreDNS 1.15, plugin/cache).
//
// What was found is kept for a second, so that an address that is withdrawn is gone a second later, and etcd is asked no more often
// for each name.
var corefile = template.Must(template.New("Corefile").Funcs(template.FuncMap{"join": join, "quote": quote}).Parse(`# Written at each start of the node.
{{.Domain}}:53 {
	bind {{.Listen}}
	errors {
		consolidate 1m ".*" error show_first
	}
	loadbalance
	cache {
		success 9984 1 0
		denial 9984 1 0
		servfail 1s
	}
	forward . {{.Listen}}:1053 {{.Listen}}:1054 {
		policy sequential
		failover SERVFAIL
		force_tcp
		max_fails 0
		read_timeout 1s
	}
}

{{.Domain}}:1053 {
	bind {{.Listen}}
	etcd {
		endpoint {{join .Etcd.Endpoints}}
{{- if .Etcd.Secure}}
		tls {{quote .Etcd.Certificate}} {{quote .Etcd.Key}} {{quote .Etcd.CA}}
{{- end}}
		no_apex_fallback
	}
}

{{.Domain}}:1054 {
	bind {{.Listen}}
	hosts {{quote .Hosts}} {
		ttl 1
		reload 1s
		no_reverse
	}
}
{{if .Upstream}}
.:53 {
	bind {{.Listen}}
	errors {
		consolidate 1m ".*" error show_first
	}
	cache
	forward .{{range .Upstream}} {{.}}{{end}}
}
{{end}}`))

func (o Options) corefile(upstream []netip.Addr) []byte {
	var b bytes.Buffer
	if err := corefile.Execute(&b, struct {
		Options
		Domain, Hosts string
		Upstream      []netip.Addr
	}{o, Domain, o.hosts(), upstream}); err != nil {
		panic(err) // it does not depend on the options
	}
	return b.Bytes()
}

func join(s []string) string { return strings.Join(s, " ") }

// quote writes a path as CoreDNS reads it, which may have spaces.
func quote(path string) string { return `"` + strings.ReplaceAll(path, `"`, `\"`) + `"` }
