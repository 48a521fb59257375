package podman

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/plain"
)

// Image is one that the node has.
type Image struct {
	ID string `json:"Id"`
	// Digest of its manifest, "sha256:...".
	Digest string `json:"Digest"`
	// Names it goes by, with registry and tag.
	Names []string `json:"RepoTags"`
	// Digests it was pulled by, with registry: "docker.io/library/postgres@sha256:...".
	Digests []string `json:"RepoDigests"`
	// Size on the disk, including what it shares with others.
	Size job.Size `json:"Size"`
	// Created is when it was built, and Containers how many there are of it; only a list tells.
	Created    time.Time `json:"-"`
	Containers int       `json:"Containers"`
}

// Images lists what there is.
func (c *Client) Images(ctx context.Context) ([]Image, error) {
	var listed []struct {
		Image
		Created int64
	}
	if err := c.call(ctx, http.MethodGet, "/images/json", nil, nil, &listed); err != nil {
		return nil, fmt.Errorf("list images: %w", err)
	}
	var images []Image
	for _, l := range listed {
		l.Image.Created = time.Unix(l.Created, 0)
		images = append(images, l.Image)
	}
	return images, nil
}

// Image returns the image of that name or id.
func (c *Client) Image(ctx context.Context, name string) (Image, error) {
	var image Image
	if err := c.call(ctx, http.MethodGet, "/images/"+url.PathEscape(name)+"/json", nil, nil, &image); err != nil {
		return Image{}, fmt.Errorf("inspect image %s: %w", name, err)
	}
	return image, nil
}

// HasImage says whether there is an image of that name or id.
func (c *Client) HasImage(ctx context.Context, name string) (bool, error) {
	err := c.call(ctx, http.MethodGet, "/images/"+url.PathEscape(name)+"/exists", nil, nil, nil)
	switch {
	case errors.Is(err, ErrNotFound):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look for image %s: %w", name, err)
	}
	return true, nil
}

// Pull is how an image is fetched from its registry.
type Pull struct {
	// Username and Password for the registry, if it wants any.
	Username, Password string
	// Insecure allows HTTP, and certificates nobody vouches for.
	Insecure bool
	// Progress, if any, is called with each line of podman's about it.
	Progress func(line string)
}

// Pull fetches an image, also when there is one of that name, and returns its id.
func (c *Client) Pull(ctx context.Context, name string, p Pull) (id string, err error) {
	query := url.Values{"reference": {name}, "policy": {"always"}}
	if p.Insecure {
		query.Set("tlsVerify", "false")
	}
	r, err := request(ctx, http.MethodPost, "/images/pull", query, nil)
	if err != nil {
		return "", err
	}
	if p.Username != "" {
		b, err := json.Marshal(map[string]string{"username": p.Username, "password": p.Password})
		if err != nil {
			return "", fmt.Errorf("write the credentials for %s: %w", name, err)
		}
		r.Header.Set("X-Registry-Auth", base64.URLEncoding.EncodeToString(b))
	}
	answer, err := c.send(r)
	if err != nil {
		return "", fmt.Errorf("pull image %s: %w", name, err)
	}
	defer answer.Body.Close()
	for reports := json.NewDecoder(answer.Body); ; {
		var report struct{ Stream, Error, ID string }
		switch err := reports.Decode(&report); {
		case errors.Is(err, io.EOF) && id == "":
			return "", fmt.Errorf("pull image %s: podman's answer ended too soon: %w", name, io.ErrUnexpectedEOF)
		case errors.Is(err, io.EOF):
			return id, nil
		case err != nil:
			return "", fmt.Errorf("pull image %s: %w", name, err)
		case report.Error != "":
			return "", fmt.Errorf("pull image %s: %w", name, &Error{Status: answer.StatusCode, Message: report.Error})
		}
		if report.ID != "" {
			id = report.ID
		}
		if p.Progress != nil && report.Stream != "" {
			p.Progress(plain.Line(strings.TrimSuffix(report.Stream, "\n"), longest))
		}
	}
}

// Load takes in images from an archive as [Client.Save], `podman save` and `docker save` write it, and returns their names.
func (c *Client) Load(ctx context.Context, archive io.Reader) ([]string, error) {
	var loaded struct{ Names []string }
	if err := c.call(ctx, http.MethodPost, "/images/load", nil, archive, &loaded); err != nil {
		return nil, fmt.Errorf("load images: %w", err)
	}
	return loaded.Names, nil
}

// Import makes an image of a tar archive of its files, with the changes to its settings that a Dockerfile would state, such as
// `ENTRYPOINT ["/program"]`. It returns its id.
func (c *Client) Import(ctx context.Context, name string, files io.Reader, changes ...string) (string, error) {
	var imported struct {
		ID string `json:"Id"`
	}
	query := url.Values{"reference": {name}, "changes": changes}
	if err := c.call(ctx, http.MethodPost, "/images/import", query, files, &imported); err != nil {
		return "", fmt.Errorf("import image %s: %w", name, err)
	}
	return strings.TrimPrefix(imported.ID, "sha256:"), nil
}

// Save writes an image as an OCI archive that [Client.Load] reads: the same manifest and so the same digest, wherever it is loaded.
func (c *Client) Save(ctx context.Context, name string, archive io.Writer) error {
	saved, err := c.stream(ctx, http.MethodGet, "/images/"+url.PathEscape(name)+"/get", url.Values{"format": {"oci-archive"}}, nil)
	if err != nil {
		return fmt.Errorf("save image %s: %w", name, err)
	}
	defer saved.Close()
	if _, err := io.Copy(archive, saved); err != nil {
		return fmt.Errorf("save image %s: %w", name, err)
	}
	return nil
}

// Tag gives an image one more name, "repository:tag".
func (c *Client) Tag(ctx context.Context, image, name string) error {
	colon := strings.LastIndexByte(name, ':')
	if colon <= strings.LastIndexByte(name, '/') {
		return fmt.Errorf("tag image %s: %q has no tag: write %s:latest", image, name, name)
	}
	query := url.Values{"repo": {name[:colon]}, "tag": {name[colon+1:]}}
	if err := c.call(ctx, http.MethodPost, "/images/"+url.PathEscape(image)+"/tag", query, nil, nil); err != nil {
		return fmt.Errorf("tag image %s: %w", image, err)
	}
	return nil
}

// RemoveImage takes the name from an image, and removes it if that was its last one. One in use is an error; one that is not there is
// none.
func (c *Client) RemoveImage(ctx context.Context, name string) error {
	if err := c.call(ctx, http.MethodDelete, "/images/"+url.PathEscape(name), nil, nil, nil); none(err) != nil {
		return fmt.Errorf("remove image %s: %w", name, err)
	}
	return nil
}
