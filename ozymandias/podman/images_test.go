package podman_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/ozymandias/podman/podmantest"
)

// An image can be carried to another machine, where it is the same.
func TestImages(t *testing.T) {
	ctx, client := patient(t), machine.Client
	const name = "localhost/carried:2"
	if err := client.Tag(ctx, podmantest.Image, name); err != nil {
		t.Fatal(err)
	}
	before, err := client.Image(ctx, name)
	if err != nil || !slices.Contains(before.Names, name) || before.Size < 1_000_000 {
		t.Fatalf("Image() = %+v, %v", before, err)
	}
	var archive bytes.Buffer
	if err := client.Save(ctx, name, &archive); err != nil {
		t.Fatal(err)
	}
	if err := client.RemoveImage(ctx, name); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Image(ctx, name); !errors.Is(err, podman.ErrNotFound) {
		t.Fatalf("Image() = %v after it was removed", err)
	}
	if _, err := client.Image(ctx, podmantest.Image); err != nil {
		t.Fatalf("Image() = %v of another name", err)
	}
	other := podmantest.New(t)
	names, err := other.Client.Load(ctx, &archive)
	if err != nil || !slices.Equal(names, []string{name}) {
		t.Fatalf("Load() = %q, %v", names, err)
	}
	if after, err := other.Client.Image(ctx, name); err != nil || after.ID != before.ID {
		t.Errorf("it was %+v and is %+v, %v", before, after, err)
	}
	images, err := other.Client.Images(ctx)
	if err != nil || !slices.ContainsFunc(images, func(i podman.Image) bool { return i.ID == before.ID && slices.Contains(i.Names, name) }) {
		t.Errorf("Images() = %+v, %v", images, err)
	}
}

func TestImageErrors(t *testing.T) {
	ctx, client := patient(t), machine.Client
	if _, err := client.Image(ctx, "localhost/nothing:1"); !errors.Is(err, podman.ErrNotFound) {
		t.Errorf("Image() = %v", err)
	}
	if err := client.Save(ctx, "localhost/nothing:1", new(bytes.Buffer)); !errors.Is(err, podman.ErrNotFound) {
		t.Errorf("Save() = %v", err)
	}
	if err := client.RemoveImage(ctx, "localhost/nothing:1"); err != nil {
		t.Errorf("RemoveImage() = %v", err)
	}
	if err := client.Tag(ctx, podmantest.Image, "localhost:5000/nothing"); err == nil || !strings.Contains(err.Error(), "has no tag") {
		t.Errorf("Tag() = %v", err)
	}
	if _, err := client.Load(ctx, strings.NewReader("no archive")); !errors.Is(err, podman.ErrArchive) {
		t.Errorf("Load() of no archive = %v", err)
	}
	p := pod(t)
	container(t, p, "stay")
	if err := client.RemoveImage(ctx, podmantest.Image); err == nil {
		t.Error("RemoveImage() removed what is in use")
	}
}
