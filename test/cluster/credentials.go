package cluster

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// authority signs the certificates of everyone in a cluster: servers and clients.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
	pem  []byte // of cert
}

// newAuthority makes an authority for a cluster that lives at most a year.
func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	a := &authority{key: key, cert: &x509.Certificate{Subject: pkix.Name{CommonName: "teamtask cluster"}, KeyUsage: x509.KeyUsageCertSign, IsCA: true,
		BasicConstraintsValid: true, SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0)}}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, key.Public(), key)
	if err != nil {
		return nil, err
	}
	a.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	a.cert, err = x509.ParseCertificate(der)
	return a, err
}

// issue makes a key, and a certificate that is valid for these names and addresses, for serving and for calling.
func (a *authority) issue(subject pkix.Name, hosts ...string) (certificate, key []byte, err error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	cert := &x509.Certificate{Subject: subject, SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: a.cert.NotBefore, NotAfter: a.cert.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			cert.IPAddresses = append(cert.IPAddresses, ip)
		} else {
			cert.DNSNames = append(cert.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, a.cert, k.Public(), a.key)
	if err != nil {
		return nil, nil, err
	}
	certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	private, err := x509.MarshalPKCS8PrivateKey(k)
	return certificate, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), err
}

// issueFiles issues to NAME.crt and NAME.key in a directory.
func (a *authority) issueFiles(name string, subject pkix.Name, hosts ...string) error {
	certificate, key, err := a.issue(subject, hosts...)
	if err != nil {
		return fmt.Errorf("issue a certificate for %s: %w", subject.CommonName, err)
	}
	if err := os.WriteFile(name+".crt", certificate, 0o600); err != nil {
		return err
	}
	return os.WriteFile(name+".key", key, 0o600)
}

// credentials makes what the API server needs to know its callers and to be known by them.
func (c *Cluster) credentials() (err error) {
	if c.authority, err = newAuthority(); err != nil {
		return fmt.Errorf("make a certificate authority: %w", err)
	}
	if err := os.MkdirAll(c.path("certs"), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(c.path("certs", "ca.crt"), c.authority.pem, 0o600); err != nil {
		return err
	}
	server := pkix.Name{CommonName: "kube-apiserver"}
	if err := c.authority.issueFiles(c.path("certs", "apiserver"), server, c.Host, firstService,
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"); err != nil {
		return err
	}
	if err := c.authority.issueFiles(c.path("certs", "accounts"), pkix.Name{CommonName: "service accounts"}); err != nil {
		return err
	}
	// Whoever the authority knows may do all with a node's kubelet.
	if err := c.authority.issueFiles(c.path("certs", "kubelet-client"), pkix.Name{CommonName: "kube-apiserver-kubelet-client"}); err != nil {
		return err
	}
	c.Kubeconfig, err = c.KubeconfigFor("admin", "system:masters")
	return err
}

// KubeconfigFor writes a kubeconfig for a user in these groups, whom RBAC may then allow things, and returns its file.
func (c *Cluster) KubeconfigFor(user string, groups ...string) (file string, err error) {
	file = c.path(url.QueryEscape(user) + ".kubeconfig") // a colon would part files in $KUBECONFIG
	return file, c.writeKubeconfig(file, user, groups...)
}

func (c *Cluster) writeKubeconfig(file, user string, groups ...string) error {
	certificate, key, err := c.authority.issue(pkix.Name{CommonName: user, Organization: groups})
	if err != nil {
		return fmt.Errorf("issue a certificate for user %s: %w", user, err)
	}
	encode := base64.StdEncoding.EncodeToString
	return replace(file, fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters:
- name: teamtask
  cluster: {server: %q, certificate-authority-data: %s}
users:
- name: %[3]q
  user: {client-certificate-data: %[4]s, client-key-data: %[5]s}
contexts:
- name: teamtask
  context: {cluster: teamtask, user: %[3]q}
current-context: teamtask
`, c.URL, encode(c.authority.pem), user, encode(certificate), encode(key)))
}

// replace writes a file at once: another test may be reading it.
func replace(file string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+"-")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}

// httpClient trusts the API server. Nobody is called in vain for long.
func (c *Cluster) httpClient() *http.Client {
	pool := x509.NewCertPool()
	pool.AddCert(c.authority.cert)
	return &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
}
