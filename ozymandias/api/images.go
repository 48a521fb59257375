package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"

	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/images"
	"teamtask.dev/ozymandias/podman"
)

func (a *API) registerImages(api huma.API, mux *http.ServeMux) {
	const all, tag = "/v1/images", "Images"
	if a.Images == nil {
		return
	}
	huma.Register(api, operation(tag, http.MethodGet, all, "list-images", "List images that were loaded into the cluster"),
		func(ctx context.Context, _ *struct{}) (*listed[v1.Image], error) {
			found, err := a.Images.List(ctx)
			if err != nil {
				return nil, problem(err)
			}
			out := make([]v1.Image, 0, len(found))
			for _, i := range found {
				out = append(out, v1.Image{Name: i.Name, ID: i.ID, Size: i.Size, Loaded: i.Loaded, Nodes: append([]string{}, i.Nodes...)})
			}
			return list(out), nil
		})
	remove := operation(tag, http.MethodDelete, all, "delete-image", "Take an image out of the cluster")
	remove.DefaultStatus = http.StatusNoContent
	huma.Register(api, remove, func(ctx context.Context, in *struct {
		Name string `query:"name" required:"true" doc:"Its name, as the list has it."`
	}) (*struct{}, error) {
		err := a.Images.Remove(ctx, in.Name)
		if errors.Is(err, images.ErrNotFound) {
			err = none("image", in.Name)
		}
		return nil, problem(err)
	})
	// Archives are as large as they are: the library would hold them in memory.
	mux.HandleFunc("POST "+all, a.load)
	mux.HandleFunc("GET "+all+"/{id}/archive", a.save)
	load := operation(tag, http.MethodPost, all, "load-images", "Load images into the cluster")
	load.RequestBody = &huma.RequestBody{Required: true, Description: "An archive, as `podman save` and `docker save` write it.", Content: map[string]*huma.MediaType{"application/x-tar": {}}}
	load.Responses = map[string]*huma.Response{"200": {Description: "The names of what was loaded", Content: map[string]*huma.MediaType{
		"application/json": {Schema: api.OpenAPI().Components.Schemas.Schema(typeOfLoaded, true, "LoadedImages")}}}}
	api.OpenAPI().AddOperation(&load)
}

// load takes in images.
func (a *API) load(w http.ResponseWriter, r *http.Request) {
	names, err := a.Images.Load(r.Context(), r.Body)
	switch {
	case errors.Is(err, podman.ErrArchive):
		write(w, v1.Invalid.New("%v", err))
		return
	case errors.Is(err, podman.ErrNotFound): // the image has gone meanwhile; elsewhere that is an instance that does not run
		write(w, v1.Internal.New("%v", err))
		return
	case err != nil:
		write(w, err)
		return
	}
	writeJSON(w, v1.LoadedImages{Names: names})
}

// save gives an image to another node.
func (a *API) save(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-tar")
	counted := &begun{ResponseWriter: w}
	switch err := a.Images.Save(r.Context(), r.PathValue("id"), counted); {
	case err == nil:
	case counted.any: // what follows is missing, and so that it is noticed the connection breaks
		panic(http.ErrAbortHandler)
	case errors.Is(err, images.ErrNotFound):
		write(w, none("image", r.PathValue("id")))
	case errors.Is(err, images.ErrBusy):
		write(w, again(v1.Busy.New("%v", err)))
	default:
		write(w, err)
	}
}

// begun notes whether anything was written.
type begun struct {
	http.ResponseWriter
	any bool
}

func (b *begun) Write(p []byte) (int, error) {
	b.any = true
	return b.ResponseWriter.Write(p)
}

// Fetch is how a node gets an image from another one, for package images. address is HOST:PORT of a node's API.
func Fetch(peers *tls.Config, address func(node string) (string, error)) func(ctx context.Context, node, id string) (io.ReadCloser, error) {
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: peers, MaxIdleConnsPerHost: 1}}
	return func(ctx context.Context, node, id string) (io.ReadCloser, error) {
		host, err := address(node)
		if err != nil {
			return nil, err
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+"/v1/images/"+url.PathEscape(id)+"/archive", nil)
		if err != nil {
			return nil, err
		}
		answer, err := client.Do(r)
		if err != nil {
			return nil, err
		}
		switch answer.StatusCode {
		case http.StatusOK:
			return answer.Body, nil
		case http.StatusNotFound:
			err = images.ErrNotFound
		case http.StatusServiceUnavailable:
			err = images.ErrBusy
		default:
			text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<16))
			err = fmt.Errorf("%s: %s", answer.Status, text)
		}
		answer.Body.Close()
		return nil, fmt.Errorf("fetch image %s from node %s: %w", id, node, err)
	}
}
