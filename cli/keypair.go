package cli

import (
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
	"time"
)

// keyPair is a certificate with its key, each in a file. They are read again when they have changed: certificates are renewed while
// servers run.
type keyPair struct {
	files [2]string // the certificate's and the key's
	log   *slog.Logger

	mu   sync.Mutex
	seen [2]fileState
	pair *tls.Certificate
}

// fileState tells one content of a file from another, as far as one can see without reading it.
type fileState struct {
	size    int64
	changed time.Time
}

func openKeyPair(certificate, key string, log *slog.Logger) (*keyPair, error) {
	k := &keyPair{files: [2]string{certificate, key}, log: log}
	_, err := k.read()
	return k, err
}

// get is the pair for a connection. Where the files do not go together, as between the writing of one and of the other, it is the
// last one that did.
func (k *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	changed, err := k.read()
	switch {
	case err != nil && changed:
		k.log.Warn("the certificate was changed and cannot be used; the one before goes on", "error", err)
	case changed:
		k.log.Info("the certificate was changed")
	}
	return k.pair, nil
}

// read reads the files if they have changed since they were last looked at.
func (k *keyPair) read() (changed bool, err error) {
	var now [2]fileState
	for i, name := range k.files {
		if s, err := os.Stat(name); err == nil {
			now[i] = fileState{s.Size(), s.ModTime()}
		}
	}
	if k.pair != nil && now == k.seen {
		return false, nil
	}
	k.seen = now
	pair, err := tls.LoadX509KeyPair(k.files[0], k.files[1])
	if err == nil {
		k.pair = &pair
	}
	return true, err
}
