package job

import (
	"bytes"
	"encoding/json"
)

// UnmarshalJSON takes a secret, or its name alone. Of fields it does not know it takes no notice, as encoding/json does.
func (s *Secret) UnmarshalJSON(b []byte) error {
	if b = bytes.TrimSpace(b); len(b) > 0 && b[0] == '"' {
		*s = Secret{}
		return json.Unmarshal(b, &s.Name)
	}
	type fields Secret
	return json.Unmarshal(b, (*fields)(s))
}
