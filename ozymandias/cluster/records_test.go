package cluster

import (
	"bytes"
	"encoding/base64"
	"testing"
)

// A token that was sealed by an earlier program can be read, by who has the cluster's key.
func TestSealedBefore(t *testing.T) {
	sealed, err := base64.StdEncoding.DecodeString("R6gPE8gkH29JsdlrxhYrS6kWqFrIjO3RZBcLy61jNpv/YvHnGlrBvlclFPt4")
	if err != nil {
		t.Fatal(err)
	}
	if secret, err := unsealToken(bytes.Repeat([]byte{7}, 32), sealed); err != nil || secret != "kept since before" {
		t.Errorf("the token is %q, %v", secret, err)
	}
	if secret, err := unsealToken(bytes.Repeat([]byte{8}, 32), sealed); err == nil {
		t.Errorf("by another key the token is %q", secret)
	}
	if secret, err := unsealToken(bytes.Repeat([]byte{7}, 32), sealed[:5]); err == nil {
		t.Errorf("cut short the token is %q", secret)
	}
}
