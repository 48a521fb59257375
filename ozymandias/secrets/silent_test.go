package secrets

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"teamtask.dev/ozymandias/job"
)

// A Vault that accepts and never answers is not waited for for ever, and people are told.
func TestSilentVault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, err := newVault(VaultOptions{Address: "https://vault.example:8200"})
		if err != nil {
			t.Fatal(err)
		}
		v.http.Transport = &http.Transport{DialTLSContext: func(context.Context, string, string) (net.Conn, error) {
			here, there := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, there) }()
			return here, nil
		}}
		began := time.Now()
		_, err = v.read(t.Context(), job.Vault{Path: "secret/data/a", Key: "k", Role: "r"})
		if !errors.Is(err, errSilent) || !strings.Contains(err.Error(), "read secret/data/a in Vault at vault.example:8200: it has not answered within 30s") {
			t.Errorf("it is %v", err)
		}
		if waited := time.Since(began); waited != answersWithin {
			t.Errorf("it was waited for for %s", waited)
		}
	})
}
