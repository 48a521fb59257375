package podman

import (
	"context"
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

// Pull fetches an image from its registry, also when there is one of that name, and returns its id. Credentials are podman's own, by `podman
// login`. progress is called with each line of podman's about it.
func (c *Client) Pull(ctx context.Context, name string, progress func(line string)) (id string, err error) {
	answer, err := c.stream(ctx, http.MethodPost, "/images/pull", url.Values{"reference": {name}, "policy": {"always"}}, nil)
	if err != nil {
		return "", fmt.Errorf("pull image %s: %w", name, err)
	}
	defer answer.Close()
	for reports := json.NewDecoder(answer); ; {
		var report struct{ Stream, Error, ID string }
		switch err := reports.Decode(&report); {
		case errors.Is(err, io.EOF) && id == "":
			return "", fmt.Errorf("pull image %s: podman's answer ended too soon: %w", name, io.ErrUnexpectedEOF)
		case errors.Is(err, io.EOF):
			return id, nil
		case err != nil:
			return "", fmt.Errorf("pull image %s: %w", name, err)
		case report.Error != "":
			return "", fmt.Errorf("pull image %s: %w", name, &Error{Status: http.StatusOK, Message: report.Error})
		}
		if report.ID != "" {
			id = report.ID
		}
		if report.Stream != "" {
			progress(plain.Line(strings.TrimSuffix(report.Stream, "\n"), longest))
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

// Save writes an image as an OCI archive that [Client.Load] reads. Wherever it is loaded it has the same id, though not the digest that it had here.
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
