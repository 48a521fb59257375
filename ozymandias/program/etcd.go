package program

// Etcd is how a program reaches etcd. It asks by itself, so it gets files rather than a client of ours.
type Etcd struct {
	// Endpoints are the addresses of the members: "https://10.0.0.1:7701".
	Endpoints []string
	// CA, Certificate and Key are files in PEM. None of them: without TLS.
	CA, Certificate, Key string
}

// Secure tells whether etcd is reached by TLS.
func (e Etcd) Secure() bool { return e.CA != "" }
