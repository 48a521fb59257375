package jobfile_test

import (
	"maps"
	"os"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

// Files that were good until somebody changed something are read by the same rules as any other: see [FuzzParse].
func TestChangedFiles(t *testing.T) {
	rapid.Check(t, changedFile(t))
}

// FuzzChangedFiles does the same led by what code is reached: changes of meaning, where FuzzParse changes bytes.
func FuzzChangedFiles(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(changedFile(f)))
}

func changedFile(t testing.TB) func(*rapid.T) {
	var files [][]byte
	for _, name := range []string{"simple-webapp.yaml", "good/everything.yaml", "compose/shop.yaml", "compose/replicas.yaml", "compose/extended.yaml"} {
		text, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, text)
	}
	return func(t *rapid.T) {
		var file any
		if err := yaml.Unmarshal(rapid.SampledFrom(files).Draw(t, "file"), &file); err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(0, 3).Draw(t, "changes") {
			file = changed(t, file)
		}
		text, err := yaml.Marshal(file)
		if err != nil {
			t.Fatal(err)
		}
		holdsRules(t, text)
	}
}

// changed changes something, somewhere within a value.
func changed(t *rapid.T, value any) any {
	switch v := value.(type) {
	case map[string]any:
		if len(v) == 0 || rapid.IntRange(0, 9).Draw(t, "here") == 0 {
			v[rapid.SampledFrom(fieldNames).Draw(t, "new")] = anything(t)
			return v
		}
		key := rapid.SampledFrom(slices.Sorted(maps.Keys(v))).Draw(t, "key")
		switch rapid.IntRange(0, 9).Draw(t, "what") {
		case 0:
			delete(v, key)
		case 1:
			v[rapid.SampledFrom(fieldNames).Draw(t, "renamed")] = v[key]
			delete(v, key)
		case 2:
			v[key] = anything(t)
		default:
			v[key] = changed(t, v[key])
		}
		return v
	case []any:
		if len(v) == 0 || rapid.IntRange(0, 4).Draw(t, "here") == 0 {
			return append(v, anything(t))
		}
		i := rapid.IntRange(0, len(v)-1).Draw(t, "index")
		v[i] = changed(t, v[i])
		return v
	}
	return anything(t)
}

// anything draws a value, mostly one that may well stand somewhere.
func anything(t *rapid.T) any {
	switch rapid.IntRange(0, 9).Draw(t, "kind") {
	case 0:
		return nil
	case 1:
		return rapid.IntRange(-2, 70000).Draw(t, "number")
	case 2:
		return rapid.Bool().Draw(t, "bool")
	case 3:
		return rapid.Float64().Draw(t, "float")
	case 4:
		return []any{anything(t)}
	case 5:
		return map[string]any{rapid.SampledFrom(fieldNames).Draw(t, "field"): anything(t)}
	case 6:
		return rapid.String().Draw(t, "text")
	}
	return rapid.SampledFrom([]string{
		"", "a", "app", "db", "web", "data", "80", "80:80", "53:53/udp", "8000-8010:80", "127.0.0.1:1:1", "1G", "1Gi", "500T", "9E", "100M", "0", "-1", "30", "90s", "24h", "1h1h",
		"always", "never", "no", "on-failure:2", "unless-stopped", "http", "tcp", "exec", "shared", "local", "A=1", "A", "=", "/", "/data", "a.example", "service_healthy", "stop", "keep",
		"stop-first", "start-first", "global", "replicated", "./here", "data:/data", "data:/data:ro", "/data:/data", "$A", "${A:-b}", "$$", "sleep 5", "'", "CMD", "NONE", "none", "any", "pause",
		"rollback", "node.labels.a==b", "0.5", "1e300", "host", "bridge", "volume", "bind", "tmpfs", "\x7f", "\u2028", "\ufeff", "😀", "0x10", "1_000", "~", "null", "2001-01-01",
	}).Draw(t, "word")
}

// fieldNames are words of job files and compose files, and others.
var fieldNames = []string{
	"name", "numInstances", "daemon", "priority", "worklist", "swarm", "ingress", "containers", "sidecars", "update", "placement", "on_partition", "host", "path", "tcp", "container", "port", "tls",
	"acme", "secret", "image", "restart", "entrypoint", "command", "environment", "secrets", "ports", "depends_on", "memory", "cpus", "healthcheck", "volumes", "stop_grace_period", "stop_signal",
	"user", "working_dir", "read_only", "type", "space", "vault", "key", "role", "env", "file", "condition", "interval", "timeout", "start_period", "healthy_threshold", "unhealthy_threshold", "order",
	"max_surge", "max_unavailable", "healthy_within", "min_healthy", "rollback", "requires", "spread", "max_per_node", "services", "x-ozymandias", "deploy", "replicas", "resources", "limits",
	"reservations", "mem_limit", "mem_reservation", "build", "networks", "configs", "test", "retries", "disable", "mode", "constraints", "preferences", "restart_policy", "max_attempts", "update_config",
	"parallelism", "monitor", "external", "driver", "driver_opts", "source", "target", "published", "host_ip", "protocol", "profiles", "extends", "include", "version", "<<", "app", "db", "web", "", "a.b", "a b",
}
