package podman_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"teamtask.dev/ozymandias/podman/podmantest"
)

// registry serves one image, from an OCI archive, to whoever knows the password.
func registry(t *testing.T, archive io.Reader) *httptest.Server {
	t.Helper()
	blobs := map[string][]byte{}
	var index []byte
	for files := tar.NewReader(archive); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(files)
		if err != nil {
			t.Fatal(err)
		}
		if header.Name == "index.json" {
			index = content
		}
		blobs[fmt.Sprintf("sha256:%x", sha256.Sum256(content))] = content
	}
	var listed struct {
		Manifests []struct{ Digest, MediaType string }
	}
	if err := json.Unmarshal(index, &listed); err != nil || len(listed.Manifests) != 1 {
		t.Fatalf("the archive lists %s, %v", index, err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password != "xyzzy" {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		parts := strings.Split(r.URL.Path, "/")
		digest := parts[len(parts)-1]
		switch {
		case r.URL.Path == "/v2/":
			return
		case strings.HasSuffix(r.URL.Path, "/app/manifests/1"):
			w.Header().Set("Content-Type", listed.Manifests[0].MediaType)
			digest = listed.Manifests[0].Digest
		}
		content, ok := blobs[digest]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		_, _ = w.Write(content)
	}))
	t.Cleanup(server.Close)
	return server
}

// An image comes from its registry, with word of how it goes; without the password it does not, nor does one that is not there. The password
// is where `podman login` writes it, containers-auth.json(5).
func TestPull(t *testing.T) {
	ctx, m, dir := patient(t), podmantest.New(t), t.TempDir()
	var archive bytes.Buffer
	if err := m.Client.Save(ctx, podmantest.Image, &archive); err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(registry(t, &archive).URL, "http://")
	login := func(password string) {
		t.Helper()
		auths := fmt.Sprintf(`{"auths": {%q: {"auth": %q}}}`, host, base64.StdEncoding.EncodeToString([]byte("ada:"+password)))
		if err := os.WriteFile(filepath.Join(dir, "containers", "auth.json"), []byte(auths), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	settings := filepath.Join(dir, "registries.conf")
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "containers"), 0o700),
		os.WriteFile(settings, fmt.Appendf(nil, "[[registry]]\nlocation = %q\ninsecure = true\n", host), 0o600)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CONTAINERS_REGISTRIES_CONF", settings)
	t.Setenv("XDG_RUNTIME_DIR", dir)
	if err := m.Restart(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	pull := func(name string) (string, error) {
		return m.Client.Pull(ctx, name, func(line string) { lines = append(lines, line) })
	}
	login("xyzzy")
	name := host + "/app:1"
	id, err := pull(name)
	if err != nil {
		t.Fatal(err)
	}
	want, err := m.Client.Image(ctx, podmantest.Image)
	if err != nil || id != want.ID {
		t.Errorf("it is %q, want %q, %v", id, want.ID, err)
	}
	if len(lines) == 0 {
		t.Error("there was no word of progress")
	}
	if got, err := m.Client.Image(ctx, name); err != nil || got.ID != id {
		t.Errorf("Image() = %+v, %v", got, err)
	}
	if _, err := pull(host + "/app:2"); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("one that is not there: %v", err)
	}
	login("guess")
	if _, err := pull(name); err == nil {
		t.Error("it came with a wrong password")
	}
}
