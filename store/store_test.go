package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"teamtask.dev/worklist"
)

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{Dir: dir, URL: "http://here"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func create(t *testing.T, s *Store, name string) *Object {
	t.Helper()
	l := &Object{Name: name, UID: "uid-of-" + name, Manifest: fmt.Appendf(nil, `{"metadata":{"name":%q,"uid":"uid-of-%s"}}`, name, name)}
	if err := s.Lists.Create(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	return l
}

func acquire(t *testing.T, s *Store, l *Object) *Journal {
	t.Helper()
	tenure, owner, err := s.Lists.Acquire(t.Context(), l)
	if err != nil || tenure == nil {
		t.Fatal(owner, err)
	}
	return NewJournal(tenure)
}

// scattered is a record in which every second item is done: as large as a record of that many items gets.
func scattered(n int64) worklist.Record {
	r := worklist.Record{Size: 2 * n, Next: 2 * n}
	for i := range n {
		r.Done.Put(worklist.Range{Start: 2 * i, End: 2*i + 1}, struct{}{})
	}
	return r
}

func marshal(t *testing.T, r *worklist.Record) []byte {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A record is read back as it was written: as a checkpoint with deltas, and in chunks where it is too large for one value.
func TestRecords(t *testing.T) {
	for _, n := range []int64{0, 10, 500_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			l := create(t, s, "list")
			tenure := acquire(t, s, l)
			if rec, err := tenure.Load(t.Context()); err != nil || rec.Size != 0 {
				t.Fatalf("a list that was never written: %+v, %v", rec, err)
			}
			rec := scattered(n + 1)
			for range 2 { // the second time there are chunks to replace
				if err := tenure.Fold(t.Context(), marshal(t, &rec), nil); err != nil {
					t.Fatal(err)
				}
			}
			for i := range int64(3) {
				d := worklist.Delta{}
				d.Done.Put(worklist.Range{Start: 2*i + 1, End: 2*i + 2}, struct{}{})
				if i > n {
					break
				}
				rec.Apply(&d)
				if err := tenure.Commit(t.Context(), &d, nil); err != nil {
					t.Fatal(err)
				}
			}
			s.Close()

			s = open(t, dir)
			defer s.Close()
			l, err := s.Lists.Get(t.Context(), "list")
			if err != nil {
				t.Fatal(err)
			}
			got, err := acquire(t, s, l).Load(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(marshal(t, &got), marshal(t, &rec)) {
				t.Errorf("%d ranges came back, %d were written", got.Done.Len(), rec.Done.Len())
			}
			chunks, err := s.client.Get(t.Context(), s.key("records/uid-of-list/chunks/"), withPrefixCount()...)
			if err != nil || (chunks.Count > 0) != (n > 100_000) {
				t.Errorf("%d chunks, %v", chunks.Count, err)
			}
		})
	}
}

// Deltas are folded once they outweigh the checkpoint.
func TestFoldIsDue(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	tenure := acquire(t, s, create(t, s, "list"))
	commits := 0
	for ; !tenure.FoldDue(); commits++ {
		d := worklist.Delta{Next: int64(commits + 1)}
		if err := tenure.Commit(t.Context(), &d, nil); err != nil {
			t.Fatal(err)
		}
	}
	if commits != foldAfter {
		t.Errorf("after %d commits", commits)
	}
	rec := worklist.Record{Size: 5, Next: 5}
	if err := tenure.Fold(t.Context(), marshal(t, &rec), nil); err != nil {
		t.Fatal(err)
	}
	deltas, err := s.client.Get(t.Context(), s.key("records/"), withPrefixCount()...)
	if err != nil || deltas.Count != 1 || tenure.FoldDue() {
		t.Errorf("%d keys are left of the record, %v", deltas.Count, err)
	}
}

// Who is not the owner any more cannot write.
func TestALostTenureCannotWrite(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	l := create(t, s, "list")
	old := acquire(t, s, l)
	again := acquire(t, s, l) // the same server, anew
	d := worklist.Delta{Next: 1}
	if err := old.Commit(t.Context(), &d, nil); !errors.Is(err, ErrLost) {
		t.Errorf("the older tenure: %v", err)
	}
	if err := again.Commit(t.Context(), &d, nil); err != nil {
		t.Error(err)
	}
	if err := s.Lists.Delete(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	if err := again.Commit(t.Context(), &d, nil); !errors.Is(err, ErrLost) {
		t.Errorf("after the list was deleted: %v", err)
	}
	left, err := s.client.Get(t.Context(), s.key("re"), withPrefixCount()...) // records, results
	if err != nil || left.Count != 0 {
		t.Errorf("%d keys are left of a deleted list, %v", left.Count, err)
	}
}

func TestLists(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	for _, name := range []string{"b", "a", "c"} {
		create(t, s, name)
	}
	if err := s.Lists.Create(t.Context(), &Object{Name: "a"}); !errors.Is(err, ErrExists) {
		t.Errorf("created twice: %v", err)
	}
	var names []string
	for after, more := "", true; more; {
		lists, rest, err := s.Lists.Page(t.Context(), after, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lists {
			names, after = append(names, l.Name), l.Name
		}
		more = rest
	}
	if !slices.Equal(names, []string{"a", "b", "c"}) {
		t.Errorf("%v", names)
	}
	x, _ := s.Lists.Get(t.Context(), "a")
	y, _ := s.Lists.Get(t.Context(), "a")
	if err := s.Lists.Update(t.Context(), x); err != nil {
		t.Error(err)
	}
	if err := s.Lists.Update(t.Context(), y); !errors.Is(err, ErrConflict) {
		t.Errorf("changed by two: %v", err)
	}
	if _, err := s.Lists.Get(t.Context(), "d"); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// Rows come back in the order of their commits; the oldest that may go are dropped.
func TestResults(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	l := create(t, s, "list")
	tenure := acquire(t, s, l)
	const commits = 50
	for i := range commits {
		rows := []Rows{{Data: fmt.Appendf(nil, "done %d\n", i)}, {Kept: true, Data: fmt.Appendf(nil, "kept %d\n", i)}}
		if err := tenure.Commit(t.Context(), &worklist.Delta{Next: int64(i + 1)}, rows); err != nil {
			t.Fatal(err)
		}
	}
	read := func(kept bool) (lines []string) {
		for rows, err := range s.Results(t.Context(), l, kept) {
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, strings.Fields(string(rows))[1])
		}
		return lines
	}
	if got := read(false); len(got) != commits || got[0] != "0" || got[commits-1] != "49" {
		t.Errorf("%v", got)
	}
	each := tenure.rowBytes / commits
	again := acquire(t, s, l) // what there is to trim is known after a takeover, too
	if _, err := again.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := again.TrimResults(t.Context(), 10*each); err != nil {
		t.Fatal(err)
	}
	if got := read(false); len(got) > 11 || len(got) < 9 || got[len(got)-1] != "49" {
		t.Errorf("left: %v", got)
	}
	if got := read(true); len(got) != commits {
		t.Errorf("of those to keep %d are left", len(got))
	}
}

func TestASecretIsMadeOnce(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	a, err := s.Secret(t.Context(), "secret", 32)
	if err != nil || len(a) != 32 {
		t.Fatal(a, err)
	}
	s.Close()
	s = open(t, dir)
	defer s.Close()
	if b, err := s.Secret(t.Context(), "secret", 32); err != nil || !bytes.Equal(a, b) {
		t.Errorf("%x, then %x, %v", a, b, err)
	}
}

func TestADirectoryInUse(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if _, err := Open(t.Context(), Options{Dir: dir}); !errors.Is(err, ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
	if err := Remove(dir); !errors.Is(err, ErrInUse) {
		t.Errorf("removed in use: %v", err)
	}
	s.Close()
	if err := Remove(dir); err != nil {
		t.Error(err)
	}
	if _, err := Open(context.Background(), Options{}); err == nil {
		t.Error("opened nowhere")
	}
}

// A small store takes little room once it is closed, and is whole when it is opened again, however often.
func TestASmallStoreIsSmall(t *testing.T) {
	dir := t.TempDir()
	for round := range 3 {
		s := open(t, dir)
		name := fmt.Sprintf("list-%d", round)
		create(t, s, name)
		lists, _, err := s.Lists.Page(t.Context(), "", 100)
		if err != nil || len(lists) != round+1 {
			t.Fatalf("round %d: %d lists, %v", round, len(lists), err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		var size int64
		filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				if info, err := d.Info(); err == nil {
					size += info.Sys().(*syscall.Stat_t).Blocks * 512 // the database is sparse
				}
			}
			return err
		})
		if size > 1<<20 {
			t.Errorf("round %d: %d bytes for %d lists", round, size, round+1)
		}
	}
}
