package state

import (
	"strconv"
	"strings"
)

// DefaultPrefix is where the records are in etcd.
const DefaultPrefix = "/ozymandias/"

// The kinds of records, as their keys begin below the prefix.
const (
	headKey = "head"
	jobs    = "jobs/"
	specs   = "specs/"
	nodes   = "nodes/"
	live    = "live/"
	plans   = "plans/"
	reports = "reports/"
)

func specKey(uid string, revision int64) string {
	return specs + uid + "/" + strconv.FormatInt(revision, 10)
}

// parseSpec reads what follows "specs/" in a key.
func parseSpec(rest string) (uid string, revision int64, ok bool) {
	uid, number, found := strings.Cut(rest, "/")
	revision, err := strconv.ParseInt(number, 10, 64)
	return uid, revision, found && err == nil
}
