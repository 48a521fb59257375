package volumes

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"teamtask.dev/ozymandias/schedule"
)

// Names begin so for what is not finished; those of volumes begin with a job's UID, in which a comma is escaped.
const (
	making   = ",making,"
	removing = ",removing,"
)

// entry is the name of a volume's directory, for people to find it: UID,INSTANCE,NAME. What it is of is told by the record within.
func entry(k key) string {
	name := url.PathEscape(k.Job) + "," + url.PathEscape(k.ID) + "," + url.PathEscape(k.name) // which leaves no / and no ,
	if len(name) > 200 {                                                                      // file names have 255 bytes at most
		sum := sha256.Sum256([]byte(name))
		name = fmt.Sprintf("%s~%x", name[:150], sum[:16])
	}
	return name
}

// record is what stands in each volume's directory.
type record struct {
	Job   string `json:"job"`
	ID    string `json:"id,omitempty"`
	Name  string `json:"name"`
	Space int64  `json:"space"` // bytes that it has
	Epoch int64  `json:"epoch,omitempty"`
}

const recordFile = "volume.json"

func readRecord(dir string) (schedule.Volume, error) {
	path := filepath.Join(dir, recordFile)
	b, err := os.ReadFile(path)
	if err != nil {
		return schedule.Volume{}, err
	}
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		return schedule.Volume{}, fmt.Errorf("%s cannot be read: %w", path, err)
	}
	return schedule.Volume{Instance: schedule.Instance{Job: r.Job, ID: r.ID}, Name: r.Name, Space: r.Space, Epoch: r.Epoch}, nil
}

// writeRecord writes the record so that there is the old one or the new one at any time.
func writeRecord(dir string, v schedule.Volume) error {
	b, err := json.Marshal(record{v.Job, v.ID, v.Name, v.Space, v.Epoch})
	if err != nil {
		return err
	}
	return write(filepath.Join(dir, recordFile), string(b)+"\n")
}

// write makes a file that is there as a whole or not at all, or has another one's place.
func write(path, text string) error {
	next, err := prepare(path, text)
	if err != nil {
		return err
	}
	if err := rename(next, path); err != nil {
		return errors.Join(err, os.Remove(next))
	}
	return nil
}

// prepare writes what is to be a file under another name: of several nodes' own, in a directory that they have in common.
func prepare(path, text string) (next string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".")
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// rename renames a file for good, within a directory.
func rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return flush(filepath.Dir(to))
}

// flush brings a file, or the names in a directory, to the disk.
func flush(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func compare(a, b schedule.Volume) int {
	return cmp.Or(a.Compare(b.Instance), cmp.Compare(a.Name, b.Name))
}
