package job_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"
	"pgregory.net/rapid"

	"teamtask.dev/ozymandias/job"
)

func TestSize(t *testing.T) {
	for _, c := range []struct {
		text    string
		want    job.Size
		written string
	}{
		{"0", 0, "0"},
		{"2G", 2_000_000_000, "2G"},
		{"2Gi", 2 << 30, "2Gi"},
		{"1.5G", 1_500_000_000, "1500M"},
		{"1.1G", 1_100_000_000, "1100M"},
		{"1.5Gi", 3 << 29, "1536Mi"},
		{"0.5", 1, "1"}, // a byte is not divided
		{"1000", 1000, "1k"},
		{"1024", 1024, "1Ki"},
		{"1234567", 1234567, "1234567"},
		{"9E", 9e18, "9E"},
		{"7.999999999Ei", 9223372035701854304, "9223372035701854304"},
	} {
		got, err := job.ParseSize(c.text)
		if err != nil || got != c.want || got.String() != c.written {
			t.Errorf("%s is %d, written %s (%v); want %d, written %s", c.text, got, got, err, c.want, c.written)
		}
	}
	for text, why := range map[string]string{
		"":                     "is not a size",
		"G":                    "is not a size",
		"2g":                   "powers of 1000",
		"2 G":                  "is not a size",
		"-1G":                  "is not a size",
		"1e9":                  "is not a size",
		"1.2.3":                "is not a size",
		"1.":                   "is not a size",
		".5G":                  "is not a size",
		"2GB":                  "is not a size",
		"10E":                  "too large",
		"8Ei":                  "too large",
		"9.3E":                 "too large",
		"99999999999999999999": "is not a size",
	} {
		if got, err := job.ParseSize(text); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q is %d, %v; want an error that says %q", text, got, err, why)
		}
	}
}

// Sizes are Kubernetes quantities, and are read back as they were.
func TestSizeIsAQuantity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[0-9]{1,6}(\.[0-9]{1,6})?(k|Ki|M|Mi|G|Gi|T|Ti|P|Pi)?`).Draw(t, "text")
		quantity := resource.MustParse(text)
		size, err := job.ParseSize(text)
		if want, fits := quantity.AsInt64(); err != nil {
			if fits {
				t.Fatalf("%s: %v", text, err)
			}
		} else if quantity.Value() != int64(size) {
			t.Fatalf("%s is %d; Kubernetes says %d, %d", text, size, quantity.Value(), want)
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		size := job.Size(rapid.Int64Min(0).Draw(t, "size"))
		if again, err := job.ParseSize(size.String()); err != nil || again != size {
			t.Fatalf("%d is written %s, which is %d (%v)", size, size, again, err)
		}
	})
}

func TestDuration(t *testing.T) {
	for _, c := range []struct{ text, written string }{
		{"90s", "1m30s"}, {"60", "1m"}, {"3600", "1h"}, {"1h30m", "1h30m"}, {"1.5", "1.5s"}, {"100ms", "100ms"}, {"0", "0s"}, {"10m0s", "10m"}, {"20h", "20h"},
	} {
		d, err := job.ParseDuration(c.text)
		if err != nil || d.String() != c.written {
			t.Errorf("%s is written %s (%v); want %s", c.text, d, err, c.written)
		}
		if again, err := job.ParseDuration(d.String()); err != nil || again != d {
			t.Errorf("%s is written %s, which is %s (%v)", c.text, d, again, err)
		}
	}
	for _, text := range []string{"", "s", "1d", "-5", "-1s", "1e3", "five"} {
		if d, err := job.ParseDuration(text); err == nil {
			t.Errorf("%q is %s; want an error", text, d)
		}
	}
}

func TestCPUs(t *testing.T) {
	for _, c := range []struct {
		text    string
		want    job.CPUs
		written string
	}{{"0.5", 500, "0.5"}, {"2", 2000, "2"}, {"500m", 500, "0.5"}, {"0.125", 125, "0.125"}, {"1.10", 1100, "1.1"}, {"0", 0, "0"}} {
		if got, err := job.ParseCPUs(c.text); err != nil || got != c.want || got.String() != c.written {
			t.Errorf("%s is %d, written %s (%v); want %d, written %s", c.text, got, got, err, c.want, c.written)
		}
	}
	for _, text := range []string{"", "m", "0.0001", "1.5m", "-1", "10000", "1e3", "many"} {
		if got, err := job.ParseCPUs(text); err == nil {
			t.Errorf("%q is %s; want an error", text, got)
		}
	}
}

func TestRestart(t *testing.T) {
	for text, want := range map[string]job.Restart{
		"always":       {Policy: job.Always},
		"never":        {Policy: job.Never},
		"no":           {Policy: job.Never},
		"on-failure":   {Policy: job.OnFailure},
		"on-failure:3": {Policy: job.OnFailure, Tries: 3},
	} {
		got, err := job.ParseRestart(text)
		if err != nil || got != want {
			t.Errorf("%s is %+v (%v); want %+v", text, got, err, want)
		}
		if again, err := job.ParseRestart(got.String()); err != nil || again != want {
			t.Errorf("%s is written %s, which is %+v (%v)", text, got, again, err)
		}
	}
	for _, text := range []string{"", "Always", "always:3", "on-failure:", "on-failure:0", "on-failure:-1", "on-failure:x", "unless-stopped"} {
		if got, err := job.ParseRestart(text); err == nil {
			t.Errorf("%q is %s; want an error", text, got)
		}
	}
}

func TestPort(t *testing.T) {
	for text, written := range map[string]string{
		"80:3000":             "80:3000",
		"80:3000/tcp":         "80:3000",
		"53:53/udp":           "53:53/udp",
		"127.0.0.1:8080:80":   "127.0.0.1:8080:80",
		"0.0.0.0:8080:80":     "8080:80",
		"[::1]:8080:80/udp":   "[::1]:8080:80/udp",
		"[::]:65535:1":        "65535:1",
		"192.168.0.1:1:65535": "192.168.0.1:1:65535",
	} {
		got, err := job.ParsePort(text)
		if err != nil || got.String() != written {
			t.Errorf("%s is written %s (%v); want %s", text, got, err, written)
		}
		if again, err := job.ParsePort(got.String()); err != nil || again != got {
			t.Errorf("%s is written %s, which is %+v (%v)", text, got, again, err)
		}
	}
	for text, why := range map[string]string{
		"80":                 "the node's port is missing",
		"80:":                "no number",
		":80":                "no number",
		"80:http":            "no number",
		"0:80":               "1 to 65535",
		"80:65536":           "1 to 65535",
		"80:80/sctp":         "no protocol",
		"80:80/":             "no protocol",
		"localhost:80:80":    "no IP address",
		"::1:80:80":          "no IP address",
		"[127.0.0.1]:80:80":  "no IP address",
		"[fe80::1%eth0]:1:1": "no IP address",
		"8000-8010:80":       "no number",
		"+80:80":             "no number",
	} {
		if got, err := job.ParsePort(text); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q is %s, %v; want an error that says %q", text, got, err, why)
		}
	}
}

func TestPortsCollide(t *testing.T) {
	port := func(s string) job.Port {
		p, err := job.ParsePort(s)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"80:1", "80:2", true},
		{"80:1", "81:1", false},
		{"53:53", "53:53/udp", false},
		{"127.0.0.1:80:1", "80:1", true},
		{"127.0.0.1:80:1", "127.0.0.2:80:1", false},
	} {
		if a, b := port(c.a), port(c.b); a.Collides(b) != c.want || b.Collides(a) != c.want {
			t.Errorf("%s and %s collide: %t; want %t", a, b, a.Collides(b), c.want)
		}
	}
}

func TestSplit(t *testing.T) {
	for text, want := range map[string][]string{
		"":                         nil,
		"  ":                       nil,
		"bin/rails s":              {"bin/rails", "s"},
		" a\tb\n c ":               {"a", "b", "c"},
		`echo "a b" 'c d'`:         {"echo", "a b", "c d"},
		`a"b"'c'd`:                 {"abcd"},
		`""`:                       {""},
		`a '' b`:                   {"a", "", "b"},
		`a\ b`:                     {"a b"},
		`'a\b'`:                    {`a\b`},
		`"a\b\"\\\$"`:              {`a\b"\$`},
		"a\\\nb":                   {"ab"},
		`$HOME *.txt ~ a;b | c #d`: {"$HOME", "*.txt", "~", "a;b", "|", "c", "#d"},
	} {
		if got, err := job.Split(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q is %q (%v); want %q", text, got, err, want)
		}
	}
	for _, text := range []string{`"a`, `a'`, `a\`, `"a\"`} {
		if got, err := job.Split(text); err == nil {
			t.Errorf("%q is %q; want an error", text, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.String()).Draw(t, "words")
		quoted := make([]string, len(words))
		for i, w := range words {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		if got, err := job.Split(strings.Join(quoted, " ")); err != nil || !slices.Equal(got, words) {
			t.Fatalf("%q is %q (%v)", quoted, got, err)
		}
	})
}

// What can be written in several ways is read in all of them.
func TestWaysToWrite(t *testing.T) {
	for _, c := range []struct{ name, written, canonical string }{
		{"one ingress", `{"name":"a","containers":null,"ingress":{"host":"a.example","port":80}}`, `{"name":"a","ingress":[{"host":"a.example","port":80}],"containers":null}`},
		{"command as text", `{"command":"sleep 5"}`, `{"image":"","command":["sleep","5"]}`},
		{"command with numbers", `{"command":["sleep",5]}`, `{"image":"","command":["sleep","5"]}`},
		{"environment as a list", `{"environment":["A=1","B=x=y","C="]}`, `{"image":"","environment":{"A":"1","B":"x=y","C":""}}`},
		{"environment with other values", `{"environment":{"A":1.10,"B":true}}`, `{"image":"","environment":{"A":"1.10","B":"true"}}`},
		{"depends_on as a list", `{"depends_on":["db"]}`, `{"image":"","depends_on":{"db":{"condition":"service_started"}}}`},
		{"numbers", `{"memory":1000000,"stop_grace_period":30,"cpus":0.5}`, `{"image":"","memory":"1M","cpus":"0.5","stop_grace_period":"30s"}`},
		{"a secret's name", `{"secrets":["key"]}`, `{"image":"","secrets":[{"name":"key"}]}`},
		{"null is not said", `{"memory":null,"command":null,"environment":null,"depends_on":null,"restart":null,"ports":null,"healthcheck":null}`, `{"image":""}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			into := any(&job.Container{})
			if strings.HasPrefix(c.written, `{"name"`) {
				into = &job.Job{}
			}
			if err := json.Unmarshal([]byte(c.written), into); err != nil {
				t.Fatal(err)
			}
			if got, err := json.Marshal(into); err != nil || string(got) != c.canonical {
				t.Errorf("is written %s (%v)\nwant       %s", got, err, c.canonical)
			}
		})
	}
	for _, written := range []string{
		`{"environment":["A"]}`, `{"environment":["A=1","A=2"]}`, `{"environment":{"A":null}}`, `{"environment":{"A":[]}}`, `{"environment":"A=1"}`,
		`{"command":{}}`, `{"command":5}`, `{"command":[null]}`, `{"command":"'"}`, `{"memory":{}}`, `{"ports":[80]}`, `{"restart":"maybe"}`, `{"depends_on":[["a"]]}`,
	} {
		var c job.Container
		if err := json.Unmarshal([]byte(written), &c); err == nil {
			t.Errorf("%s is read as %+v; want an error", written, c)
		}
	}
}
