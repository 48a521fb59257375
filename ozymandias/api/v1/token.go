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

// Certificate is a client certificate that lets somebody in as an admin.
type Certificate struct {
	Name    string    `json:"name"`
	Serial  string    `json:"serial" doc:"Its serial number, in hexadecimal digits."`
	Created time.Time `json:"created"`
	Ends    time.Time `json:"ends"`
}

// NewCertificate asks for one.
type NewCertificate struct {
	Name string `json:"name" minLength:"1" maxLength:"63" pattern:"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" patternDescription:"lower-case letters, digits and '-'"`
	Days int    `json:"days" minimum:"1" maximum:"365" doc:"How long it is valid, unless it is deleted before."`
}

// CreatedCertificate is one with its key, and that of the cluster's authority, by which nodes are known. All are PEM.
type CreatedCertificate struct {
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
	Authority   string `json:"authority"`
}
