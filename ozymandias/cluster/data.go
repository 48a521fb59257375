package cluster

import (
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"teamtask.dev/ozymandias/durable"
	"teamtask.dev/ozymandias/lockfile"
	"teamtask.dev/ozymandias/pki"
	"teamtask.dev/ozymandias/seal"
)

// A directory is a node's data.
type directory struct {
	path  string
	close func() // gives it back
}

// The files of the directory pki.
const (
	selfFile         = "cluster.json"
	authorityFile    = "ca.crt"
	authorityKeyFile = "ca.key"
	nodeFile         = "node.crt"
	nodeKeyFile      = "node.key"
	clusterKeyFile   = "cluster.key"
	restoredFile     = "restored.json" // a backup, until etcd has begun with it
)

// self is what a node knows of itself.
type self struct {
	Name    string     `json:"name"`
	Address netip.Addr `json:"address"`
	// Founding says that the cluster's first records may not be written yet, and that etcd may not have begun.
	Founding bool `json:"founding,omitempty"`
	// Member says that etcd has run here as a member: its data has to be there.
	Member bool `json:"member,omitempty"`
	// Forced says that etcd was made to go on alone here ([Options.ForceNewCluster]), since the node was last started without being told to.
	Forced bool `json:"forced,omitempty"`
	// Restoring says that etcd is to begin with the records of a backup.
	Restoring bool `json:"restoring,omitempty"`
	// External says that etcd is the user's own.
	External bool `json:"external,omitempty"`
	// Endpoints are where etcd was last seen.
	Endpoints []string `json:"endpoints"`
}

// credentials are what makes a machine a node of its cluster.
type credentials struct {
	authority *pki.Authority
	identity  *pki.Identity
	key       []byte // the cluster's, 32 bytes
}

// openDirectory makes the directory if it is not there, and has it for this process alone. The lock goes with the process, however it ends.
func openDirectory(path string) (*directory, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	unlock, err := lockfile.Take(path)
	if errors.Is(err, lockfile.ErrTaken) {
		err = ErrInUse
	}
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", path, err)
	}
	return &directory{path, unlock}, nil
}

func (d *directory) pki(file string) string { return filepath.Join(d.path, "pki", file) }

// etcd is where etcd has its data.
func (d *directory) etcd() string { return filepath.Join(d.path, "etcd") }

// NodeName is the name of the node that has a data directory; "" if the machine is no node of a cluster yet.
func NodeName(data string) (string, error) {
	d := &directory{path: data}
	if there, err := d.holdsNode(); err != nil || !there {
		return "", err
	}
	s, err := d.self()
	if err == nil && s.Name == "" {
		err = fmt.Errorf("read which node this is: %s: it has no name", d.pki(selfFile))
	}
	return s.Name, err
}

// Traces are what shows that a data directory is a node's, or of a machine that was about to become one. Who empties the directory has the first go
// last: then it is known by that until it is done.
func Traces(data string) []string {
	d := &directory{path: data}
	return []string{d.pki(selfFile), d.draft("")}
}

// LastAddress is where others were last to reach the node that a data directory holds; not valid if it holds none.
func LastAddress(data string) (netip.Addr, error) {
	s, err := (&directory{path: data}).self()
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return s.Address, err
}

// holdsNode reports whether the machine is a node of a cluster already.
func (d *directory) holdsNode() (bool, error) {
	_, err := os.Stat(d.pki(selfFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// The directory pki is put together beside its place, and then renamed: so it is there whole, or not at all.
func (d *directory) draft(file string) string { return filepath.Join(d.path, "pki.new", file) }

// draftKey is the key of a machine that is to become a node. A machine that joins has to come with the same key each time it tries, as the
// cluster may have admitted it when the answer was lost.
func (d *directory) draftKey() (*ecdsa.PrivateKey, error) {
	if b, err := os.ReadFile(d.draft(nodeKeyFile)); err == nil {
		return pki.ParseKey(b)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the node's key: %w", err)
	}
	if err := os.MkdirAll(d.draft(""), 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of keys: %w", err)
	}
	key, err := pki.NewKey()
	if err != nil {
		return nil, err
	}
	b, err := pki.EncodeKey(key)
	if err != nil {
		return nil, err
	}
	return key, durable.Write(d.draft(nodeKeyFile), b)
}

// settle makes the machine a node: it writes what belongs to one beside its key, and puts it in place.
func (d *directory) settle(self self, authority *pki.Authority, certificate, key []byte) error {
	ca, caKey, err := authority.Encode()
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(self, "", "  ")
	if err != nil {
		return err
	}
	for file, content := range map[string][]byte{selfFile: b, authorityFile: ca, authorityKeyFile: caKey, nodeFile: certificate, clusterKeyFile: key} {
		if err := durable.Write(d.draft(file), content); err != nil {
			return err
		}
	}
	if err := durable.Rename(d.draft(""), d.pki("")); err != nil {
		return fmt.Errorf("put the keys in place: %w", err)
	}
	return nil
}

// self reads what the node knows of itself.
func (d *directory) self() (s self, err error) {
	b, err := os.ReadFile(d.pki(selfFile))
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil {
		return s, fmt.Errorf("read which node this is: %s: %w", d.pki(selfFile), err)
	}
	return s, nil
}

func (d *directory) putSelf(s self) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return durable.Write(d.pki(selfFile), b)
}

// credentials reads what makes the machine a node. The certificate is renewed if it is due, or not for the node's address: so it does not
// matter for how long the machine was off.
func (d *directory) credentials(now time.Time, s self) (c credentials, err error) {
	files := map[string][]byte{}
	for _, file := range []string{authorityFile, authorityKeyFile, nodeFile, nodeKeyFile, clusterKeyFile} {
		if files[file], err = os.ReadFile(d.pki(file)); err != nil {
			return c, fmt.Errorf("read the node's keys: %w", err)
		}
	}
	if c.authority, err = pki.ParseAuthority(files[authorityFile], files[authorityKeyFile]); err != nil {
		return c, fmt.Errorf("read the node's keys: %w", err)
	}
	key, err := pki.ParseKey(files[nodeKeyFile])
	if err != nil {
		return c, fmt.Errorf("read the node's keys: %w", err)
	}
	if c.identity, err = pki.NewIdentity(c.authority, key, files[nodeFile]); err != nil {
		return c, fmt.Errorf("read the node's keys: %s: %w", d.pki(nodeFile), err)
	}
	if c.key = files[clusterKeyFile]; len(c.key) != seal.KeySize {
		return c, fmt.Errorf("read the node's keys: %s has %d bytes, want %d", d.pki(clusterKeyFile), len(c.key), seal.KeySize)
	}
	return c, d.renew(now, s, c)
}

// renew renews the node's certificate if that is due. etcd reads the file at each connection.
func (d *directory) renew(now time.Time, s self, c credentials) error {
	certificate := c.identity.Certificate()
	if !pki.Due(certificate, now) && certificate.VerifyHostname(s.Address.String()) == nil {
		return nil
	}
	if begins := c.authority.Certificate.NotBefore; now.Before(begins) {
		return fmt.Errorf("this machine's clock says %s, when the cluster's authority was not there yet (it begins at %s): set the clock right",
			now.UTC().Format(time.DateTime), begins.UTC().Format(time.DateTime))
	}
	if now.After(c.authority.Certificate.NotAfter) {
		return fmt.Errorf("the cluster's authority has ended on %s: found the cluster anew, or set the clock right", c.authority.Certificate.NotAfter.Format(time.DateOnly))
	}
	b, err := c.authority.IssueNode(now, c.identity.Public(), s.Name, s.Address)
	if err != nil {
		return err
	}
	if err := durable.Write(d.pki(nodeFile), b); err != nil {
		return err
	}
	return c.identity.Renew(b)
}

// dropEtcd removes the data of a member that is none any more. self is written first, so that nobody takes the data for lost.
func (d *directory) dropEtcd(s self) error {
	s.Member = false
	if err := d.putSelf(s); err != nil {
		return err
	}
	old := d.etcd() + ".old"
	if err := os.RemoveAll(old); err != nil {
		return fmt.Errorf("remove the data of a former member: %w", err)
	}
	if err := os.Rename(d.etcd(), old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the data of a former member: %w", err)
	}
	return os.RemoveAll(old)
}
