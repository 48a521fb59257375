package v1

import "time"

// A Role is what a caller may do.
type Role string

// The roles.
const (
	Admin Role = "admin" // anything
	Read  Role = "read"  // look, but not at tokens, and run nothing
)

// A Token lets a caller in from another machine.
type Token struct {
	Name    string    `json:"name"`
	Role    Role      `json:"role"`
	Created time.Time `json:"created"`
}

// NewToken asks for one.
type NewToken struct {
	Name string `json:"name" minLength:"1" maxLength:"63" pattern:"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" patternDescription:"lower-case letters, digits and '-'"`
	Role Role   `json:"role" enum:"admin,read" doc:"What it opens: everything, or only to look."`
}

// CreatedToken has the secret, this once.
type CreatedToken struct {
	Token
	Secret string `json:"secret" doc:"To be shown as header Authorization: Bearer SECRET."`
}

// JoinToken is by which nodes join the cluster.
type JoinToken struct {
	Token string `json:"token"`
}

// NewCertificate asks for a client certificate by which somebody is let in as an admin.
type NewCertificate struct {
	Name string `json:"name" minLength:"1" maxLength:"63" pattern:"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" patternDescription:"lower-case letters, digits and '-'"`
	// Days that it is valid for; there is no way to take it back before.
	Days int `json:"days" minimum:"1" maximum:"365" doc:"How long it is valid; it cannot be taken back before."`
}

// Certificate is a client certificate with its key, and that of the cluster's authority, by which nodes are known. All are PEM.
type Certificate struct {
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
	Authority   string `json:"authority"`
}
