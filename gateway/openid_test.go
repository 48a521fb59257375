package gateway

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// A user of an OpenID provider has the name and the groups that the API server would give them.
func TestOpenIDUser(t *testing.T) {
	const issuer = "https://id.example"
	for _, c := range []struct {
		what   string
		openID OpenID
		claims string
		name   string // "": refused
		groups []string
	}{
		{"by default", OpenID{}, `{"sub":"ann"}`, "https://id.example#ann", nil},
		{"another claim", OpenID{UsernameClaim: "login"}, `{"sub":"1","login":"ann"}`, "https://id.example#ann", nil},
		{"a prefix", OpenID{UsernamePrefix: "oidc:"}, `{"sub":"ann"}`, "oidc:ann", nil},
		{"no prefix", OpenID{UsernamePrefix: "-"}, `{"sub":"ann"}`, "ann", nil},
		{"an email has none", OpenID{UsernameClaim: "email"}, `{"email":"ann@a.example"}`, "ann@a.example", nil},
		{"an email with a prefix", OpenID{UsernameClaim: "email", UsernamePrefix: "x:"}, `{"email":"ann@a.example"}`, "x:ann@a.example", nil},
		{"a verified email", OpenID{UsernameClaim: "email"}, `{"email":"ann@a.example","email_verified":true}`, "ann@a.example", nil},
		{"an email that is not", OpenID{UsernameClaim: "email"}, `{"email":"ann@a.example","email_verified":false}`, "", nil},
		{"one of which that is unclear", OpenID{UsernameClaim: "email"}, `{"email":"ann@a.example","email_verified":"false"}`, "", nil},
		{"one that does not matter", OpenID{}, `{"sub":"ann","email_verified":false}`, "https://id.example#ann", nil},
		{"no name", OpenID{UsernameClaim: "login"}, `{"sub":"ann"}`, "", nil},
		{"an empty name", OpenID{}, `{"sub":""}`, "", nil},
		{"a name that is a number", OpenID{}, `{"sub":7}`, "", nil},
		{"groups", OpenID{GroupsClaim: "groups"}, `{"sub":"ann","groups":["a","b"]}`, "https://id.example#ann", []string{"a", "b"}},
		{"one group", OpenID{GroupsClaim: "groups"}, `{"sub":"ann","groups":"a"}`, "https://id.example#ann", []string{"a"}},
		{"groups with a prefix", OpenID{GroupsClaim: "groups", GroupsPrefix: "g:"}, `{"sub":"ann","groups":["a","b"]}`, "https://id.example#ann", []string{"g:a", "g:b"}},
		{"groups that nobody asked for", OpenID{}, `{"sub":"ann","groups":["a"],"":["b"]}`, "https://id.example#ann", nil},
		{"no groups", OpenID{GroupsClaim: "groups"}, `{"sub":"ann"}`, "https://id.example#ann", nil},
		{"groups that are null", OpenID{GroupsClaim: "groups"}, `{"sub":"ann","groups":null}`, "https://id.example#ann", nil},
		{"groups that are numbers", OpenID{GroupsClaim: "groups"}, `{"sub":"ann","groups":[1]}`, "", nil},
	} {
		c.openID.Issuer = issuer
		var claims map[string]json.RawMessage
		if err := json.Unmarshal([]byte(c.claims), &claims); err != nil {
			t.Fatal(err)
		}
		s, err := c.openID.user(claims)
		switch {
		case c.name == "":
			if err == nil {
				t.Errorf("%s: %+v", c.what, s)
			}
		case err != nil || s.name != c.name || !slices.Equal(s.groups, append(c.groups, "system:authenticated")):
			t.Errorf("%s: %+v, %v", c.what, s, err)
		}
	}
}

// Without https anybody on the way could say who is who.
func TestOpenIDNeedsTLS(t *testing.T) {
	o := OpenID{Issuer: "http://id.example", ClientID: "teamtask"}
	if err := o.Connect(t.Context()); err == nil || !strings.Contains(err.Error(), "https") {
		t.Error(err)
	}
}
