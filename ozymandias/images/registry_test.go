package images_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// registry gives images from their archives (the distribution specification of OCI, as far as podman asks).
type registry struct {
	mu     sync.Mutex
	images map[string]published
	asked  map[string]int // by path
}

type published struct {
	manifest, kind string
	blobs          map[string][]byte
}

// publish offers an image, as "library/postgres/manifests/13" names it.
func (r *registry) publish(t *testing.T, name, tag string, archive []byte) {
	t.Helper()
	image := published{blobs: map[string][]byte{}}
	var index struct {
		Manifests []struct{ Digest, MediaType string }
	}
	for files := tar.NewReader(bytes.NewReader(archive)); ; {
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
			if err := json.Unmarshal(content, &index); err != nil || len(index.Manifests) != 1 {
				t.Fatalf("the archive lists %s, %v", content, err)
			}
			image.manifest, image.kind = index.Manifests[0].Digest, index.Manifests[0].MediaType
		}
		image.blobs[fmt.Sprintf("sha256:%x", sha256.Sum256(content))] = content
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.images = map[string]published{"/v2/" + name + "/manifests/" + tag: image}
	r.asked = map[string]int{}
}

// count says how often a path was asked for.
func (r *registry) count(path string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked[path]
}

// digest is that of the manifest at a path.
func (r *registry) digest(path string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.images[path].manifest
}

func (r *registry) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if q.URL.Path == "/v2/" {
		return
	}
	if q.Method == http.MethodGet {
		r.asked[q.URL.Path]++
	}
	digest := q.URL.Path[strings.LastIndexByte(q.URL.Path, '/')+1:]
	if image, ok := r.images[q.URL.Path]; ok {
		w.Header().Set("Content-Type", image.kind)
		digest = image.manifest
	}
	for path, image := range r.images {
		content, ok := image.blobs[digest]
		if name, _, _ := strings.Cut(path, "/manifests/"); !ok || !strings.HasPrefix(q.URL.Path, name+"/") {
			continue
		}
		if digest == image.manifest {
			w.Header().Set("Content-Type", image.kind)
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		_, _ = w.Write(content)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusNotFound)
	_, _ = io.WriteString(w, `{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}`)
}
