package server

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"time"

	"teamtask.dev/api/v1alpha1"
)

// certificate accounts for every item of a list as its durable record does, signed by the servers' key.
func (s *Server) certificate(ctx context.Context, name string) (*v1alpha1.Certificate, error) {
	l, wl, err := s.load(ctx, name)
	if err != nil {
		return nil, err
	}
	rec, err := s.store.Record(ctx, l)
	if err != nil {
		return nil, err
	}
	phase := v1alpha1.Phase(rec.End.Phase)
	if phase == "" {
		phase = v1alpha1.PhaseActive
	}
	c := &v1alpha1.Certificate{Worklist: wl.Name, UID: l.UID, Size: wl.Spec.Size, Phase: phase, Done: []v1alpha1.Range{},
		Failed: []v1alpha1.FailedRange{}, Issued: time.Now().UTC().Truncate(time.Second)}
	if wl.Spec.Items != nil {
		c.Fingerprint = wl.Spec.Items.Fingerprint()
	}
	for r := range rec.Done.All() {
		c.Done = append(c.Done, v1alpha1.RangeOf(r))
	}
	c.Failed = append(c.Failed, v1alpha1.FailedRanges(&rec.Failed, 0)...)
	c.Digest, err = c.ComputeDigest()
	if err != nil {
		return nil, err
	}
	c.PublicKey = base64.StdEncoding.EncodeToString(s.signing.Public().(ed25519.PublicKey))
	c.Signature = base64.StdEncoding.EncodeToString(ed25519.Sign(s.signing, []byte(c.Digest)))
	return c, nil
}
