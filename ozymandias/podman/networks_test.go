package podman_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"teamtask.dev/ozymandias/podman"
)

// A network is made once; if it is to be another it is replaced, unless pods are attached.
func TestNetworks(t *testing.T) {
	ctx, client := patient(t), machine.Client
	same := machine.Network
	if err := client.EnsureNetwork(ctx, same); err != nil {
		t.Errorf("a network that is there: %v", err)
	}
	other := same
	other.Name, other.Interface = "other", "oz-other"
	other.Subnet = netip.MustParsePrefix("10.251.7.0/24")
	other.Gateway = other.Subnet.Addr().Next()
	t.Cleanup(func() {
		if err := client.RemoveNetwork(context.WithoutCancel(ctx), other.Name); err != nil {
			t.Error(err)
		}
	})
	if err := client.EnsureNetwork(ctx, other); err != nil {
		t.Fatal(err)
	}
	other.MTU = 1450
	if err := client.EnsureNetwork(ctx, other); err != nil {
		t.Errorf("one with another MTU: %v", err)
	}
	start(t, container(t, pod(t), "stay"))
	changed := same
	changed.MTU = 1400
	if err := client.EnsureNetwork(ctx, changed); !errors.Is(err, podman.ErrInUse) {
		t.Errorf("a network was replaced under a pod: %v", err)
	}
	if err := client.RemoveNetwork(ctx, "nothing"); err != nil {
		t.Errorf("remove what is not there: %v", err)
	}
}
