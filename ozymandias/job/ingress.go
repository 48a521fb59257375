package job

import (
	"bytes"
	"encoding/json"
)

// Ingress is a way in from outside, on every node: HTTP requests for a host, or TCP connections to a port.
type Ingress struct {
	// Host whose requests go to the job, in lower case and without a port. Excludes TCP.
	Host string `json:"host,omitempty" doc:"Host whose requests go to the job."`
	// Path limits it to requests for it and what is below: "/api" has /api and /api/x, not /apix. The longest that matches wins.
	// Default "/".
	Path string `json:"path,omitempty" doc:"Only requests for this path and below; default /."`
	// TCP is the port of every node whose connections go to the job. Excludes Host.
	TCP int `json:"tcp,omitempty" doc:"Port whose connections go to the job." minimum:"1" maximum:"65535"`
	// Container that answers. Default: the only one there is.
	Container string `json:"container,omitempty" doc:"Container that answers; default the only one."`
	// Port the container listens on.
	Port int `json:"port" doc:"Port the container listens on." minimum:"1" maximum:"65535"`
	// TLS serves Host by HTTPS too and sends plain HTTP there. nil: plain HTTP only. Not with TCP: connections are passed on as they are.
	TLS *TLS `json:"tls,omitempty" doc:"Serve by HTTPS."`
}

// TLS says where a host's certificate comes from: one of the two.
type TLS struct {
	// Secret names a secret of the cluster with the certificate chain and its key, in PEM.
	Secret string `json:"secret,omitempty" doc:"Secret with certificate chain and key, in PEM."`
	// ACME gets a certificate from the authority the cluster is set up with, such as Let's Encrypt, and renews it.
	ACME bool `json:"acme,omitempty" doc:"Get a certificate by ACME, and renew it."`
}

// Ingresses are read from one or from a list, and written as a list.
type Ingresses []Ingress

// UnmarshalJSON takes one ingress or a list.
func (l *Ingresses) UnmarshalJSON(b []byte) error {
	if b = bytes.TrimSpace(b); len(b) > 0 && b[0] == '{' {
		var one Ingress
		if err := json.Unmarshal(b, &one); err != nil {
			return err
		}
		*l = Ingresses{one}
		return nil
	}
	return json.Unmarshal(b, (*[]Ingress)(l))
}
