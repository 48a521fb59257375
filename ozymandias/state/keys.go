package state

import (
	"fmt"
	"strconv"
	"strings"
)

// Prefix is what the keys of all records begin with, also those of other packages: a backup has what is below it.
const Prefix = "/ozymandias/"

// The kinds of records, as their keys begin below the prefix.
const (
	headKey = "head"
	jobs    = "jobs/"
	specs   = "specs/"
	nodes   = "nodes/"
	live    = "live/"
	plans   = "plans/"
	reports = "reports/"
	told    = "events/"
)

// eventKey is where the events of a decision are, so that keys are in the order of decisions.
func eventKey(version int64) string { return fmt.Sprintf("%s%019d", told, version) }

func specKey(uid string, revision int64) string {
	return specs + uid + "/" + strconv.FormatInt(revision, 10)
}

// parseSpec reads what follows "specs/" in a key.
func parseSpec(rest string) (uid string, revision int64, ok bool) {
	uid, number, found := strings.Cut(rest, "/")
	revision, err := strconv.ParseInt(number, 10, 64)
	return uid, revision, found && err == nil
}
