package api_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"teamtask.dev/ozymandias/api"
	"teamtask.dev/ozymandias/api/apitest"
	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/client"
	"teamtask.dev/ozymandias/images"
	"teamtask.dev/ozymandias/pki"
	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/ozymandias/podman/podmantest"
	"teamtask.dev/ozymandias/seal"
	"teamtask.dev/ozymandias/secrets"
)

// An image is loaded from an archive, listed, fetched by another node, and deleted.
func TestImages(t *testing.T) {
	cluster, machine := apitest.New(t), podmantest.New(t)
	o := cluster.Options()
	o.Images = images.New(images.Options{Podman: machine.Client, Etcd: cluster.Etcd, Node: "n1"})
	_, c := cluster.Serve(o)
	ctx, done := context.WithTimeout(t.Context(), 3*time.Minute)
	defer done()
	var archive bytes.Buffer
	if err := machine.Client.Save(ctx, podmantest.Image, &archive); err != nil {
		t.Fatal(err)
	}
	names, err := c.LoadImages(ctx, &archive)
	if err != nil || len(names) != 1 || names[0] != podmantest.Image {
		t.Fatalf("loaded: %q, %v", names, err)
	}
	listed, err := c.Images(ctx)
	if err != nil || len(listed) != 1 || listed[0].Name != podmantest.Image || listed[0].ID == "" || listed[0].Size == 0 {
		t.Fatalf("listed: %+v, %v", listed, err)
	}
	authority, err := pki.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	url, config := cluster.Remote(o, authority)
	fetch := api.Fetch(config, func(string) (string, error) { return strings.TrimPrefix(url, "https://"), nil })
	saved, err := fetch(ctx, "n1", listed[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, saved)
	saved.Close()
	if err != nil || n < 1<<20 {
		t.Errorf("fetched %d bytes, %v", n, err)
	}
	if _, err := fetch(ctx, "n1", strings.Repeat("0", 64)); !errors.Is(err, images.ErrNotFound) {
		t.Errorf("fetched what is not there: %v", err)
	}
	_, err = c.LoadImages(ctx, strings.NewReader("no archive"))
	refused(t, err, v1.Invalid, "no archive of images: `podman save -o FILE IMAGE`")
	if err := c.DeleteImage(ctx, podmantest.Image); err != nil {
		t.Error(err)
	}
	refused(t, c.DeleteImage(ctx, podmantest.Image), v1.NotFound, `there is no image "localhost/guest:1"`)
	refused(t, c.DeleteImage(ctx, "UPPER"), v1.Invalid, `"UPPER" is no name of an image`)
}

// That images cannot be loaded where podman does not answer is not the fault of who loads them.
func TestLoadWithoutPodman(t *testing.T) {
	cluster := apitest.New(t)
	o := cluster.Options()
	away := podman.Connect(filepath.Join(t.TempDir(), "podman.sock"))
	defer away.Close()
	o.Images = images.New(images.Options{Podman: away, Etcd: cluster.Etcd, Node: "n1"})
	_, c := cluster.Serve(o)
	_, err := c.LoadImages(t.Context(), strings.NewReader("an archive"))
	refused(t, err, v1.Internal, "podman.sock")
}

// A secret is set, listed without its value, and deleted.
func TestSecrets(t *testing.T) {
	cluster := apitest.New(t)
	o := cluster.Options()
	var err error
	if o.Secrets, err = secrets.Open(cluster.Etcd, make([]byte, seal.KeySize), secrets.VaultOptions{}); err != nil {
		t.Fatal(err)
	}
	_, c := cluster.Serve(o)
	value := []byte("p\x00ss\n")
	for version := int64(1); version <= 2; version++ {
		if s, err := c.PutSecret(t.Context(), "shop/db", value); err != nil || s.Name != "shop/db" || s.Version != version {
			t.Errorf("set: %+v, %v", s, err)
		}
	}
	if got, err := o.Secrets.Get(t.Context(), "shop/db"); err != nil || !bytes.Equal(got, value) {
		t.Errorf("kept: %q, %v", got, err)
	}
	if all, err := c.Secrets(t.Context()); err != nil || len(all) != 1 || all[0].Name != "shop/db" || all[0].Version != 2 || all[0].Changed.IsZero() {
		t.Errorf("listed: %+v, %v", all, err)
	}
	file := "name: shop\ningress: {host: shop.example, port: 80, tls: {secret: shop-tls}}\ncontainers:\n  app: {image: shop, secrets: [{name: shop/db, env: DB}, shop-key]}\n"
	applied, err := c.Apply(t.Context(), "shop.yaml", []byte(file), client.Room{Wait: true})
	if want := []string{"shop.yaml:2:55: ingress[0].tls.secret: there is no secret shop-tls yet: `ozymandias secret set shop-tls`",
		"shop.yaml:4:58: containers.app.secrets[1]: there is no secret shop-key yet: `ozymandias secret set shop-key`"}; err != nil || !slices.Equal(applied.Warnings, want) {
		t.Errorf("applied: %q, %v", applied.Warnings, err)
	}
	_, err = c.PutSecret(t.Context(), "-x", value)
	refused(t, err, v1.Invalid, "name: expected string to be letters")
	_, err = c.PutSecret(t.Context(), "x", make([]byte, secrets.MaxSize+1))
	refused(t, err, v1.Invalid, "the most that a secret has")
	_, err = c.PutSecret(t.Context(), "a..b", value)
	refused(t, err, v1.Invalid, `"a..b" is no name of a secret`)
	refused(t, c.DeleteSecret(t.Context(), "db_"), v1.Invalid, `"db_" is no name of a secret`)
	if err := c.DeleteSecret(t.Context(), "shop/db"); err != nil {
		t.Error(err)
	}
	refused(t, c.DeleteSecret(t.Context(), "shop/db"), v1.NotFound)
}
