package podman_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"teamtask.dev/ozymandias/podman"
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

// An image comes from its registry, with word of how it goes; without the password it does not, nor does one that is not there.
func TestPull(t *testing.T) {
	ctx, client := patient(t), machine.Client
	var archive bytes.Buffer
	if err := client.Save(ctx, podmantest.Image, &archive); err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(registry(t, &archive).URL, "http://")
	name := host + "/app:1"
	t.Cleanup(func() {
		if err := client.RemoveImage(context.WithoutCancel(ctx), name); err != nil {
			t.Error(err)
		}
	})
	var lines []string
	pull := podman.Pull{Username: "ada", Password: "xyzzy", Insecure: true, Progress: func(line string) { lines = append(lines, line) }}
	id, err := client.Pull(ctx, name, pull)
	if err != nil {
		t.Fatal(err)
	}
	want, err := client.Image(ctx, podmantest.Image)
	if err != nil || id != want.ID {
		t.Errorf("it is %q, want %q, %v", id, want.ID, err)
	}
	if len(lines) == 0 {
		t.Error("there was no word of progress")
	}
	if has, err := client.HasImage(ctx, name); !has || err != nil {
		t.Errorf("HasImage() = %v, %v", has, err)
	}
	pull.Password = "guess"
	if _, err := client.Pull(ctx, name, pull); err == nil {
		t.Error("it came with a wrong password")
	}
	pull.Password = "xyzzy"
	if _, err := client.Pull(ctx, host+"/app:2", pull); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("one that is not there: %v", err)
	}
}
